"""Subtitles: cues a person can read, in valid SRT and WebVTT."""

import re

from hypothesis import given
from hypothesis import strategies as st

from sonant.wire.stt import TranscribedWord
from sonant.workflows.subtitles import CUE_CHARS, CUE_S, LINE_CHARS, cues, srt, vtt


def words(text: str, *, start: float = 0.0, each_s: float = 0.3, gap_s: float = 0.05) -> list[TranscribedWord]:
    made = []
    for word in text.split():
        made.append(TranscribedWord(word=word, start=start, end=start + each_s))
        start += each_s + gap_s
    return made


def test_an_srt_is_numbered_and_timed() -> None:
    """Rule: number, comma times, text, blank line."""
    assert srt(words("Hello there.", start=3661.5)) == "1\n01:01:01,500 --> 01:01:02,150\nHello there.\n\n"


def test_a_vtt_has_its_head_and_escapes() -> None:
    """Rule: WEBVTT first; &, < and > are markup there."""
    assert vtt(words("R&D <b> x")) == "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nR&amp;D &lt;b&gt; x\n\n"


def test_nothing_said_is_still_a_valid_file() -> None:
    """Rule: an empty recording has no cues."""
    assert srt([]) == ""
    assert vtt([]) == "WEBVTT\n\n"


def test_a_pause_starts_a_new_cue() -> None:
    """Rule: a silence of 0.8 s breaks, a shorter one does not."""
    first, second = words("one two three"), words("four five six", start=2.0)
    assert [cue.text for cue in cues([*first, *second])] == ["one two three", "four five six"]
    second = words("four five six", start=1.5)
    assert [cue.text for cue in cues([*first, *second])] == ["one two three four five six"]


def test_a_sentence_end_starts_a_new_cue() -> None:
    """Rule: broken at sentence ends, but not after one or two words."""
    told = [cue.text for cue in cues(words('Yes. I did "see it." Then we went.'))]
    assert told == ['Yes. I did "see it."', "Then we went."]


@given(st.lists(st.tuples(st.text("abcé.,!—", min_size=1, max_size=30), st.floats(0, 2), st.floats(0, 3)), max_size=80))
def test_cues_can_be_read(spans: list[tuple[str, float, float]]) -> None:
    """Rule: at most two lines and six seconds, in order, and every word once."""
    made, now = [], 0.0
    for word, length, gap in spans:
        made.append(TranscribedWord(word=word, start=now, end=now + length))
        now += length + gap
    told = list(cues(made))
    assert " ".join(cue.text for cue in told).split() == [word.word for word in made]
    for cue, after in zip(told, [*told[1:], None], strict=False):
        assert cue.end_s > cue.start_s
        assert after is None or after.start_s >= cue.end_s - 1e-6 or after.start_s > cue.start_s
        assert len(cue.text.splitlines()) <= 2
        assert len(cue.text) <= CUE_CHARS + 1
        assert len(cue.text.split()) == 1 or cue.end_s - cue.start_s <= CUE_S + 0.1
        assert len(cue.text) <= LINE_CHARS or len(cue.text.split()) == 1 or "\n" in cue.text


@given(st.lists(st.floats(0, 40_000), max_size=20))
def test_times_are_well_formed(starts: list[float]) -> None:
    """Rule: hours, minutes, seconds and milliseconds, whatever the numbers."""
    made = [TranscribedWord(word="w", start=start, end=start) for start in sorted(starts)]
    for line in srt(made).splitlines():
        if "-->" in line:
            assert re.fullmatch(r"\d\d:[0-5]\d:[0-5]\d,\d{3} --> \d\d:[0-5]\d:[0-5]\d,\d{3}", line)
