"""What the engine refuses, and in which words: the error shape of contract §1.4."""

import json

import httpx
import pytest

from engine_fixture import KATIE, RAW, Engine, speech
from sonant.wire.versions import VERSIONS

MP3 = {"container": "mp3", "sample_rate": 44100, "bit_rate": 128000}


def refused(answer: httpx.Response, status_code: int, error_code: str | None = None) -> str:
    """The message of a refusal, its shape checked."""
    assert answer.status_code == status_code, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert set(body) == {"error_code", "title", "message", "request_id"}
    assert body["request_id"] == answer.headers["x-request-id"]
    assert body["error_code"] == error_code
    assert body["title"]
    message: str = body["message"]
    assert message
    return message


@pytest.mark.parametrize(
    ("changes", "status_code", "error_code", "phrase"),
    [
        ({"transcript": ""}, 400, None, "empty"),
        ({"transcript": " \n\t "}, 400, None, "empty"),
        ({"transcript": '<break time="1s"/>'}, 400, None, "nothing to say"),
        ({"language": "en", "locale": "en-GB"}, 400, None, "not both"),
        ({"language": "xx"}, 400, "language_not_supported", "xx"),
        ({"language": "en-GB-scotland"}, 400, "language_not_supported", "not a language of the API"),
        ({"voice": "00000000-0000-0000-0000-000000000000"}, 404, "voice_not_found", "no voice"),
        ({"voice": {"mode": "embedding", "embedding": [0.1]}}, 400, None, "voice"),
        ({"model_id": "sonic-9"}, 404, "model_not_found", "sonic-9"),
        ({"model_id": "sonic-2"}, 400, "model_sunsetted", "retired"),
        ({"model_id": "sonic-turbo-2025-03-07"}, 400, "model_sunsetted", "retired"),
        ({"model_id": "sonic-3", "language": "en-GB"}, 400, None, "sonic-3.6"),
        ({"generation_config": {"speed": 1.6}}, 400, None, "speed"),
        ({"generation_config": {"speed": 0.5}}, 400, None, "speed"),
        ({"generation_config": {"volume": 2.1}}, 400, None, "volume"),
        ({"generation_config": {"emotion": "grumpy"}}, 400, None, "emotion"),
        ({"output_format": {**RAW, "sample_rate": 11025}}, 400, None, "sample_rate"),
        ({"output_format": {**RAW, "encoding": "pcm_s8"}}, 400, None, "encoding"),
        ({"output_format": {"container": "raw", "sample_rate": 8000}}, 400, None, "encoding"),
        ({"output_format": {**RAW, "container": "flac"}}, 400, None, "container"),
        ({"output_format": None}, 400, None, "output_format"),
        ({"pronunciation_dict_id": "pdict_x"}, 404, "pronunciation_dict_not_found", "dictionary"),
        ({"accent": "martian"}, 400, None, "accent"),
        ({"normalization": "sometimes"}, 400, None, "normalization"),
        ({"language": "ja", "transcript": "漢字"}, 400, "unsupported_offline", "kanji"),
    ],
)
def test_speech_that_cannot_be_had_is_refused_by_name(
    engine: Engine, changes: dict[str, object], status_code: int, error_code: str | None, phrase: str
) -> None:
    """Each check of contract §2 and §3 has its status, its code, and says what is wrong."""
    with engine.http() as http:
        for path in ("/tts/bytes", "/tts/sse"):
            message = refused(http.post(path, json=speech(**changes)), status_code, error_code)
            assert phrase in message


def test_sse_takes_raw_audio_only(engine: Engine) -> None:
    """Source: contract §2.3."""
    with engine.http() as http:
        assert "raw" in refused(http.post("/tts/sse", json=speech(output_format=MP3)), 400)


def test_mp3_takes_the_bit_rates_of_the_contract(engine: Engine) -> None:
    """Source: contract §2.3."""
    with engine.http() as http:
        odd = http.post("/tts/bytes", json=speech(output_format={**MP3, "bit_rate": 1}))
        assert "bit_rate" in refused(odd, 400)


def test_refusals_do_not_repeat_what_was_sent(engine: Engine) -> None:
    """Somebody's text does not end up in logs."""
    secret = "the ingredient is nutmeg"
    with engine.http() as http:
        answers = [
            http.post("/tts/bytes", json=speech(secret, generation_config={"speed": secret})),
            http.post("/tts/bytes", json=speech({"text": secret})),  # type: ignore[arg-type]
        ]
    for answer in answers:
        assert answer.status_code == 400
        assert "nutmeg" not in answer.text


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_refused(engine: Engine, body: bytes) -> None:
    """Malformed JSON is the caller's fault, however deep."""
    with engine.http(**{"Content-Type": "application/json"}) as http:
        refused(http.post("/tts/bytes", content=body), 400)


@pytest.mark.parametrize("field", ["transcript", "voice", "context_id"])
def test_half_a_character_is_refused(engine: Engine, field: str) -> None:
    """JSON can spell a lone surrogate, which no text can hold."""
    body = json.dumps(speech(**{field: "half \ud83d"})).encode()
    with engine.http(**{"Content-Type": "application/json"}) as http:
        assert "half a character" in refused(http.post("/tts/sse", content=body), 400)


@pytest.mark.parametrize(
    "transcript", ["24/7 support", "a\0b", "😀 fine 🎉", "\n" * 10_000 + "end", "שלום world", "&<tag>[[x]]"]
)
def test_odd_text_is_spoken(engine: Engine, transcript: str) -> None:
    """None of it is markup, none of it breaks a worker."""
    with engine.http() as http:
        answer = http.post("/tts/sse", json=speech(transcript, add_timestamps=True))
    assert answer.status_code == 200
    assert '"type":"done"' in answer.text


def test_a_json_body_without_end_is_refused(engine: Engine) -> None:
    """Memory is bounded."""
    with engine.http() as http:
        refused(http.post("/tts/bytes", content=json.dumps(speech("a" * (9 * 1024 * 1024)))), 413, "file_too_large")


@pytest.mark.parametrize("path", ["/nowhere", "/tts", "/tts/bytes/more", "/voices/a/b/c"])
def test_unknown_paths_are_404(engine: Engine, path: str) -> None:
    """In the error shape, too."""
    with engine.http() as http:
        refused(http.get(path), 404)


@pytest.mark.parametrize(("method", "path"), [("GET", "/tts/bytes"), ("PUT", "/voices"), ("POST", "/accents")])
def test_wrong_methods_are_405(engine: Engine, method: str, path: str) -> None:
    """And name the right ones in `Allow`."""
    with engine.http() as http:
        answer = http.request(method, path)
        refused(answer, 405)
        assert answer.headers["allow"]


def test_paths_with_a_trailing_slash_are_the_same(engine: Engine) -> None:
    """Directly, without a redirect (contract §1.3)."""
    with engine.http() as http:
        assert http.get("/voices/").json() == http.get("/voices").json()
        assert http.post("/tts/bytes/", json=speech()).status_code == 200


@pytest.mark.parametrize("version", ["tomorrow", "2026-08-15", "v0"])
def test_an_unknown_version_is_refused_in_text(engine: Engine, version: str) -> None:
    """Contract §1.2: errors of unknown versions have the old form."""
    headers = {"Authorization": f"Bearer {engine.api_key}", "Cartesia-Version": version}
    answer = httpx.get(f"{engine.base_url}/voices", headers=headers)
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text.startswith("Bad Request: There is no Cartesia-Version")


def test_a_missing_version_is_refused(engine: Engine) -> None:
    """Contract §1.2, PICK."""
    answer = httpx.get(f"{engine.base_url}/voices", headers={"Authorization": f"Bearer {engine.api_key}"})
    assert "2026-08-14" in refused(answer, 400)


@pytest.mark.parametrize("version", VERSIONS)
def test_errors_have_the_form_of_their_version(engine: Engine, version: str) -> None:
    """Contract §1.4: text before 2026-03-01, where an unknown voice is a bad request; JSON and 404 since."""
    with engine.http(**{"Cartesia-Version": version}) as http:
        answer = http.get("/voices/nobody")
    if version < "2026-03-01":
        assert answer.status_code == 400
        assert answer.text.startswith("Bad Request: There is no voice")
    else:
        refused(answer, 404, "voice_not_found")


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer"}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer no"},
                {"X-API-Key": "no"}]
)  # fmt: skip
def test_without_the_key_nothing_is_answered(engine: Engine, headers: dict[str, str]) -> None:
    """401, like the real thing."""
    answer = httpx.get(f"{engine.base_url}/voices", headers={"Cartesia-Version": "2026-08-14", **headers})
    refused(answer, 401)


def test_the_older_key_header_works(engine: Engine) -> None:
    """Live servers take it everywhere (contract §1.1)."""
    headers = {"X-API-Key": engine.api_key, "Cartesia-Version": "2026-08-14"}
    assert httpx.get(f"{engine.base_url}/voices/{KATIE}", headers=headers).status_code == 200
