"""Stored files: whole or not there, listed and found, kept from speech with `save`, and safe from a kill."""

import io
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine_fixture import VERSION, WAV, Engine, speech
from process_kit import SONANT, Command, Home, eventually
from sonant.audio.wav import wav_header
from sonant.engine import endpoints_files
from sonant.engine.blobs import Blobs
from sonant.errors import EngineUnavailableError

SOUND = b"RIFF" + b"\0" * 4 + b"WAVE" + bytes(range(256)) * 40
OLD = {"Cartesia-Version": "2026-03-01"}
"""A version whose answers have no OpenAPI file: parts of a file are ours."""


@pytest.fixture
def http(engine: Engine) -> Iterator[httpx.Client]:
    with engine.http() as http:
        yield http


def upload(http: httpx.Client, content: bytes = SOUND, name: str = "a.wav", purpose: str = "voice-clone") -> Any:
    answer = http.post("/files", files={"file": (name, io.BytesIO(content))}, data={"purpose": purpose})
    assert answer.status_code == 201, answer.text
    return answer.json()


def ids(http: httpx.Client, **query: object) -> list[str]:
    answer = http.get("/files", params={"limit": 100, **query})
    assert answer.status_code == 200, answer.text
    return [file["id"] for file in answer.json()["data"]]


def test_a_file_is_stored_listed_read_and_deleted(engine: Engine, http: httpx.Client) -> None:
    """Rule: §11: 201 with its record, found by purpose and name, the same bytes back, 200 and gone."""
    stored = upload(http, name="C:\\clips\\Größe 1.wav")
    assert stored["id"].startswith("file_")
    assert (stored["filename"], stored["purpose"], stored["size"]) == ("Größe 1.wav", "voice-clone", len(SOUND))
    assert stored["status"]
    assert stored["owner_id"]
    file = f"/files/{stored['id']}"
    assert http.get(file + "/info").json() == stored
    assert stored["id"] in ids(http, purpose="voice-clone", q="größe")
    assert stored["id"] in ids(http, q=stored["id"])
    assert stored["id"] not in ids(http, purpose="tts_generation")
    got = http.get(file + "/download")
    assert (got.content, got.headers["x-content-type-options"]) == (SOUND, "nosniff")
    assert got.headers["content-disposition"].startswith("attachment")
    with engine.http(**OLD) as old:
        part = old.get(file + "/download", headers={"Range": "bytes=8-11"})
        assert (part.status_code, part.content) == (206, b"WAVE")
        assert old.get(file + "/download?format=playback").headers["content-type"] == "audio/wav"
    assert http.delete(file).json()["message"]
    for method, path in (("GET", "/info"), ("GET", "/download"), ("DELETE", "")):
        answer = http.request(method, file + path)
        assert (answer.status_code, answer.json()["error_code"]) == (404, "file_not_found")
    assert stored["id"] not in ids(http)


def test_pages_walk_over_all_files(http: httpx.Client) -> None:
    """Rule: newest first, with cursors that survive deletion (§1.3)."""
    made = [upload(http, name=f"page {n}.wav")["id"] for n in range(3)]
    first = http.get("/files", params={"q": "page ", "limit": 2}).json()
    assert [file["id"] for file in first["data"]] == made[:0:-1]
    assert first["has_more"]
    http.delete(f"/files/{made[1]}")
    assert ids(http, q="page ", starting_after=made[1]) == [made[0]]
    for query in ("purpose=nonsense", "limit=0", "starting_after=file_none"):
        assert http.get(f"/files?{query}").status_code == 400


def test_what_cannot_be_stored_is_refused(http: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: 400 for what is no such form, 413 file_too_large beyond the limit; nothing is kept of it."""
    before = ids(http)
    file = {"file": ("a.wav", io.BytesIO(SOUND))}
    wrong: list[dict[str, Any]] = [
        {"files": file},
        {"files": file, "data": {"purpose": "fun"}},
        {"data": {"purpose": "fine_tune", "file": "text"}},
        {"files": {"file": ("a.wav", b"")}, "data": {"purpose": "fine_tune"}},
        {"files": {"other": ("a.wav", b"x")}, "data": {"purpose": "fine_tune"}},
        {"json": {"purpose": "fine_tune"}},
    ]
    for body in wrong:
        assert http.post("/files", **body).status_code == 400, body
    monkeypatch.setattr(endpoints_files, "FILE_MAX_BYTES", 1000)
    answer = http.post("/files", files=file, data={"purpose": "fine_tune"})
    assert (answer.status_code, answer.json()["error_code"]) == (413, "file_too_large")
    assert ids(http) == before


def test_a_file_of_a_dataset_is_deleted_there(engine: Engine, http: httpx.Client) -> None:
    """Rule: 409 while in use."""
    from sonant.engine.records import Records

    records = Records(engine.data_dir / "engine" / "records.sqlite3")
    body = {"filename": "clip.wav", "created_at": "2026-11-25T00:00:00Z", "size": 3}
    records.put("dataset_file", "file_of_dataset", body, parent="dataset_1")
    assert http.get("/files/file_of_dataset/info").json()["purpose"] == "fine_tune"
    assert "file_of_dataset" in ids(http, purpose="fine_tune")
    answer = http.delete("/files/file_of_dataset")
    assert (answer.status_code, answer.json()["error_code"]) == (409, "file_in_use")
    records.delete("dataset_file", "file_of_dataset")


def test_saved_speech_is_the_speech_that_was_sent(engine: Engine) -> None:
    """Rule: `save` on /tts/bytes at every version: the id is in a header, the bytes are the body's."""
    for version, container in (("2024-11-13", WAV), ("2026-08-14", {"container": "mp3", "sample_rate": 44100})):
        with engine.http(**{"Cartesia-Version": version}) as http:
            body = speech(output_format=container, save=True)
            answer = http.post("/tts/bytes", json=body)
            file_id = answer.headers["cartesia-file-id"]
            info = http.get(f"/files/{file_id}/info").json()
            assert http.get(f"/files/{file_id}/download").content == answer.content
        assert (info["purpose"], info["size"]) == ("tts_generation", len(answer.content))
        assert info["filename"].endswith(str(container["container"]))
    with engine.http() as http:
        assert "cartesia-file-id" not in http.post("/tts/bytes", json=speech()).headers


def test_speech_that_is_cut_leaves_no_file(engine: Engine, http: httpx.Client) -> None:
    """Rule: hanging up in the middle keeps nothing, neither record nor bytes."""
    folder = engine.data_dir / "engine" / "files"
    body = speech("A long sentence to be said. " * 400, save=True)
    with http.stream("POST", "/tts/bytes", json=body) as answer:
        file_id = answer.headers["cartesia-file-id"]
        next(answer.iter_bytes())
        assert list(folder.glob("*.part"))
    assert eventually(lambda: not list(folder.glob("*.part")))
    assert http.get(f"/files/{file_id}/info").status_code == 404
    assert not (folder / file_id).exists()


def test_a_full_or_missing_disk_is_a_sentence(tmp_path: Path) -> None:
    """Rule: which folder, and what to do; and no part is left."""
    blobs = Blobs(tmp_path / "files", lambda _: True)

    def write() -> None:
        with blobs.draft("file_1") as file:
            file.write(b"half")
            raise OSError(28, "No space left on device")

    with pytest.raises(EngineUnavailableError, match=r"files.*No space.*SONANT_DATA_DIR"):
        write()
    assert list((tmp_path / "files").iterdir()) == []


def test_a_kill_leaves_whole_files_only(tmp_path: Path) -> None:
    """Rule: killed while files come and go, the engine then lists what it had said yes to, each with all its bytes;
    what nobody lists is swept."""
    home = Home(tmp_path)
    content = wav_header_and(600_000)
    said_yes: set[str] = set()
    asked_to_go: set[str] = set()
    enough = threading.Event()

    def work(base_url: str, number: int) -> None:
        with client(base_url) as http:
            try:
                while True:
                    stored = upload(http, content, f"{number}.wav")["id"]
                    said_yes.add(stored)
                    if len(said_yes) % 3 == 0:
                        asked_to_go.add(stored)
                        http.delete(f"/files/{stored}")
                    if len(said_yes) > 6:
                        enough.set()
            except httpx.HTTPError:
                pass

    with Command(home, [*SONANT, "engine"]) as engine:
        base_url = engine.line(engine.out).strip()
        threads = [threading.Thread(target=work, args=(base_url, number)) for number in range(3)]
        for thread in threads:
            thread.start()
        assert enough.wait(30)
        engine.process.kill()
        for thread in threads:
            thread.join(30)
    folder = tmp_path / "data" / "engine" / "files"
    hours_ago = time.time() - 7200
    for path in folder.iterdir():
        os.utime(path, (hours_ago, hours_ago))
    with Command(home, [*SONANT, "engine"]) as engine, client(engine.line(engine.out).strip()) as http:
        listed = ids(http)
        assert said_yes - asked_to_go <= set(listed)
        for file_id in listed:
            assert http.get(f"/files/{file_id}/download").content == content
        listed.append(upload(http)["id"])
        assert {path.name for path in folder.iterdir()} == set(listed)


def client(base_url: str) -> httpx.Client:
    headers = {"Authorization": "Bearer any", **VERSION}
    return httpx.Client(base_url=base_url, headers=headers, timeout=30, trust_env=False, verify=False)


def wav_header_and(size: int) -> bytes:
    from sonant.audio.formats import AudioFormat

    return wav_header(AudioFormat("wav", 16000, "pcm_s16le"), size) + b"\1" * size
