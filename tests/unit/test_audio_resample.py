"""Change of sample rate, whole and as a stream."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonant.audio.resample import StreamResampler, resample
from sonant.errors import AudioInputError

RATES = [8000, 16000, 22050, 24000, 44100, 48000]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(RATES), st.sampled_from(RATES), st.integers(0, 9000))
def test_the_length_follows_the_rates(sample_rate: int, target_sample_rate: int, frames: int) -> None:
    """Duration is kept: round(frames * target / source), to the frame."""
    out = resample(np.zeros(frames, np.float32), sample_rate, target_sample_rate)
    assert len(out) == round(frames * target_sample_rate / sample_rate)
    assert out.dtype == np.float32


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3000), max_size=12), st.sampled_from(RATES))
def test_pieces_give_what_the_whole_gives(lengths: list[int], target_sample_rate: int) -> None:
    """Where the pieces are cut must not be heard."""
    samples = np.random.default_rng(0).normal(0, 0.1, sum(lengths)).astype(np.float32)
    stream = StreamResampler(24000, target_sample_rate)
    parts = [stream.feed(part) for part in np.split(samples, np.cumsum(lengths)[:-1])] if lengths else []
    joined = np.concatenate([*parts, stream.finish()])
    np.testing.assert_allclose(joined, resample(samples, 24000, target_sample_rate), atol=1e-6)


@pytest.mark.parametrize("soxr_is_there", [True, False])
def test_a_tone_keeps_its_pitch_and_level(soxr_is_there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """1 kHz at 22.05 kHz is 1 kHz at 44.1 kHz; also where soxr has no wheel."""
    if not soxr_is_there:
        monkeypatch.setitem(sys.modules, "soxr", None)
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(22050) / 22050).astype(np.float32)
    expected = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(44100) / 44100)
    out = resample(tone, 22050, 44100)
    assert len(out) == 44100
    middle = slice(2000, -2000)
    assert np.max(np.abs(out[middle] - expected[middle])) < (1e-4 if soxr_is_there else 5e-3)


def test_an_absurd_rate_is_refused() -> None:
    """A broken header must not ask for gigabytes."""
    with pytest.raises(AudioInputError, match="3 Hz"):
        resample(np.zeros(10, np.float32), 3, 44100)
