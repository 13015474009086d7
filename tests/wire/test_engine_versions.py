"""The request for speech as each version of the API has it. Source: contract §1.2, §1.4, §2, §3."""

from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest

from engine_fixture import KATIE, RAW, WAV, Engine, speech
from sonant.wire.controls import EMOTIONS
from sonant.wire.models import LIVE_MODELS, RETIRED_MODELS
from sonant.wire.versions import VERSIONS

BY_ID = {"mode": "id", "id": KATIE}
CONTROLS = {"speed": "slowest", "emotion": ["anger:high", "curiosity"]}
NOBODY = "00000000-0000-0000-0000-000000000000"
MP3 = {"container": "mp3", "sample_rate": 44100, "bit_rate": 128000}


@pytest.fixture(scope="module")
def http(engine: Engine) -> Iterator[httpx.Client]:
    """One client for all."""
    with engine.http() as client:
        yield client


def say(http: httpx.Client, version: str, body: dict[str, Any], path: str = "/tts/bytes") -> httpx.Response:
    return http.post(path, json=body, headers={"Cartesia-Version": version})


def notices(answer: httpx.Response) -> str:
    return " ".join(answer.headers.get_list("sonant-notice"))


def refused(answer: httpx.Response, version: str, status: int, error_code: str | None) -> str:
    """The message; in text, and an unknown id a bad request, before 2026-03-01."""
    if version < "2026-03-01":
        status = 400 if error_code in ("voice_not_found", "model_not_found", "pronunciation_dict_not_found") else status
        assert answer.headers["content-type"].startswith("text/plain")
        title, _, message = answer.text.partition(": ")
    else:
        body = answer.json()
        assert body["error_code"] == error_code
        title, message = body["title"], body["message"]
    assert answer.status_code == status, answer.text
    assert title == {400: "Bad Request", 404: "Not Found"}[status]
    return message


REFUSED: dict[str, tuple[dict[str, Any], int, str | None, str]] = {
    "no transcript": ({"transcript": ""}, 400, None, "empty"),
    "an unknown voice": ({"voice": {"mode": "id", "id": NOBODY}}, 404, "voice_not_found", "no voice"),
    "a voice without an id": ({"voice": {"mode": "id"}}, 400, None, "voice"),
    "a voice that is a number": ({"voice": 7}, 400, None, "voice"),
    "an unknown model": ({"model_id": "sonic-9"}, 404, "model_not_found", "sonic-9"),
    "a retired model": ({"model_id": "sonic-english"}, 400, "model_sunsetted", "retired"),
    "an unknown language": ({"language": "xx"}, 400, "language_not_supported", "xx"),
    "a locale on an older model": ({"language": "en-GB", "model_id": "sonic-3.5"}, 400, None, "sonic-3.6"),
    "a language newer than the model": ({"language": "ur", "model_id": "sonic-3"}, 400, "language_not_supported", "ur"),
    "raw without encoding": ({"output_format": {"container": "raw", "sample_rate": 8000}}, 400, None, "encoding"),
    "raw without rate": ({"output_format": {"container": "raw", "encoding": "pcm_s16le"}}, 400, None, "sample_rate"),
    "a bit rate that is none": ({"output_format": {**MP3, "bit_rate": 5}}, 400, None, "bit_rate"),
    "a pace in other words": ({"speed": "brisk"}, 400, None, "speed"),
    "a pace in numbers": ({"speed": 1.2}, 400, None, "speed"),
    "no time at all": ({"duration": 0}, 400, None, "duration"),
    "time backwards": ({"duration": -1}, 400, None, "duration"),
    "time in words": ({"duration": "long"}, 400, None, "duration"),
    "an unknown emotion": ({"generation_config": {"emotion": "Happy"}}, 400, None, "emotion"),
    "an unknown dictionary": ({"pronunciation_dict_id": "pdict_x"}, 404, "pronunciation_dict_not_found", "dictionary"),
}


@pytest.mark.parametrize("version", VERSIONS)
def test_what_cannot_be_had_is_refused_in_every_version(http: httpx.Client, version: str) -> None:
    """Each documented refusal, with its status, code and form; HTTP and SSE alike."""
    for what, (changes, status, error_code, phrase) in REFUSED.items():
        for path in ("/tts/bytes",) if what == "a bit rate that is none" else ("/tts/bytes", "/tts/sse"):
            answer = say(http, version, speech(**{"voice": BY_ID, **changes}), path)
            assert phrase in refused(answer, version, status, error_code), what


@pytest.mark.parametrize("version", VERSIONS)
def test_what_every_version_takes(http: httpx.Client, version: str) -> None:
    """Voice by id in each spelling, legacy fields, controls that have no effect any more, fields nobody knows."""
    for voice in (BY_ID, {"id": KATIE}, {"mode": "id", "id": KATIE, "__experimental_controls": CONTROLS}):
        assert say(http, version, speech("Hi.", voice=voice)).status_code == 200
    legacy = {"speed": "fast", "language": "en", "duration": None, "save": None, "someday": [1]}
    for speed in ("slow", "normal", "fast", None):
        answer = say(http, version, speech("Hi.", voice=BY_ID, **{**legacy, "speed": speed}))
        assert answer.status_code == 200, answer.text
    mp3 = say(http, version, speech("Hi.", voice=BY_ID, output_format={**MP3, "encoding": ""}))
    assert (mp3.status_code, mp3.headers["content-type"]) == (200, "audio/mpeg")


@pytest.mark.parametrize("version", VERSIONS)
def test_fields_of_2026_08_14_count_since_then(http: httpx.Client, version: str) -> None:
    """`locale`, `accent`, `normalization`: obeyed and checked in their version, ignored and said to be before."""
    wrong: tuple[dict[str, Any], ...] = (
        {"language": "en", "locale": "en-GB"}, {"locale": "xx"}, {"accent": "martian"}, {"normalization": "sometimes"},
        {"accent": "british", "model_id": "sonic-3.5"}, {"locale": "en-GB", "model_id": "sonic-3"},
        {"normalization": "en-IN", "model_id": "sonic-3.5"},
    )  # fmt: skip
    for changes in wrong:
        answer = say(http, version, speech("Hi.", voice=BY_ID, **changes))
        if version < "2026-08-14":
            assert answer.status_code == 200, changes
            field = next(name for name in changes if name not in ("language", "model_id"))
            assert f"`{field}` was ignored" in notices(answer)
        else:
            assert answer.status_code == 400, changes
    lengths = {
        len(say(http, version, speech("I can't park the car.", **more)).content) for more in ({}, {"locale": "en-GB"})
    }
    assert len(lengths) == (1 if version < "2026-08-14" else 2)


@pytest.mark.parametrize("version", VERSIONS)
def test_wav_has_defaults_since_2026_08_14(http: httpx.Client, version: str) -> None:
    """Contract §2.3: `encoding` and `sample_rate` were required before."""
    for field in ("encoding", "sample_rate"):
        short = {name: value for name, value in WAV.items() if name != field}
        answer = say(http, version, speech("Hi.", voice=BY_ID, output_format=short))
        if version < "2026-08-14":
            assert field in refused(answer, version, 400, None)
        else:
            assert answer.status_code == 200
    assert say(http, version, speech("Hi.", voice=BY_ID, output_format=WAV)).status_code == 200


def test_every_live_model_speaks_and_every_retired_one_says_so(http: httpx.Client) -> None:
    """Contract §2.1, dated snapshots included."""
    for model in LIVE_MODELS:
        assert say(http, VERSIONS[-1], speech("Hi.", model_id=model)).status_code == 200, model
    for model in (*RETIRED_MODELS, "sonic-2-2025-03-07", "sonic-turbo-2025-03-07", "sonic-english-2024-10-01"):
        assert say(http, VERSIONS[-1], speech("Hi.", model_id=model)).json()["error_code"] == "model_sunsetted", model
    assert len(EMOTIONS) == 58


@pytest.mark.parametrize("duration", [0.25, 1.1])
def test_duration_cuts_the_audio(http: httpx.Client, duration: float) -> None:
    """Legacy: the most seconds there may be, exactly; times beyond it are not told; more than there is changes nothing."""
    text = "The first sentence is here. And then a second one follows it."
    whole = say(http, VERSIONS[-1], speech(text)).content
    cut = say(http, VERSIONS[-1], speech(text, duration=duration)).content
    assert len(cut) == pytest.approx(duration * RAW["sample_rate"] * 2, abs=4)  # type: ignore[operator]
    heard, known = (np.frombuffer(sound[: len(cut) - 400], "<i2") for sound in (cut, whole))
    assert np.corrcoef(heard, known)[0, 1] > 0.99  # no two renderings are alike to the last bit
    assert cut[-2:] == b"\0\0", "without a click"
    assert len(say(http, VERSIONS[-1], speech(text, duration=1e9)).content) == len(whole)
    body = speech(text, duration=duration, add_timestamps=True, add_phoneme_timestamps=True)
    events = say(http, VERSIONS[-1], body, "/tts/sse").text
    ends = [
        end
        for line in events.splitlines()
        if line.startswith("data:")
        for times in ("word_timestamps", "phoneme_timestamps")
        for end in httpx.Response(200, text=line[5:]).json().get(times, {}).get("end", [])
    ]
    assert ends
    assert max(ends) <= duration


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_numbers_that_are_none_are_refused(http: httpx.Client, number: str) -> None:
    """JSON as Python writes it can hold them."""
    for field in (f'"duration": {number}', f'"generation_config": {{"speed": {number}}}'):
        body = f'{{"model_id": "sonic-3.6", "transcript": "Hi.", "voice": "{KATIE}", {field}, "output_format": {{}}}}'
        answer = http.post("/tts/bytes", content=body.replace("{}", '{"container": "mp3"}'))
        assert answer.status_code == 400
