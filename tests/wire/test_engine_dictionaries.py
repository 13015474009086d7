"""Pronunciation dictionaries: kept as sent, shown as the version has it, found in a text as §8 says, and spoken."""

import asyncio
import io
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from engine_fixture import WAV, Engine, speech
from sonant.engine.lexicon import Lexicon
from sonant.engine.pronounce import has_sound, unheard
from sonant.wire import ipa
from sonant.wire.pronunciation import DictionaryItem

PATH = "/pronunciation-dicts/"
MAYA = {"text": "Maya", "pronunciation": "<<z|ˈ|u|l|u>>"}


def said(answer: httpx.Response, status_code: int = 200) -> Any:
    assert answer.status_code == status_code, answer.text
    return answer.json()


def phonemes(http: httpx.Client, transcript: str, **more: object) -> str:
    """What was spoken, by the timestamps of the stream."""
    answer = http.post("/tts/sse", json=speech(transcript, add_phoneme_timestamps=True, **more))
    assert answer.status_code == 200, answer.text
    events = [json.loads(line[5:]) for line in answer.text.splitlines() if line.startswith("data:")]
    times = [event["phoneme_timestamps"] for event in events if event["type"] == "phoneme_timestamps"]
    return "".join(phoneme for part in times for phoneme in part["phonemes"]).replace("ː", "")


@pytest.fixture
def http(engine: Engine) -> Iterator[httpx.Client]:
    with engine.http() as http:
        yield http


def test_a_word_is_spoken_as_its_dictionary_says(http: httpx.Client) -> None:
    """Rule: the phonemes on the wire are the dictionary's, by IPA, by ear and by both, in bytes, SSE and infill."""
    items = [MAYA, {"text": "SQL", "alias": "sequel"}, {"text": "東京", "pronunciation": "toe <<k|j|oʊ>>"}]
    made = said(http.post(PATH, json={"name": "Names", "items": items}))
    how = {"pronunciation_dict_id": made["id"]}
    plain, spoken = phonemes(http, "Maya met SQL."), phonemes(http, "Maya met SQL.", **how)
    assert "zˈulu" in spoken
    assert "zˈulu" not in plain
    assert "sˈikwəl" in spoken
    assert phonemes(http, "SQL").startswith("ˌɛs")
    assert phonemes(http, "東京.", **how).endswith("kjoʊ")
    long = said(http.post(PATH, json={"name": "Long", "items": [MAYA | {"pronunciation": "Mississippi " * 5}]}))
    longer = {"pronunciation_dict_id": long["id"]}
    lengths = [len(http.post("/tts/bytes", json=speech("Maya.", **more)).content) for more in ({}, longer)]
    assert lengths[1] > 2 * lengths[0]
    clip = http.post("/tts/bytes", json=speech("We saw it.", output_format=WAV)).content
    form = {"model_id": "sonic-3", "language": "en", "transcript": "Maya", "voice_id": speech()["voice"],
            "output_format[container]": "wav", "output_format[sample_rate]": "22050",
            "output_format[encoding]": "pcm_s16le"}  # fmt: skip
    lengths = [
        len(http.post("/infill/bytes", data=form | more, files={"left_audio": ("a.wav", io.BytesIO(clip))}).content)
        for more in ({}, longer)
    ]
    assert lengths[1] > 2 * lengths[0]


def test_sounds_nobody_has_are_told_or_refused(http: httpx.Client) -> None:
    """Rule: no sound at all is 400; an odd one is a notice, when it is saved and when it is spoken."""
    made = said(http.post(PATH, json={"name": "Odd", "items": [{"text": "click", "pronunciation": "<<k|ǃ|ɪ|k>>"}]}))
    assert "ǃ" in made["notices"][0]
    answer = http.post("/tts/bytes", json=speech("A click.", pronunciation_dict_id=made["id"]))
    assert any("no%20sound" in notice or "no sound" in notice for notice in answer.headers.get_list("sonant-notice"))


WRONG: dict[str, dict[str, Any]] = {
    "no name": {"items": []},
    "a blank name": {"name": " "},
    "a name of another kind": {"name": 3},
    "an endless name": {"name": "x" * 201},
    "items that are no list": {"name": "x", "items": "Maya"},
    "an item without a sound": {"name": "x", "items": [{"text": "Maya"}]},
    "an item without a text": {"name": "x", "items": [{"pronunciation": "my a"}]},
    "a blank text": {"name": "x", "items": [{"text": " \t", "pronunciation": "my a"}]},
    "the same text twice": {"name": "x", "items": [MAYA, MAYA | {"pronunciation": "other"}]},
    "a long pronunciation": {"name": "x", "items": [MAYA | {"pronunciation": "a" * 101}]},
    "IPA without a sound": {"name": "x", "items": [MAYA | {"pronunciation": "<<ˈ|♥>>"}]},
    "brackets that do not close": {"name": "x", "items": [MAYA | {"pronunciation": "<<m|aɪ"}]},
    "nothing to say": {"name": "x", "items": [MAYA | {"pronunciation": "—"}]},
    "too many": {"name": "x", "items": [{"text": str(n), "pronunciation": "n"} for n in range(5001)]},
    "case of another kind": {"name": "x", "items": [MAYA | {"case_sensitive": [1]}]},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_cannot_be_kept_is_refused(http: httpx.Client, wrong: str) -> None:
    """Rule: 400 in one sentence, for making and for changing, and nothing is kept of it."""
    before = http.get(PATH).json()
    assert said(http.post(PATH, json=WRONG[wrong]), 400)["title"] == "Bad Request"
    assert http.get(PATH).json() == before


def test_every_version_shows_its_own_shape(engine: Engine, http: httpx.Client) -> None:
    """Rule: before 2026-08-14 no access and no case_sensitive; both names of the sound always; text errors before
    2026-03-01, where an unknown id is a bad request; both slash forms."""
    body = {"name": "Shapes", "items": [MAYA | {"case_sensitive": True, "alias": "ignored"}]}
    made = said(http.post(PATH.rstrip("/"), json=body))
    assert made["id"].startswith("pdict_")
    assert (made["is_owner"], made["access"], made["visibility"], made["pinned"]) == (True, "private", "owner", False)
    assert made["items"] == [MAYA | {"case_sensitive": True, "alias": MAYA["pronunciation"]}]
    assert made["created_at"].endswith("Z")
    with engine.http(**{"Cartesia-Version": "2025-11-04"}) as old:
        then = said(old.get(PATH + made["id"] + "/"))
        assert then["items"] == [MAYA | {"alias": MAYA["pronunciation"]}]
        assert then["owner_id"]
        assert not {"is_owner", "access", "visibility"} & set(then)
        for answer in (
            old.get(PATH + "pdict_none"), old.post("/tts/bytes", json=speech(pronunciation_dict_id="pdict_none"))
        ):  # fmt: skip
            assert (answer.status_code, answer.text.partition(":")[0]) == (400, "Bad Request")
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/pin"), ("POST", "/unpin")):
        answer = http.request(method, f"{PATH}pdict_none{path}", json={} if method == "PATCH" else None)
        assert said(answer, 404)["error_code"] == "pronunciation_dict_not_found"
    answer = http.post("/tts/bytes", json=speech(pronunciation_dict_id="pdict_none"))
    assert said(answer, 404)["error_code"] == "pronunciation_dict_not_found"


def test_changing_replaces_the_list_and_leaves_the_rest(http: httpx.Client) -> None:
    """Rule: items replace all items, null and absent fields stay, a pin holds until it is taken out."""
    made = said(http.post(PATH, json={"name": "One", "description": "first", "items": [MAYA]}))
    one = PATH + made["id"]
    assert http.post(one + "/pin").status_code == 204
    new = {"text": "Ann", "pronunciation": "an"}
    changed = said(http.patch(one, json={"items": [new], "name": None}))
    assert [item["text"] for item in changed["items"]] == ["Ann"]
    assert (changed["name"], changed["description"], changed["pinned"]) == ("One", "first", True)
    assert said(http.patch(one, json={"name": "Two"}))["items"] == changed["items"]
    assert http.post(one + "/unpin/").status_code == 204
    assert said(http.get(one))["pinned"] is False
    assert (http.delete(one).status_code, http.delete(one).status_code) == (204, 404)


def test_the_sdk_does_all_it_can(engine: Engine) -> None:
    """Rule: create, retrieve, update, list in pages, delete; sync and async, unmodified."""
    dicts = engine.sdk().pronunciation_dicts
    made = [dicts.create(name=f"SDK {n}", items=[{"text": "gif", "alias": "jif"}]) for n in range(3)]
    assert dicts.retrieve(made[0].id).items[0].alias == "jif"
    assert dicts.update(made[0].id, items=[{"text": "gif", "alias": "giff", "case_sensitive": True}]).name == "SDK 0"
    listed = [each.id for each in dicts.list(limit=1)]
    assert listed[:3] == [each.id for each in reversed(made)]

    async def listed_again() -> list[str]:
        async with engine.async_sdk() as client:
            return [each.id async for each in client.pronunciation_dicts.list(limit=2)]

    assert asyncio.run(listed_again()) == listed
    for each in made:
        dicts.delete(each.id)
    assert not {each.id for each in made} & {each.id for each in dicts.list(limit=100)}


LOOSE, STRICT = True, False
MATCHES: list[tuple[str, bool, dict[str, Any], str, list[str]]] = [
    ("any capitals", LOOSE, {"cat": {}}, "cat Cat CAT cats", ["cat", "Cat", "CAT"]),
    ("lowercase and its capital", STRICT, {"cat": {}}, "cat Cat CAT cAt", ["cat", "Cat"]),
    ("lowercase, marked", LOOSE, {"cat": {"case_sensitive": True}}, "cat Cat CAT", ["cat", "Cat"]),
    ("capitals alone", STRICT, {"CAT": {}, "LaTeX": {}}, "cat CAT latex LaTeX", ["CAT", "LaTeX"]),
    ("phrases", STRICT, {"green valley": {}}, "green valley Green\nvalley Green Valley", ["green valley", "Green\nvalley"]),
    ("the longest", LOOSE, {"new": {}, "New York": {}, "york": {}}, "New York, new York-er", ["New York", "new York"]),
    ("whole words", LOOSE, {"can": {}, "l": {}}, "can't canned pecan can_do l'can's Can.", ["can", "Can"]),
    ("marks within words", LOOSE, {"नम": {}, "é": {}}, "नमो नम e\u0301 ée", ["नम", "e\u0301"]),
    ("scripts without spaces", LOOSE, {"東京": {}, "SQL": {}}, "今日東京でSQLを", ["東京", "SQL"]),
    ("signs", LOOSE, {"C++": {}, ".NET": {}}, "C++, c++11 .NET", ["C++", ".NET"]),
    ("capitals of more letters", LOOSE, {"straße": {}}, "Straße STRASSE", ["Straße", "STRASSE"]),
    ("no words", LOOSE, {}, "anything", []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("any_case", "words", "text", "expected"), [m[1:] for m in MATCHES], ids=[m[0] for m in MATCHES]
)
def test_words_are_found(any_case: bool, words: dict[str, Any], text: str, expected: list[str]) -> None:
    """Rule: contract §8, and the documentation's examples on capitals."""
    items = [DictionaryItem(text=word, pronunciation="x", **more) for word, more in words.items()]
    found = list(Lexicon(items, any_case=any_case).find(text))
    assert [text[each.start : each.end] for each in found] == expected


@pytest.mark.parametrize("any_case", [LOOSE, STRICT])
@pytest.mark.parametrize("words", [("polish", "Polish"), ("Polish", "polish")])
def test_the_exact_spelling_wins(any_case: bool, words: tuple[str, str]) -> None:
    """Rule: Polish is not polish, where the dictionary has both, in whichever order."""
    items = [DictionaryItem(text=word, pronunciation=f"as {word}") for word in words]
    found = Lexicon(items, any_case=any_case).find("polish Polish")
    assert [each.pronunciation for each in found] == ["as polish", "as Polish"]


def test_tags_are_left_alone_and_looking_takes_no_longer_for_more_words(http: httpx.Client) -> None:
    """Rule: a word in a tag is the tag's; 5,000 words in 100 kB of text are looked up in far under a second."""
    items = [{"text": "speed", "pronunciation": "<<z|u>>"}, {"text": "sad", "pronunciation": "zoo"}]
    made = said(http.post(PATH, json={"name": "Tags", "items": items}))
    text = '<speed ratio="1.2"/><emotion value="sad"/>One <spell>sad</spell>.'
    assert phonemes(http, text) == phonemes(http, text, pronunciation_dict_id=made["id"])
    many = [DictionaryItem(text=f"word{n}", pronunciation="x") for n in range(5000)]
    start = time.perf_counter()
    found = sum(1 for _ in Lexicon(many, any_case=True).find("word4999 nothing " * 6000))
    assert found == 6000
    assert time.perf_counter() - start < 1.0


def test_ipa_is_checked_and_divided() -> None:
    """Rule: §2.6: one sound or stress mark a segment; what is no IPA is named."""
    assert ipa.as_written("/nuː ˈjɔɹk/") == "<<n|uː>> <<ˈ|j|ɔ|ɹ|k>>"
    assert ipa.as_written("ˈdʒaɪɡənt") == "<<ˈ|dʒ|aɪ|ɡ|ə|n|t>>"
    assert ipa.is_divided("k|ɑ|ɹ|ˈ|t|i|ʒ|ə")
    assert ipa.is_divided("tʃ|ɝ|tʃ|aʊ|ə̃")
    assert not ipa.is_divided("kɑɹ|ˈ|t")
    assert not ipa.is_divided("ˈt|i")
    assert ipa.unknown("k|3|é|ɹ|$|ç") == ["3", "$"]
    assert ipa.looks_like_ipa("/tomato/")
    assert ipa.looks_like_ipa("təˈmɑtoʊ")
    assert not ipa.looks_like_ipa("toe-MAH-toe")
    assert not ipa.looks_like_ipa("and/or")
    assert unheard("ç|k|ǃ|a|ˈ|ː|ã") == ["ǃ"]
    assert not has_sound("ˈ|ː|ǃ")
