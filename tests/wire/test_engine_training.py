"""Professional cloning: recordings go in, a training really runs, voices come out. Source: contract §9."""

import io
import os
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx
import numpy as np
import pytest
from cartesia import APIStatusError, BadRequestError, Cartesia, NotFoundError

from engine_fixture import VERSION, WAV, Engine, speech
from sonant.api_client.client import APIClient, Upload
from sonant.api_client.connection import Connection
from sonant.audio.codec import Encoder
from sonant.audio.formats import AudioFormat
from sonant.engine.app import build_engine
from sonant.engine.blobs import Blobs
from sonant.engine.claim import Claim
from sonant.engine.options import EngineOptions
from sonant.engine.records import Records
from sonant.engine.serving import served
from sonant.errors import InputError
from sonant.wire.training import DatasetChange, DatasetRequest, FineTuneRequest

MODELS = ["sonic-3.6-2026-08-27", "sonic-3.5-2026-05-04", "sonic-3-2026-01-12"]
TEXTS = (
    "The weather is nice today. Please call me back before five o'clock. She sold her old car and bought a bicycle. "
    "There is nothing better than a hot cup of coffee. He opened the window because it was warm.",
    "The boy was there when the sun rose. A rod is used to catch pink salmon. The source of the huge river is the "
    "clear spring. Kick the ball straight and follow through. Help the woman get back to her feet.",
    "A pot of tea helps to pass the evening. Smoky fires lack flame and heat. The soft cushion broke the man's fall. "
    "The salt breeze came across from the sea. The girl at the booth sold fifty bonds.",
)
SECONDS = np.arange(3 * 16000) / 16000
MELODY = sum(np.sin(2 * np.pi * k * np.repeat([220, 330, 262, 440], 12000) * SECONDS) / k for k in range(1, 6)) / 8
NOISE = np.random.default_rng(0).normal(0, 0.1, 3 * 16000)


def wav(samples: Any) -> bytes:
    file = io.BytesIO()
    with Encoder(file, AudioFormat("wav", 16000, "pcm_s16le")) as encoder:
        encoder.write(np.asarray(samples, np.float32))
    return file.getvalue()


def recording(http: httpx.Client, voice: str, text: str) -> bytes:
    """Some twelve seconds of a voice of the engine's."""
    listed = http.get("/voices", params={"q": voice}).json()["data"]
    voice_id = next(found["id"] for found in listed if found["name"] == voice)
    return http.post("/tts/bytes", json=speech(text, voice=voice_id, output_format=WAV)).content


def dataset_of(client: Cartesia, files: dict[str, bytes], name: str = "Readings") -> str:
    dataset = client.datasets.create(name=name, description="")
    for filename, content in files.items():
        client.datasets.files.upload(dataset.id, file=(filename, content), purpose="fine_tune")
    return dataset.id


def train(client: Cartesia, dataset: str, **more: str) -> str:
    wanted = {"name": "Ash", "description": "My voice.", "language": "en", "model_id": MODELS[0], **more}
    return client.fine_tunes.create(dataset=dataset, **wanted).id  # type: ignore[arg-type]


def end_of(http: httpx.Client, fine_tune_id: str, within_s: float = 60) -> dict[str, Any]:
    """The fine-tune when it is no longer being trained."""
    deadline = time.monotonic() + within_s
    while (told := http.get(f"/fine-tunes/{fine_tune_id}").json())["status"] in ("created", "training"):
        assert time.monotonic() < deadline, told
        time.sleep(0.05)  # as any client must: the wire has no event to wait on
    return dict(told)


@dataclass(frozen=True)
class Training:
    dataset: str
    id: str


@pytest.fixture(scope="module")
def started(engine: Engine) -> Training:
    """A training on one speaker's clips and on much else; it runs while other tests do."""
    with engine.http() as http:
        files = {f"ash {number}.wav": recording(http, "Ash", text) for number, text in enumerate(TEXTS)}
        files |= {
            "her.wav": recording(http, "Katie", TEXTS[0][:110]),
            "melody.wav": wav(MELODY),
            "noise.wav": wav(NOISE),
        }
    files |= {"silence.wav": wav(NOISE * 0), "notes.txt": b"These are no sounds.", "oh.wav": wav(MELODY[:3000])}
    dataset = dataset_of(engine.sdk(), files)
    return Training(dataset, train(engine.sdk(), dataset))


def test_sdk_keeps_datasets(engine: Engine, started: Training) -> None:
    """Made, read, changed in part, listed newest first with cursors, deleted with their files."""
    client = engine.sdk()
    made = client.datasets.create(name=" Ann ", description="Reading")
    assert client.datasets.retrieve(made.id) == made
    assert (made.name, made.description) == ("Ann", "Reading")
    with engine.http() as http:
        assert http.patch(f"/datasets/{made.id}", json={"description": ""}).status_code == 204
    assert client.datasets.update(made.id, name="Anna", description="Read") is None
    again = client.datasets.retrieve(made.id)
    assert (again.name, again.description, again.created_at) == ("Anna", "Read", made.created_at)
    listed = [dataset.id for dataset in client.datasets.list(limit=1)]
    assert listed.index(made.id) < listed.index(started.dataset)
    assert client.datasets.delete(made.id) is None
    with pytest.raises(NotFoundError):
        client.datasets.retrieve(made.id)


async def test_async_sdk_keeps_files_of_a_dataset(engine: Engine) -> None:
    """Bytes on disk while the record says so, and gone with it; the name is the sender's, without folders."""
    folder = engine.data_dir / "engine" / "files"
    async with engine.async_sdk() as client:
        dataset = await client.datasets.create(name="Files", description="")
        before = set(folder.iterdir())
        for name in ("a.wav", "../b.wav"):
            await client.datasets.files.upload(dataset.id, file=(name, b"RIFF" * 10), purpose="fine_tune")
        files = [file async for file in client.datasets.files.list(dataset.id, limit=1)]
        assert [(file.filename, file.size) for file in files] == [("b.wav", 40), ("a.wav", 40)]
        kept = set(folder.iterdir()) - before
        assert {path.name for path in kept} == {file.id for file in files}
        assert all(path.stat().st_mode & 0o077 == 0 for path in kept)
        await client.datasets.files.delete(files[0].id, id=dataset.id)
        with pytest.raises(NotFoundError):
            await client.datasets.files.delete(files[0].id, id=dataset.id)
        assert [file.id async for file in client.datasets.files.list(dataset.id)] == [files[1].id]
        await client.datasets.delete(dataset.id)
        assert set(folder.iterdir()) == before


REFUSALS: dict[str, tuple[str, str, dict[str, object] | None, int, str | None]] = {
    "a dataset without a name": ("POST", "/datasets", {"description": "x"}, 400, None),
    "a blank name": ("POST", "/datasets/", {"name": " "}, 400, None),
    "a name of another type": ("POST", "/datasets", {"name": ["x"]}, 400, None),
    "a name without end": ("POST", "/datasets", {"name": "x" * 1000}, 400, None),
    "no such dataset": ("GET", "/datasets/nothing", None, 404, "dataset_not_found"),
    "no such dataset to change": ("PATCH", "/datasets/nothing", {"name": "x"}, 404, "dataset_not_found"),
    "no such dataset to fill": ("POST", "/datasets/nothing/files", None, 404, "dataset_not_found"),
    "no such dataset to delete": ("DELETE", "/datasets/%00/", None, 404, "dataset_not_found"),
    "a wrong limit": ("GET", "/datasets?limit=0", None, 400, None),
    "a wrong cursor": ("GET", "/fine-tunes?starting_after=x", None, 400, None),
    "no form": ("POST", "/datasets/{dataset}/files", {"file": "x"}, 400, None),
    "a fine-tune without a dataset": ("POST", "/fine-tunes", {"dataset": None}, 400, None),
    "a fine-tune of nothing": ("POST", "/fine-tunes", {"dataset": "nothing"}, 404, "dataset_not_found"),
    "a language there is not": ("POST", "/fine-tunes/", {"language": "klingon"}, 400, "language_not_supported"),
    "an accent of another language": ("POST", "/fine-tunes", {"accent": "parisian"}, 400, None),
    "a retired model": ("POST", "/fine-tunes", {"model_id": "sonic-2"}, 400, "model_sunsetted"),
    "a model there is not": ("POST", "/fine-tunes", {"model_id": "tenor-1"}, 404, "model_not_found"),
    "no such fine-tune": ("GET", "/fine-tunes/nothing", None, 404, "fine_tune_not_found"),
    "no such fine-tune's voices": ("GET", "/fine-tunes/nothing/voices", None, 404, "fine_tune_not_found"),
    "no such fine-tune to delete": ("DELETE", "/fine-tunes/nothing", None, 404, "fine_tune_not_found"),
}


def test_what_is_wrong_is_refused_with_its_code_and_before_2026_in_words(engine: Engine, started: Training) -> None:
    """Rule: every refusal has its status and code; older versions have `Title: Message` instead."""
    whole = {"name": "x", "description": "", "language": "en", "dataset": started.dataset}
    with engine.http() as http:
        for what, (method, path, body, status, code) in REFUSALS.items():
            sent = whole | body if body and path.startswith("/fine-tunes") else body
            answers = [
                http.request(method, path.format(dataset=started.dataset), json=sent, headers={"Cartesia-Version": version})
                for version in ("2026-08-14", "2025-04-16")
            ]  # fmt: skip
            assert [answer.status_code for answer in answers] == [
                status,
                400 if code == "model_not_found" else status,
            ], what
            assert answers[0].json()["error_code"] == code, what
            assert answers[1].text.startswith(("Bad Request: ", "Not Found: ", "Conflict: ")), what


def test_a_file_for_another_purpose_or_none_is_refused(engine: Engine, started: Training) -> None:
    """A dataset's files are for fine-tuning."""
    with engine.http() as http:
        url = f"/datasets/{started.dataset}/files"
        for data, files in (
            ({"purpose": "voice-clone"}, {"file": ("a.wav", b"x")}),
            ({"purpose": "fine_tune"}, {"other": ("a.wav", b"x")}),
            ({"purpose": "fine_tune"}, {"file": ("a.wav", b"")}),
        ):
            assert http.post(url, data=data, files=files).status_code == 400


def test_a_dataset_without_files_or_with_too_little_speech_makes_no_voice(engine: Engine) -> None:
    """Nothing to train on is a bad request; too little of it a failed training that says what is missing."""
    client = engine.sdk()
    with pytest.raises(BadRequestError):
        train(client, dataset_of(client, {}))
    fine_tune = train(client, dataset_of(client, {"noise.wav": wav(NOISE)}))
    with engine.http() as http:
        told = end_of(http, fine_tune)
    assert told["status"] == "failed"
    assert [error["code"] for error in told["user_errors"]] == ["no_voice", "not_enough_speech"]
    assert told["user_errors"][0]["message"].startswith("noise.wav: ")
    assert list(client.fine_tunes.list_voices(fine_tune)) == []


def test_a_training_yields_four_voices_and_names_what_it_left_out(engine: Engine, started: Training) -> None:
    """Rule: completed, with an entry for each file that was no use; the voices are trained ones and one's own."""
    client = engine.sdk()
    with engine.http() as http:
        told = end_of(http, started.id)
    assert told["status"] == "completed", told
    assert {(error["message"].partition(":")[0], error["code"]) for error in told["user_errors"]} == {
        ("her.wav", "different_speaker"), ("melody.wav", "no_voice"), ("noise.wav", "no_voice"),
        ("silence.wav", "silent"), ("notes.txt", "unreadable_audio"), ("oh.wav", "too_short"),
    }  # fmt: skip
    assert any("30 minutes" in notice for notice in told["notices"])
    assert client.fine_tunes.retrieve(started.id).supported_model_ids == MODELS  # type: ignore[attr-defined]
    voices = list(client.fine_tunes.list_voices(started.id, limit=3))
    assert [voice.name for voice in voices] == ["Ash", "Ash (calm)", "Ash (lively)", "Ash (clear)"]
    for voice in voices:
        assert (voice.is_owner, voice.is_pro, voice.language) == (True, True, "en")  # type: ignore[attr-defined]
        assert "approximate" in voice.description
    with sqlite3.connect(EngineOptions(engine.data_dir).ledger_path) as ledger:
        query = "SELECT credits, model FROM spent WHERE capability = 'fine_tune'"
        deadline = time.monotonic() + 5
        while not (charges := ledger.execute(query).fetchall()) and time.monotonic() < deadline:
            time.sleep(0.01)  # written just after the training is completed
    assert charges == [(1_000_000, MODELS[0])], "failed trainings cost nothing"


def test_a_trained_voice_speaks_with_dated_models_only_and_is_not_localized(engine: Engine, started: Training) -> None:
    """`voice_model_mismatch`; deleted voices leave the list, and those left outlive their fine-tune."""
    client = engine.sdk()
    with engine.http() as http:
        end_of(http, started.id)
        voices = [voice.id for voice in client.fine_tunes.list_voices(started.id)]
        refused = http.post("/tts/bytes", json=speech(voice=voices[0]))
        assert (refused.status_code, refused.json()["error_code"]) == (400, "voice_model_mismatch")
        spoken = [
            http.post("/tts/bytes", json=speech("Once more, please.", voice=voice, model_id=MODELS[2]))
            for voice in voices
        ]
        assert [answer.status_code for answer in spoken] == [200] * 4
        assert len({answer.content for answer in spoken}) == 4
    with pytest.raises(APIStatusError, match="trained voice"):
        client.voices.localize(voice_id=voices[0], name="Moi", accent="parisian")
    client.voices.delete(voices[3])
    assert [voice.id for voice in client.fine_tunes.list_voices(started.id)] == voices[:3]
    client.datasets.delete(started.dataset)
    client.fine_tunes.delete(started.id)
    assert started.id not in [fine_tune.id for fine_tune in client.fine_tunes.list(limit=100)]
    assert client.voices.get(voices[0]).name == "Ash"


async def test_our_client_keeps_datasets_and_fine_tunes(engine: Engine) -> None:
    """Every call of api_client/training.py at the engine."""
    async with APIClient(Connection(engine.base_url, engine.api_key)) as client:
        made = await client.create_dataset(DatasetRequest(name="Ours"))
        await client.update_dataset(made.id, DatasetChange(description="Changed"))
        assert (await client.get_dataset(made.id)).description == "Changed"
        assert (await client.list_datasets(limit=1)).data[0].id == made.id
        for name in ("a.wav", "b.wav"):
            await client.upload_dataset_file(made.id, Upload(io.BytesIO(b"no sound"), name, "audio/wav"))
        page = await client.list_dataset_files(made.id, limit=1)
        assert (page.data[0].filename, page.has_more, page.next_page) == ("b.wav", True, page.data[0].id)
        rest = await client.list_dataset_files(made.id, starting_after=page.data[0].id)
        await client.delete_dataset_file(made.id, rest.data[0].id)
        wanted = FineTuneRequest(name="Ours", description="", language="de", dataset=made.id)
        tune = await client.create_fine_tune(wanted)
        assert (await client.get_fine_tune(tune.id)).language == "de"
        assert (await client.list_fine_tunes(limit=1)).data[0].id == tune.id
        assert (await client.list_fine_tune_voices(tune.id)).data == []
        await client.delete_fine_tune(tune.id)
        await client.delete_dataset(made.id)
        for path in ("..", " "):
            with pytest.raises(InputError):
                await client.delete_dataset(path)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a POSIX signal")
async def test_a_killed_training_is_taken_up_by_one_of_the_next_engines(tmp_path: Path) -> None:
    """Rule: nothing stays in `training` for ever, and two engines on one folder do not train the same twice."""
    command = [sys.executable, "-m", "sonant", "engine"]
    environ = os.environ | {"SONANT_DATA_DIR": str(tmp_path)}
    with subprocess.Popen(  # noqa: ASYNC220
        command, env=environ, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            with Cartesia(api_key="k", base_url=process.stdout.readline().strip(), max_retries=0) as client:
                fine_tune = train(client, dataset_of(client, {"noise.wav": wav(NOISE)}))
                while client.fine_tunes.retrieve(fine_tune).status == "created":
                    pass
        finally:
            process.kill()
    options = EngineOptions(tmp_path)
    records = Records(options.records_path)
    record = records.get("fine_tune", fine_tune)
    assert record is not None
    assert (record["status"], record["tries"]) == ("training", 1)
    async with served(build_engine(options), "127.0.0.1", 0), served(build_engine(options), "127.0.0.1", 0):
        with anyio.fail_after(20):
            while (record := records.get("fine_tune", fine_tune) or {})["status"] == "training":  # noqa: ASYNC110
                await anyio.sleep(0.05)
    assert (record["status"], record["tries"]) == ("failed", 2)
    assert [error["code"] for error in record["user_errors"]] == ["no_voice", "not_enough_speech"]


async def test_deleting_a_fine_tune_ends_its_training(tmp_path: Path) -> None:
    """Only then may its dataset go; the next training is begun at once, and no bytes are left behind."""
    async with (
        served(build_engine(EngineOptions(tmp_path)), "127.0.0.1", 0) as base_url,
        httpx.AsyncClient(
            base_url=base_url, headers={"X-API-Key": "k", **VERSION}, timeout=20, trust_env=False, verify=False
        ) as http,
    ):
        dataset = (await http.post("/datasets", json={"name": "x"})).json()["id"]
        await http.post(f"/datasets/{dataset}/files", files={"file": ("noise.wav", wav(NOISE))})
        file = (await http.get(f"/datasets/{dataset}/files")).json()["data"][0]["id"]
        wanted = {"name": "x", "description": "", "language": "en", "dataset": dataset}
        first, second = [(await http.post("/fine-tunes", json=wanted)).json()["id"] for _ in range(2)]
        for path in (f"/datasets/{dataset}", f"/datasets/{dataset}/files/{file}"):
            in_use = await http.delete(path)
            assert (in_use.status_code, in_use.json()["error_code"]) == (409, "dataset_in_use")
        assert (await http.delete(f"/fine-tunes/{first}")).status_code == 204
        assert (await http.get(f"/fine-tunes/{first}")).status_code == 404
        with anyio.fail_after(20):
            while (told := (await http.get(f"/fine-tunes/{second}")).json())["status"] != "failed":  # noqa: ASYNC110
                await anyio.sleep(0.05)
        assert told["user_errors"]
        assert (await http.delete(f"/datasets/{dataset}")).status_code == 204
    assert list((tmp_path / "engine" / "files").iterdir()) == []


def test_a_claim_is_one_engines_at_a_time(tmp_path: Path) -> None:
    """Taken until it is let go; a folder that cannot be used gives none."""
    first, second = Claim(tmp_path / "a" / "lock"), Claim(tmp_path / "a" / "lock")
    assert first.take()
    assert not second.take()
    first.release()
    assert second.take()
    second.release()
    (tmp_path / "b").write_text("a file")
    assert not Claim(tmp_path / "b" / "lock").take()


def test_a_blob_is_whole_or_not_there_and_what_a_kill_left_is_swept(tmp_path: Path) -> None:
    """Old parts, and old files that nobody has a record of; young ones may be somebody's work."""
    folder = tmp_path / "files"
    blobs = Blobs(folder, lambda blob_id: blob_id == "known")
    with pytest.raises(TypeError), blobs.draft("failed") as file:
        file.writelines([b"half", None])  # type: ignore[list-item]
    assert list(folder.iterdir()) == []
    for name in ("known", "unknown", "1234.part", "young"):
        (folder / name).write_bytes(b"x")
        if name != "young":
            os.utime(folder / name, (0, 0))
    assert Blobs(folder, lambda blob_id: blob_id == "known").put("new", io.BytesIO(b"whole")) == 5
    assert sorted(path.name for path in folder.iterdir()) == ["known", "new", "young"]
    assert blobs.path("new").read_bytes() == b"whole"
    for wrong in ("../new", "", "a/b"):
        with pytest.raises(FileNotFoundError):
            blobs.path(wrong)
