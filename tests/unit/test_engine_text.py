"""Transcripts are cut into short sentences; marks are obeyed, everything else is text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonant.engine.emotions import EMOTIONS, prosody_of
from sonant.engine.languages import LANGUAGES, check_script, speakable
from sonant.engine.markup import Inline, Manner
from sonant.engine.pronounce import to_names
from sonant.engine.scripts import foreign_script_notice
from sonant.engine.text import LONGEST_SENTENCE, Script, Sentence, Silence, is_speakable, read_script, speakable_form
from sonant.errors import InputError, UnsupportedOfflineError


def sentences(script: Script) -> list[str]:
    return [" ".join(t.word for t in step.tokens) for step in script.steps if isinstance(step, Sentence)]


def silences(script: Script) -> list[float]:
    return [round(step.duration_s, 3) for step in script.steps if isinstance(step, Silence)]


def test_sentences_end_where_a_reader_would_pause():
    """Abbreviations and decimals do not end one; paragraphs pause longer."""
    script = read_script("Dr. Smith paid 3.50 today. Did he?\n\nYes!", "en")
    assert sentences(script) == ["Dr. Smith paid 3.50 today.", "Did he?", "Yes!"]
    within, between = silences(script)
    assert 0.2 < within < between


def test_lists_are_read_item_by_item():
    """Lines that start like list items are sentences of their own; wrapped lines are not."""
    assert sentences(read_script("Buy:\n- milk\n- eggs\n2. bread", "en"))[-3:] == ["- milk", "- eggs", "2. bread"]
    assert sentences(read_script("a line that\nis wrapped", "en")) == ["a line that is wrapped"]


@pytest.mark.parametrize(
    ("mark", "manner"),
    [
        ('<speed ratio="1.5"/>', Manner(speed=1.5)),
        ("<speed ratio='0.9' />", Manner(speed=0.9)),
        ('<volume ratio="0.5"/>', Manner(volume=0.5)),
        ('<EMOTION value="angry"/>', Manner(emotion="angry")),
    ],
)
def test_marks_hold_from_where_they_stand(mark, manner):
    """Contract §2.5: from that point on."""
    script = read_script(f"one {mark} two", "en")
    said = {step.tokens[0].word: step.manner for step in script.steps if isinstance(step, Sentence)}
    assert said == {"one": Manner(), "two": manner}


@pytest.mark.parametrize(("time", "asked_s"), [("1s", 1), ("500ms", 0.5), ("0.25s", 0.25), ("99s", 60)])
def test_breaks_are_exact_between_sounds(time, asked_s):
    """The 19 ms the synthesiser leaves beside a clause are taken off; a minute is the most."""
    assert silences(read_script(f'one<break time="{time}"/>two', "en")) == [pytest.approx(asked_s - 0.019)]


@pytest.mark.parametrize(
    "text", ["<b>bold</b>", "<spell>open", '<break time="soon"/>', "a < b", "<< b", "[[a]]", "<p/>"]
)
def test_what_is_no_mark_is_text(text):
    """Unclosed, unknown and foreign marks lose nothing but control characters."""
    assert sentences(read_script(text, "en")) == [text]


def test_inlines_keep_their_place_and_punctuation():
    """A spelled or pronounced stretch is one word with what touches it."""
    script = read_script("Say (<spell>AB1</spell>), <<k|ɑ|ɹ>>!", "en")
    (step,) = script.steps
    assert [token.word for token in step.tokens] == ["Say", "(AB1),", "kɑɹ!"]
    assert step.tokens[1].parts == ("(", Inline("spell", "AB1", "AB1"), "),")


def test_long_spelling_is_cut():
    """No sentence grows beyond what is said in seconds."""
    script = read_script(f"<spell>{'7' * 3000}</spell>", "en")
    assert len(script.steps) >= 5
    assert "".join(script.plain.split()) == "7" * 3000


@given(
    st.text(alphabet=st.sampled_from("ab.,!? \n\t<>[]/=\"'1|ˈ\u0301\u202e\0漢か😀") | st.characters(), max_size=1500)
)
@settings(max_examples=60, deadline=None)
def test_any_text_is_cut_into_bounded_sentences(text):
    """Nothing raises; every sentence is short; every word that can be said is in one."""
    script = read_script(text, "en")
    for sentence in sentences(script):
        assert len(sentence) <= LONGEST_SENTENCE
    assert is_speakable(text) == script.is_speakable


def test_runs_that_crash_the_library_are_broken_up():
    """Letter-dot runs lose their dots, brackets their doubles."""
    assert "." not in speakable_form("a." * 100)
    assert speakable_form("U.S.A.") == "U.S.A."
    assert "[[" not in speakable_form("[[[[a]]]]")


def test_every_wire_language_has_rules():
    """The 44 languages of contract §2.1, the weak ones with a note."""
    codes = {code for code in LANGUAGES if "-" not in code}
    assert len(codes) == 44
    assert all(language.note for language in LANGUAGES.values() if language.tier == "poor")
    assert speakable("EN_gb").code == "en-GB"
    with pytest.raises(InputError, match="It speaks"):
        speakable("tlh")
    with pytest.raises(UnsupportedOfflineError, match="kana"):
        check_script(speakable("ja"), "漢字")
    check_script(speakable("zh"), "漢字")


FOREIGN = {
    "ru": "Привет мир", "el": "Γεια σου κόσμε", "he": "שלום עולם", "ar": "مرحبا", "zh": "你好世界", "ja": "漢字かな交じり文",
    "ko": "안녕하세요 세계", "hi": "नमस्ते दुनिया", "bn": "ওহে বিশ্ব", "pa": "ਸਤ ਸ੍ਰੀ ਅਕਾਲ", "gu": "હેલો વિશ્વ",
    "or": "ନମସ୍କାର", "ta": "வணக்கம் உலகம்", "te": "హలో ప్రపంచం", "kn": "ಹಲೋ ಪ್ರಪಂಚ", "ml": "ഹലോ ലോകം", "th": "สวัสดี",
    "ka": "გამარჯობა",
}  # fmt: skip


@pytest.mark.parametrize("code", FOREIGN)
def test_letters_the_language_does_not_know_are_told(code):
    """With the language to give; in that language, and where they are few, nothing is said."""
    notice = foreign_script_notice(speakable("en-GB"), FOREIGN[code])
    assert notice is not None
    assert "English rules" in notice
    assert f"language={code}" in notice
    assert foreign_script_notice(speakable(code), "".join(c for c in FOREIGN[code] if c not in "漢字交文")) is None
    assert (
        foreign_script_notice(speakable("en"), f"This is how one says hello in another language: {FOREIGN[code]}")
        is None
    )


def test_only_japanese_spells_latin_letters():
    """All the others read English words among their own."""
    said = {code for code in LANGUAGES if foreign_script_notice(speakable(code), "Good morning, world")}
    assert said == {"ja", "ja-JP"}


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ('Fast <speed ratio="abc"/> now', "speed"), ('<break time="-5s"/> now', "break"), ("<SPEED>now</SPEED>", "speed"),
        ("<spell>now", "spell"), ('<volume ratio="1"/>a</volume>', "volume"), ("<emotion>sad", "emotion"),
    ],
)  # fmt: skip
def test_a_tag_that_is_read_aloud_is_told(text, tag):
    """Once, by its name."""
    assert read_script(text, "en").notices == (f"A <{tag}> tag was not understood and was read as text.",)


def test_well_formed_and_foreign_tags_need_no_notice():
    """What was obeyed, and what never was a tag of ours."""
    text = '<b>a</b> <speedy> < break <spell>x</spell> <break time="1s"/> <speed ratio="1"/> a < b'
    assert read_script(text, "en").notices == ()


def test_every_emotion_of_the_wire_has_a_prosody():
    """58 names and neutral among them; unknown ones are refused."""
    assert len(EMOTIONS) == 58
    assert prosody_of("outraged").level_db > prosody_of("frustrated").level_db > 0
    assert prosody_of(None) == prosody_of("neutral")
    with pytest.raises(InputError):
        prosody_of("Angry!")


def test_ipa_takes_the_longest_match_then_the_nearest_sound():
    """Stress stays where it is, ties and dots go, what is no sound is left out."""
    names = {"t": "t", "tʃ": "tS", "oʊ": "oU", "o": "o", "ɹ": "r", "ɡ": "g"}
    assert to_names("t͡ʃ|ˈ|oʊ|.|g", names) == ["tS", "'", "oU", "g"]
    assert to_names("r|ɔ|7", names) == ["r", "o"]
