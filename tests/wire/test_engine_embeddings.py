"""Voices as 192 numbers: there and back, mixed, spoken with, and whatever else somebody sends instead."""

import io
import json
import math
import random
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest

from engine_fixture import KATIE, RAW, WAV, Engine, speech
from sonant.audio.codec import read_clip
from sonant.audio.pcm import Samples
from sonant.engine import endpoints_cloning
from sonant.engine.catalogue import catalogue
from sonant.engine.cloning import Fit
from sonant.engine.embeddings import embedding_of, mix, read_embedding, timbre_of
from sonant.engine.profile import Profile, ltas_distance_db, measure
from sonant.engine.shaping import filter_frequencies, filter_gain_db, filter_taps
from sonant.engine.timbre import Timbre
from sonant.wire.voices import EMBEDDING_SIZE

ASH, YOUNG = (next(voice for voice in catalogue().values() if voice.name == name) for name in ("Ash", "Pip"))
OLD = ("2024-06-10", "2024-11-13")
NEWER = ("2025-04-16", "2025-11-04", "2026-03-01", "2026-08-14")


def under(engine: Engine, version: str) -> httpx.Client:
    return engine.http(**{"Cartesia-Version": version})


def rough_filter(seed: int) -> tuple[float, ...]:
    """As uneven a filter as a fit makes: third octaves up and down by 15 dB."""
    gain_db = np.random.default_rng(seed).uniform(-15, 15, 19)
    octaves = np.log(np.maximum(filter_frequencies(), 20))
    return tuple(map(float, filter_taps(np.interp(octaves, np.log(1000 * 2 ** (np.arange(-10, 9) / 3)), gain_db))))


FITTED = tuple(
    replace(ASH.timbre, base_hz=70 + 40 * seed, span_hz=9 + 30 * seed, f2=90 + 9 * seed, h3=131 - 15 * seed,
            width=87 + 5 * seed, breath=2.0 * seed, klatt=klatt, wpm=111 + 40 * seed, fir=rough_filter(seed))
    for seed, klatt in enumerate((4, 2, 0))
)  # fmt: skip
"""Such as clips give."""


@pytest.mark.parametrize("timbre", [*{voice.timbre for voice in catalogue().values()}, *FITTED])
def test_a_voice_survives_being_an_embedding(timbre: Timbre) -> None:
    """The synthesiser is told the very same, and the filter differs by less than anybody hears."""
    back = timbre_of(read_embedding(embedding_of(timbre)))
    assert back.voice_lines() == timbre.voice_lines()
    assert back.wpm == pytest.approx(timbre.wpm, abs=0.01)
    assert (back.fir is None) is (timbre.fir is None)
    if back.fir is not None and timbre.fir is not None:
        difference_db = gain_db(back) - gain_db(timbre)
        # Bins below 100 Hz hold no speech; a steep flank between two bands may be off by a little more.
        assert np.sqrt((difference_db[10:] ** 2).mean()) < 0.1
        assert np.abs(difference_db[10:]).max() < 0.5


def gain_db(timbre: Timbre) -> np.ndarray[Any, np.dtype[np.float64]]:
    return filter_gain_db(np.asarray(timbre.fir, np.float32))


def test_a_mix_lies_between_on_a_straight_line() -> None:
    """Log pitch, log formants, widths and log gain; the source is that of most weight (contract §6.5)."""
    one, other = FITTED[0], FITTED[1]
    steps = [
        timbre_of(read_embedding(mix([(np.asarray(embedding_of(one)), 3 - 3 * at), (np.asarray(embedding_of(other)), 3 * at)])))
        for at in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]  # fmt: skip
    for at, mixed in zip((0.0, 0.25, 0.5, 0.75, 1.0), steps, strict=True):
        for name in ("median_hz", "f2", "h3", "wpm"):
            wanted = math.exp((1 - at) * math.log(getattr(one, name)) + at * math.log(getattr(other, name)))
            assert getattr(mixed, name) == pytest.approx(wanted, rel=1e-3)
        wanted_db = (1 - at) * gain_db(one) + at * gain_db(other)
        assert np.abs(gain_db(mixed) - wanted_db)[10:].max() < 1.0
    assert [mixed.klatt for mixed in (steps[0], steps[1], steps[3], steps[4])] == [4, 4, 2, 2]


def spoken(http: httpx.Client, voice: object, **changes: object) -> Samples:
    answer = http.post(
        "/tts/bytes", json=speech("The boy was there when the sun rose.", voice=voice, output_format=WAV, **changes)
    )
    assert answer.status_code == 200, answer.text
    return read_clip(io.BytesIO(answer.content), sample_rate=16000)


def profile(samples: Samples) -> Profile:
    return measure(samples, 16000)


def test_mixed_voices_are_made_and_spoken_with(engine: Engine) -> None:
    """Mix two, make a voice of it, speak with either: pitch lies between, and both forms sound alike."""
    with under(engine, "2024-11-13") as http:
        parts = [{"id": ASH.id, "weight": 7}, {"embedding": embedding_of(YOUNG.timbre), "weight": 7}]
        embedding = http.post("/voices/mix", json={"voices": parts}).json()["embedding"]
        made = http.post("/voices", json={"name": "Half", "description": "Between", "embedding": embedding})
        assert made.status_code == 200, made.text
        body = made.json()
        assert set(body) - {"notices"} == {"id", "name", "description", "created_at", "language", "is_owner"}
        ends = [profile(spoken(http, voice.id)) for voice in (ASH, YOUNG)]
        as_voice = profile(spoken(http, body["id"]))
        as_embedding = profile(spoken(http, {"mode": "embedding", "embedding": embedding}))
    assert ends[0].f0_hz * 1.2 < as_voice.f0_hz < ends[1].f0_hz / 1.2
    assert as_embedding.f0_hz == pytest.approx(as_voice.f0_hz, rel=0.02)
    assert ltas_distance_db(as_voice.spectrum, as_embedding.spectrum) < 0.5
    assert engine.sdk().voices.get(body["id"]).name == "Half"


def test_an_embedding_sounds_like_the_voice_it_came_from(engine: Engine) -> None:
    """As near as the same voice twice: same pitch, spectra within half a decibel; in the stream of events too."""
    with under(engine, "2024-06-10") as http:
        embedding = http.get(f"/voices/{KATIE}").json()["embedding"]
        voice = {"mode": "embedding", "embedding": embedding, "__experimental_controls": {"speed": "slow"}}
        one, other = profile(spoken(http, KATIE)), profile(spoken(http, voice))
        events = http.post("/tts/sse", json=speech("Hello.", voice=voice, output_format=RAW))
        french = http.post("/tts/bytes", json=speech("Bonjour.", voice=voice, language="fr"))
    assert other.f0_hz == pytest.approx(one.f0_hz, rel=0.01)
    assert ltas_distance_db(one.spectrum, other.spectrum) < 0.5
    assert '"type":"done"' in events.text
    assert french.status_code == 200


def test_a_clip_becomes_an_embedding_becomes_a_voice(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """`/voices/clone/clip` of 2024-06-10; the voice has the fitted pitch and the base's language. Fitting itself, two
    seconds, has tests of its own."""

    async def fit(*_: object) -> Fit:
        return Fit(FITTED[1], ("Fitted.",))

    monkeypatch.setattr(endpoints_cloning, "fit_timbre", fit)
    with under(engine, "2024-06-10") as http:
        clip = http.post(
            "/tts/bytes", json=speech("We find joy in the simplest things.", voice=YOUNG.id, output_format=WAV)
        )
        answer = http.post("/voices/clone/clip", files={"clip": ("me.wav", clip.content)}, data={"enhance": "true"})
        assert answer.status_code == 200, answer.text
        assert any("take noise out" in notice for notice in answer.json()["notices"])
        french = next(voice for voice in catalogue().values() if voice.language == "fr-FR")
        made = http.post(
            "/voices", json={"name": "Me", "description": "", "embedding": answer.json()["embedding"], "base_voice_id": french.id}
        ).json()  # fmt: skip
        assert made["language"] == "fr"
        assert set(made) - {"notices"} == {
            "id", "name", "description", "created_at", "language", "is_public", "user_id",
        }  # fmt: skip
        assert profile(spoken(http, made["id"], language="en")).f0_hz == pytest.approx(FITTED[1].median_hz, rel=0.12)


@pytest.mark.parametrize("version", NEWER)
def test_embeddings_ended_with_2024(engine: Engine, version: str) -> None:
    """410 for what is gone, 400 for the field, in the version's form of error (contract §6.5)."""
    embedding = embedding_of(ASH.timbre)
    with under(engine, version) as http:
        answers = [
            http.post("/voices/mix", json={"voices": [{"id": KATIE, "weight": 1}]}),
            http.post("/voices", json={"name": "x", "description": "", "embedding": embedding}),
            http.post("/voices/clone/clip", files={"clip": ("x.wav", b"x")}),
            http.post("/tts/bytes", json=speech(voice={"mode": "embedding", "embedding": embedding})),
            http.post("/tts/sse", json=speech(voice={"mode": "embedding", "embedding": embedding})),
        ]
    assert [answer.status_code for answer in answers] == [410, 410, 410, 400, 400]
    for answer in answers:
        assert "ended with version 2024" in answer.text
        assert answer.text.startswith("{" if version >= "2026-03-01" else ("Gone: ", "Bad Request: "))


def numbers(**changes: float) -> list[float]:
    return [changes.get(f"at{index}", 0.1) for index in range(EMBEDDING_SIZE)]


HOSTILE: dict[str, str] = {
    "not a number": json.dumps(numbers(at3=math.nan)),
    "infinite": json.dumps(numbers(at100=-math.inf)),
    "beyond all floats": json.dumps([10**400, *numbers()[1:]]),
    "too short": json.dumps(numbers()[1:]),
    "too long": json.dumps([*numbers(), 0.1]),
    "none": "[]",
    "a million": json.dumps([0] * 1_000_000),
    "not numbers": json.dumps(["x"] * EMBEDDING_SIZE),
    "nested": json.dumps([[0.1]] * EMBEDDING_SIZE),
    "not a list": '{"0": 1}',
    "null": "null",
}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_is_no_embedding_is_refused(engine: Engine, hostile: str) -> None:
    """400 wherever one may be given."""
    text = HOSTILE[hostile]
    bodies = {
        "/voices": f'{{"name": "x", "description": "", "embedding": {text}}}',
        "/voices/mix": f'{{"voices": [{{"embedding": {text}, "weight": 1}}]}}',
        "/tts/bytes": json.dumps(speech(voice=0)).replace('"voice": 0', f'"voice": {{"mode": "embedding", "embedding": {text}}}'),
    }  # fmt: skip
    with under(engine, "2024-11-13") as http:
        for path, body in bodies.items():
            answer = http.post(path, content=body, headers={"Content-Type": "application/json"})
            assert answer.status_code == 400, (path, answer.text)


@pytest.mark.parametrize(
    "voices",
    [[], "all", [{"weight": 1}], [{"id": KATIE}], [{"id": KATIE, "embedding": numbers(), "weight": 1}],
     [{"id": KATIE, "weight": -1}], [{"id": KATIE, "weight": 0}], [{"id": KATIE, "weight": "much"}],
     [{"id": "nobody", "weight": 1}], [{"id": KATIE, "weight": 1}] * 33, [7]],
)  # fmt: skip
def test_what_cannot_be_mixed_is_refused(engine: Engine, voices: object) -> None:
    """400: no voices, no weights, unknown ids, too many."""
    with under(engine, "2024-06-10") as http:
        assert http.post("/voices/mix", json={"voices": voices}).status_code == 400


def test_huge_weights_are_weights(engine: Engine) -> None:
    """Only their relation counts."""
    with under(engine, "2024-06-10") as http:
        parts = [{"id": KATIE, "weight": 1.7e308}, {"id": ASH.id, "weight": 1.7e308}]
        half = http.post("/voices/mix", json={"voices": parts}).json()["embedding"]
        even = http.post("/voices/mix", json={"voices": [part | {"weight": 1} for part in parts]}).json()["embedding"]
    assert half == even


def test_any_192_numbers_are_a_voice_that_speaks(engine: Engine) -> None:
    """Wild ones are brought within bounds and confessed: they are no voice anybody made here; the worker lives on."""
    rng = random.Random(7)
    wild = [
        [rng.gauss(0, 1) for _ in range(EMBEDDING_SIZE)],
        [rng.choice((-1, 1)) * 1e300 for _ in range(EMBEDDING_SIZE)],
        [-1.0] * EMBEDDING_SIZE,
        [9.0] * EMBEDDING_SIZE,
        [0.0] * EMBEDDING_SIZE,
        [*(rng.choice((-1.0, 1.0)) for _ in range(EMBEDDING_SIZE - 1)), 0.5],
    ]
    with under(engine, "2024-11-13") as http:
        for embedding in wild:
            voice = {"mode": "embedding", "embedding": embedding}
            answer = http.post("/tts/bytes", json=speech("Good morning.", voice=voice, output_format=WAV))
            assert answer.status_code == 200, answer.text
            samples = read_clip(io.BytesIO(answer.content), sample_rate=16000)
            assert np.isfinite(samples).all()
            assert 0.4 < len(samples) / 16000 < 4
            assert 1e-3 < np.abs(samples).max() <= 1
            told = answer.headers.get_list("Sonant-Notice")
            assert any("not%20made%20by" in notice or "not made by" in notice for notice in told)
