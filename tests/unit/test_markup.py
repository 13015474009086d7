"""Inline markup of a transcript: what is a tag, and what is text to be read."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonant.wire.costs import speech_credits
from sonant.wire.markup import Tag, has_speech, parse, spans

TAGS = {
    '<break time="1s"/>': Tag("break", "1"),
    "<break time='250ms'/>": Tag("break", "0.25"),
    '<BREAK time="1.5S" />': Tag("break", "1.5"),
    '<speed ratio="0.8"/>': Tag("speed", "0.8"),
    '<volume ratio="2"/>': Tag("volume", "2"),
    '<emotion value="Sad"/>': Tag("emotion", "sad"),
    "<spell>AB 1</spell>": Tag("spell", "AB 1"),
    "[laughter]": Tag("laughter", "[laughter]"),
    "<<h|ə|l|oʊ>>": Tag("ipa", "h|ə|l|oʊ"),
}


@pytest.mark.parametrize("text", TAGS)
def test_a_tag_is_read(text: str) -> None:
    """Rule: each tag of contract §2.5 and §2.6, in any case and with either quote."""
    assert list(parse(f"a {text} b")) == ["a ", TAGS[text], " b"]


@pytest.mark.parametrize(
    "text",
    [
        "<b>",
        "<break>",
        "<speed>",
        "3 < 4 > 2",
        "<break time=1s>",
        "<emotion value=''/>",
        "< >",
        "<spell>AB",
        "</spell>",
    ],
)
def test_what_is_no_tag_is_text(text: str) -> None:
    """Rule: not SSML; the rest is read out."""
    assert list(parse(text)) == [text]


@settings(max_examples=50)
@given(st.lists(st.one_of(st.text(max_size=10), st.sampled_from(list(TAGS))), max_size=20).map("".join))
def test_spans_cover_tags_and_nothing_is_lost(text: str) -> None:
    """Rule: the text parts and the tags make up the whole; spans are in order and within it."""
    assert sum(len(part) for part in parse(text) if isinstance(part, str)) <= len(text)
    end = 0
    for start, stop in spans(text):
        assert end <= start < stop <= len(text)
        end = stop


@pytest.mark.parametrize(
    ("text", "speaks"),
    [("Hi", True), ("7", True), ("你好", True), ("👍", True), ("<<h|ə>>", True), ("...", False), ("", False), ("\u200b", False),
     ('<break time="1s"/>', False), ("<spell></spell>", False), ("\u2028\u2029", False), ("€", True), ("£", True), ("$$$", False), ("<spell>A</spell>", True), ("<spell>.</spell>", False), ("\ufe0f", False),
     ("[laughter]", False), ("…—", False), ("\u3000。", False), ("\ufeff", False)],
)  # fmt: skip
def test_speech_is_told_from_silence(text: str, speaks: bool) -> None:
    """Rule: nothing is sent that would be paid for and say nothing."""
    assert has_speech(text) is speaks


def test_tags_cost_a_credit() -> None:
    """Rule: about one a character; a tag counts as one. Source: contract §14."""
    assert speech_credits('Hi <break time="1s"/> you') == len("Hi ") + 1 + len(" you")
