"""Joining segments without clicks, holes or doubled silence."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonant.audio.pcm import Samples
from sonant.audio.splice import Joiner, crossfade

SAMPLE_RATE = 8000


def _tone(seconds: float, *, before: float = 0.0, after: float = 0.0) -> Samples:
    tone = 0.3 * np.cos(2 * np.pi * 440 * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE)
    return np.pad(tone, (round(before * SAMPLE_RATE), round(after * SAMPLE_RATE))).astype(np.float32)


def _join(segments: list[Samples], pause_s: float, chunk: int = 1000) -> tuple[Samples, list[float]]:
    joiner, out, offsets = Joiner(SAMPLE_RATE), [np.zeros(0, np.float32)], []
    for segment in segments:
        out.append(joiner.begin(pause_s))
        out += [joiner.feed(segment[start : start + chunk]) for start in range(0, len(segment), chunk)]
        offsets.append(joiner.offset_s)
    return np.concatenate([*out, joiner.finish()]), offsets


def _longest_silence_s(samples: Samples) -> float:
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    return float(np.max(np.diff(loud))) / SAMPLE_RATE


def test_a_single_segment_passes_unchanged() -> None:
    """One piece needs no joining: its own silence stays, to the sample."""
    segment = _tone(0.5, before=0.4, after=0.6)
    np.testing.assert_array_equal(_join([segment], 0.2)[0], segment)


def test_the_silence_between_segments_is_the_pause_and_two_edges() -> None:
    """Half a second of silence on either side does not add up."""
    joined, _ = _join([_tone(0.3, after=0.5), _tone(0.3, before=0.5)], 0.2)
    assert _longest_silence_s(joined) == pytest.approx(0.2 + 2 * 0.03, abs=0.003)


def test_silence_inside_a_segment_stays() -> None:
    """Only the edges are trimmed: a pause in the middle is the speaker's."""
    segment = np.concatenate([_tone(0.2, after=0.7), _tone(0.2)])
    joined, _ = _join([_tone(0.1), segment], 0.0)
    assert _longest_silence_s(joined) == pytest.approx(0.7, abs=0.003)


def test_a_segment_that_ends_or_begins_in_mid_sound_does_not_click() -> None:
    """A cut is faded, so that no step is larger than the tone's own."""
    tone = _tone(0.3)
    joined, _ = _join([tone, tone], 0.1)
    assert np.max(np.abs(np.diff(joined))) <= np.max(np.abs(np.diff(tone))) * 1.05


def test_the_first_beginning_and_the_last_end_stay_as_they_came() -> None:
    """Only inner edges are cut."""
    joined, _ = _join([_tone(0.2, before=0.4), _tone(0.2, after=0.5)], 0.1)
    loud = np.flatnonzero(np.abs(joined) > 0.01)
    assert loud[0] / SAMPLE_RATE == pytest.approx(0.4, abs=0.002)
    assert (len(joined) - loud[-1]) / SAMPLE_RATE == pytest.approx(0.5, abs=0.002)


def test_offsets_place_a_word_where_it_sounds() -> None:
    """offset_s plus a time in the segment is the time in the joined sound."""
    segments = [_tone(0.2, before=0.1, after=0.3), _tone(0.2, before=0.25), _tone(0.3, before=0.01, after=0.1)]
    joined, offsets = _join(segments, 0.4)
    loud = np.flatnonzero(np.abs(joined) > 0.01)
    starts = np.concatenate([loud[:1], loud[1:][np.diff(loud) > 0.2 * SAMPLE_RATE]]) / SAMPLE_RATE
    assert starts == pytest.approx(
        [offset + before for offset, before in zip(offsets, (0.1, 0.25, 0.01), strict=True)], abs=0.003
    )


def test_a_silent_segment_adds_no_second_pause() -> None:
    """Nothing said between two segments is not two pauses."""
    joined, _ = _join([_tone(0.2), np.zeros(2000, np.float32), _tone(0.2)], 0.3)
    assert _longest_silence_s(joined) == pytest.approx(0.3, abs=0.01)


def test_hours_of_silence_are_not_held_in_memory() -> None:
    """What is held back has a limit; what exceeds it is passed on."""
    joiner = Joiner(SAMPLE_RATE)
    joiner.begin(0)
    joiner.feed(_tone(0.1))
    passed = sum(len(joiner.feed(np.zeros(SAMPLE_RATE, np.float32))) for _ in range(20))
    assert passed > 14 * SAMPLE_RATE


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.02, 0.2), st.floats(0, 0.2), st.floats(0, 0.2)), min_size=1, max_size=4),
    st.integers(1, 700),
)
def test_how_the_segments_are_cut_into_chunks_is_not_heard(
    shapes: list[tuple[float, float, float]], chunk: int
) -> None:
    """Streaming in any chunk size gives the same joined samples and offsets."""
    segments = [_tone(length, before=before, after=after) for length, before, after in shapes]
    whole, whole_offsets = _join(segments, 0.1, chunk=1_000_000)
    joined, offsets = _join(segments, 0.1, chunk=chunk)
    np.testing.assert_array_equal(joined, whole)
    assert offsets == whole_offsets


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 400))
def test_a_crossfade_is_as_long_as_both_less_the_overlap(a: int, b: int, frames: int) -> None:
    """The overlap is counted once, and is never longer than a side."""
    overlap = min(a, b, frames)
    assert len(crossfade(np.ones(a, np.float32), np.ones(b, np.float32), frames)) == a + b - overlap


def test_a_crossfade_of_unrelated_sounds_keeps_their_power() -> None:
    """Equal power: noise into noise has no dip and no bump."""
    rng = np.random.default_rng(1)
    a, b = rng.normal(0, 0.1, (2, 40000)).astype(np.float32)
    overlap = crossfade(a, b, 20000)[20000:40000]
    assert float(np.std(overlap)) == pytest.approx(0.1, rel=0.03)
