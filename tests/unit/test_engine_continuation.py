"""A transcript in pieces is cut and sounds as it does whole. Source: contract §3.3, rules 2, 4, 6; measured by continuity.py."""

import random
import re

import pytest

from continuity import apart, compare, in_pieces, whole
from sonant.engine.continuation import Continuation
from sonant.engine.languages import speakable
from sonant.engine.lexicon import Lexicon
from sonant.engine.markup import Inline, Manner
from sonant.engine.speaker import Stretch
from sonant.engine.synthesis import Synthesiser
from sonant.engine.text import Silence, read_script
from sonant.wire.pronunciation import DictionaryItem

TEXTS = {
    "abbreviations": "I met Dr. Smith at 5 p.m. on Monday. He paid $3.50 for 2 lbs. of plums, e.g. red ones. Then U.S. troops left.",
    "marks": 'Hello <speed ratio="0.8"/>my slow friend. And <emotion value="sad"/>how sad this is. <break time="500ms"/> Really, '
    "<spell>ABC 12</spell> is <<k|ɑ|ɹ>> now. <volume ratio='0.5'/>Bye!",
    "paragraphs": "Paragraph one ends here.\r\n\r\nParagraph two: a list\n- one thing\n- another thing\n1. First. \n2. Second item. Done",
    "quotations": 'He said "Go. Now." and left. Then (see p. 3. And more) he came “home. At last.” Ha < 3 and [x] a<b. OK.',
    "unspaced": "你好，世界。今天天气很好！我们走吧，好吗？好",
    "long": "Wait... what? " + "And so it goes on and on, " * 17 + "until the end. Yes.",
}


def plain(steps: list[Stretch | Silence]) -> list[object]:
    """What can be compared with a script: places in the text left out, silences rounded."""
    found: list[object] = []
    for step in steps:
        if isinstance(step, Stretch):
            assert (step.first, step.after) == (0, None)
            found.append((tuple(token.parts for token in step.sentence.tokens), step.sentence.manner))
        elif step.duration_s > 1e-6:
            found.append(round(step.duration_s, 5))
    return found


@pytest.mark.parametrize("name", TEXTS)
def test_pieces_are_cut_as_the_whole(name: str) -> None:
    """Wherever the pieces end, in words, in marks, in line ends: the same sentences in the same manner, and pauses."""
    text, language = TEXTS[name], "zh" if name == "unspaced" else "en"
    wanted = plain([step if isinstance(step, Silence) else Stretch(step) for step in read_script(text, language).steps])
    dice = random.Random(7)
    cuttings = [range(1, len(text)), *(sorted(dice.sample(range(len(text)), 8)) for _ in range(5))]
    for cuts in cuttings:
        running = Continuation(speakable(language), Manner())
        steps: list[Stretch | Silence] = []
        for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
            running.feed(text[start:end])
            steps += running.take("sentences")
        steps += running.take("all")
        assert plain(steps) == wanted


def said(steps: list[Stretch | Silence]) -> str:
    """The words a listener hears."""
    return " ".join(
        token.word for step in steps if isinstance(step, Stretch)
        for token in step.sentence.tokens[step.first : step.after]
    )  # fmt: skip


def test_in_haste_only_whole_words_are_said_and_marks_stay_whole() -> None:
    """A word or a mark whose piece has ended is not cut there; text does not come twice."""
    running = Continuation(speakable("en"), Manner())
    heard = []
    for piece in [
        "I think ther",
        "efore I am. <sp",
        "ell>AB",
        "C</spell> is <emotion value",
        '="sad"/> no',
        "t New",
        " York ",
    ]:
        running.feed(piece)
        heard.append(said(running.take("words")))
    assert heard == ["I think", "therefore I am.", "", "ABC is", "", "not", "New York"]
    running.feed("ish")
    assert (said(running.take("words")), running.is_waiting, said(running.take("all"))) == ("", True, "ish")


def test_an_entry_of_several_words_is_not_lost_when_half_of_it_was_said() -> None:
    """A dictionary's `New York` after a hurried `New`."""
    running = Continuation(
        speakable("en"), Manner(), Lexicon([DictionaryItem(text="New York", pronunciation="Gotham")], any_case=True)
    )
    running.feed("To New ")
    assert said(running.take("words")) == "To New"
    running.feed("York now.")
    (stretch,) = running.take("all")
    assert isinstance(stretch, Stretch)
    assert any(isinstance(part, Inline) for part in stretch.sentence.tokens[stretch.first].parts)


def test_text_without_words_is_not_kept() -> None:
    """However much of it comes; its breaks are kept as silence, its last manner holds."""
    running = Continuation(speakable("en"), Manner())
    silence_s = 0.0
    for piece in ['<break time="1s"/>' * 200, "[ ." * 3000, '<speed ratio="0.7"/> ' * 300, "(" * 5000, "Hello."]:
        running.feed(piece)
        steps = running.take("sentences")
        silence_s += sum(step.duration_s for step in steps if isinstance(step, Silence))
        assert len(running) < 2000
    (stretch,) = running.take("all")
    assert isinstance(stretch, Stretch)
    assert stretch.sentence.manner.speed == 0.7
    assert silence_s == 200


def test_what_is_held_stays_small_and_is_paid_for_once() -> None:
    """The last sentence is all that is kept; a credit a character."""
    text = "One short sentence after another. " * 200
    running = Continuation(speakable("en"), Manner())
    for start in range(0, len(text), 50):
        running.feed(text[start : start + 50])
        running.take("sentences")
        assert len(running) < 200
    running.take("all")
    running.settle()
    assert running.credits == len(text)
    running = Continuation(speakable("zh"), Manner())
    for piece in ("你好，世", "界。今天", "天气很好！"):
        running.feed(piece)
        running.take("words")
    running.take("all")
    running.settle()
    assert running.credits == len("你好，世界。今天天气很好！")


async def test_pieces_sound_as_the_whole() -> None:
    """In quick succession the same but for the noise in the voice; said early, far nearer than pieces by themselves."""
    text = "When the rain stopped, the children ran out, and nobody could call them. How would you like that?"
    words = re.findall(r"\S+\s*", text)
    threes = ["".join(words[at : at + 3]) for at in range(0, len(words), 3)]
    async with Synthesiser(2) as synthesiser:
        wanted = await whole(synthesiser, text)
        quick = await in_pieces(synthesiser, re.findall(".{1,5}", text))
        early = await in_pieces(synthesiser, threes, "words")
        severed = compare(wanted, await apart(synthesiser, threes))
    same, hurried = compare(wanted, quick), compare(wanted, early)
    assert quick.words == wanted.words
    assert (same.duration, same.pauses) == (0, 0)
    assert abs(same.median_st) < 0.1
    assert same.contour_st < 0.1
    assert early.spoken == wanted.spoken
    assert abs(hurried.duration) < 0.06
    assert abs(hurried.median_st) < 0.8
    assert hurried.contour_st < severed.contour_st / 2
    assert hurried.pauses == 0
