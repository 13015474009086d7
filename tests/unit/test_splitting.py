"""Cutting long text: nothing lost, nothing twice, no tag cut."""

import re
import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sonant.wire import markup
from sonant.workflows.splitting import PARAGRAPH_PAUSE_S, SENTENCE_PAUSE_S, Piece, clean, split

SLACK = 120
"""Characters of tags that a piece may repeat beyond the limit."""


def spoken(text: str) -> str:
    """What is said, without blanks and tags."""
    words = "".join(
        part if isinstance(part, str) else part.value
        for part in markup.parse(text)
        if isinstance(part, str) or part.name in ("spell", "ipa")
    )
    return re.sub(r"\s", "", words)


def said(pieces: list[Piece]) -> str:
    return "".join(spoken(piece.transcript) for piece in pieces)


def test_short_text_is_left_as_it_is() -> None:
    """Rule: what fits one request is sent as one, byte for byte."""
    assert split("Hello.  World", "en") == [Piece("Hello.  World", 0.0)]


def test_pieces_end_where_sentences_do() -> None:
    """Rule: cut at sentence ends, with a sentence's pause between; no abbreviation is taken for one."""
    text = "Dr. Smith paid 3.50 dollars to Mr. Jones. " * 20
    pieces = split(text.strip(), "en", 200)
    assert len(pieces) > 3
    assert all(piece.transcript.endswith("Mr. Jones.") for piece in pieces)
    assert [piece.pause_s for piece in pieces] == [0.0] + [SENTENCE_PAUSE_S] * (len(pieces) - 1)


def test_a_paragraph_pauses_longer() -> None:
    """Rule: the pause between pieces is that of what lies between them."""
    pieces = split("One is here. " * 11 + "\n\n" + "Two is there. " * 10, "en", 150)
    begins = next(piece for piece in pieces if piece.transcript.startswith("Two"))
    assert begins.pause_s == PARAGRAPH_PAUSE_S


@pytest.mark.parametrize(
    ("language", "text"),
    [("ja", "今日はいい天気です。明日は雨でしょう。" * 30), ("zh", "今天天气很好。明天会下雨！" * 40),
     ("hi", "आज मौसम अच्छा है। कल बारिश होगी। " * 20), ("ar", "الطقس جميل اليوم. ستمطر غدا؟ " * 20),
     ("de", "Heute ist der 3. Mai. Es regnet z. B. nie. " * 20), (None, "Fine today. Rain tomorrow. " * 20)],
)  # fmt: skip
def test_every_language_is_cut_by_its_own_rules(language: str | None, text: str) -> None:
    """Rule: nothing is lost in any script, and no piece is longer than the limit."""
    pieces = split(clean(text), language, 200)
    assert said(pieces) == spoken(text)
    assert all(len(piece.transcript) <= 200 for piece in pieces)
    assert all(piece.transcript[-1] in ".。!！?？।؟" for piece in pieces)


def test_a_sentence_without_end_is_cut_at_commas_or_blanks() -> None:
    """Rule: a too long sentence is cut where a reader would breathe; a word only if there is no other way."""
    pieces = split("alpha beta, gamma delta " * 50, "en", 100)
    assert all(len(piece.transcript) <= 100 for piece in pieces)
    assert all(re.fullmatch(r"(\w+,? ?)+", piece.transcript) for piece in pieces)
    assert said(split("a" * 950, "en", 100)) == "a" * 950


def test_no_tag_is_cut() -> None:
    """Rule: a tag or spelled run stays whole, and a full stop inside one ends no sentence."""
    text = 'Call <spell>A.B. C1</spell> now<break time="1.5s"/> please. ' * 30
    pieces = split(text, "en", 90)
    assert sum(piece.transcript.count("<spell>A.B. C1</spell>") for piece in pieces) == 30
    assert sum(piece.transcript.count('<break time="1.5s"/>') for piece in pieces) == 30
    assert said(pieces) == spoken(text)


def test_a_spelled_run_longer_than_a_piece_is_spelled_in_each() -> None:
    """Rule: what must be cut inside a spelled run is closed and opened again: nothing is read as a word."""
    pieces = split("Code: <spell>" + "AB12 " * 100 + "</spell> and done.", "en", 150)
    for piece in pieces:
        assert piece.transcript.count("<spell>") == piece.transcript.count("</spell>"), piece
        plain = re.sub(r"<spell>.*?</spell>", "", piece.transcript, flags=re.DOTALL)
        assert "AB12" not in plain
    assert said(pieces) == spoken("Code: " + "AB12 " * 100 + " and done.")


def test_manner_is_carried_into_later_pieces() -> None:
    """Rule: speed, volume and emotion apply from their place on, so each later piece repeats those in force."""
    text = (
        'First one here. <speed ratio="0.8"/>' + "Slow it goes. " * 10 + '<emotion value="sad"/>' + "Sad it is. " * 10
    )
    pieces = split(text, "en", 100)
    last = pieces[-1].transcript
    assert last.startswith('<speed ratio="0.8"/><emotion value="sad"/>')
    assert "speed" not in pieces[0].transcript or "First" in pieces[0].transcript


def test_a_piece_with_nothing_to_say_joins_its_neighbour() -> None:
    """Rule: no request for silence."""
    text = "Hello there my friend. " * 8 + '\n\n<break time="1s"/>\n\n...\n\n' + "Goodbye my friend now. " * 8
    pieces = split(text, "en", 100)
    assert all(markup.has_speech(piece.transcript) for piece in pieces)
    assert sum('<break time="1s"/>' in piece.transcript for piece in pieces) == 1


def test_cleaning_keeps_words_and_paragraphs() -> None:
    """Rule: control characters become blanks, line ends one kind, many blank lines one."""
    assert clean("  a\0b\x1bc\r\nd\re\n \n\n\t\n\nf  ") == "a b c\nd\ne\n\nf"
    assert clean("\n" * 10_000) == ""


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.text("abc .!?,\n\"'", max_size=40),
            st.sampled_from(['<break time="1s"/>', "<spell>", "</spell>", "<spell>A. B</spell>", '<speed ratio="0.9"/>', "[laughter]", "<", ">",
                             "<<t|ə>>", "Dr. No. ", "3.14 ", "e.g. ", "…", "。", "\n\n", "שלום ", "👍🏽", '<emotion value="sad"/>']),
        ),
        max_size=60,
    )
)  # fmt: skip
def test_nothing_is_lost_or_said_twice(parts: list[str]) -> None:
    """Rule: the pieces say exactly what the text says, in order."""
    text = clean("".join(parts))
    assume(markup.has_speech(text))  # else it is refused before it is cut
    pieces = split(text, "en", 60)
    assert said(pieces) == spoken(text)
    assert all(len(piece.transcript) <= 60 + SLACK for piece in pieces)


@pytest.mark.parametrize(
    "text",
    ["a" * 200_000, "a. " * 60_000, "<" * 100_000, "\n \n" * 60_000, "<spell>" * 30_000, "a b " * 50_000,
     '<speed ratio="1"/>' * 10_000, "x\n\n" * 50_000, ".".join("x" * 100_000)],
    ids=["one word", "sentences", "angles", "lines", "spells", "no stop", "tags", "paragraphs", "dots"],
)  # fmt: skip
def test_hostile_text_takes_no_long_time(text: str) -> None:
    """Rule: time grows with the length of a text, not with its square."""
    start = time.process_time()
    split(clean(text), "en")
    assert time.process_time() - start < 3
