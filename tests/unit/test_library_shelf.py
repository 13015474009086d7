"""The library as a whole: what is kept comes back by its id, what is referred to is opened, uploads are taken in."""
# ruff: noqa: ASYNC240 — looking at the folders is the test

import io
import os
import sqlite3
import stat
import sys
import wave
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from sonant.audio.codec import probe
from sonant.audio.formats import PRESETS
from sonant.errors import AudioInputError, InputError, OutputError, PathNotAllowedError, SpeechError
from sonant.library.identity import new_id
from sonant.library.index import Entry, Index, Kind
from sonant.library.inputs import InputFiles
from sonant.library.outputs import OutputFolder
from sonant.library.shelf import Library


def _wav(frames: int = 8000) -> bytes:
    with io.BytesIO() as file:
        with wave.open(file, "wb") as sound:
            sound.setparams((1, 2, 8000, 0, "NONE", ""))
            sound.writeframes(bytes(range(250)) * (frames * 2 // 250))
        return file.getvalue()


WAV = _wav()


def _library(root: Path, **options: bool) -> Library:
    output = root / "Sonant"
    return Library(
        OutputFolder(output), InputFiles([root], [output], []), Index(root / "data" / "index.sqlite3"), **options
    )


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    library = _library(tmp_path)
    yield library
    await library.aclose()


async def _keep(library: Library, content: bytes, preset: str | None, *, kind: Kind = "audio") -> Entry:
    audio_format = PRESETS[preset] if preset else None
    async with library.outputs.new_file("Hello", audio_format.extension if audio_format else "srt") as draft:
        await draft.write(content)
        return await library.keep(draft, kind=kind, audio_format=audio_format, duration_s=1.0)


async def _read(library: Library, reference: str) -> bytes:
    async with library.open_audio(reference) as opened:
        return opened.file.read()


async def _chunks(content: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def test_what_is_kept_comes_back_by_its_id_also_after_a_restart(tmp_path: Path, library: Library) -> None:
    """audio://id, with or without an extension, from another process's library too."""
    entry = await _keep(library, WAV, "wav")
    assert entry.path == tmp_path / "Sonant" / "Hello.wav"
    assert (entry.sample_rate, entry.encoding, entry.duration_s) == (44100, "pcm_s16le", 1.0)
    again = _library(tmp_path, allow_local_paths=False)
    for reference in (entry.uri, f"audio://{entry.id}", f" AUDIO://{entry.id.upper()}.WAV/ "):
        assert await _read(again, reference) == WAV
    assert await again.find(entry.id) == entry
    await again.aclose()


@pytest.mark.parametrize("preset", ["mulaw_8000", "alaw_8000", "raw"])
async def test_headerless_audio_comes_back_readable(library: Library, preset: str) -> None:
    """Its rate and encoding are remembered, and given back as the header of a wav; odd lengths too."""
    samples = bytes(range(1, 251)) * 33 + (b"x" if "law" in preset else b"")
    entry = await _keep(library, samples, preset)
    async with library.open_audio(entry.uri) as opened:
        assert opened.extension == "wav"
        info = probe(opened.file)
        opened.file.seek(0)
        assert samples in opened.file.read()
    assert info.sample_rate == PRESETS[preset].sample_rate
    assert info.duration_s == pytest.approx(len(samples) / PRESETS[preset].frame_bytes / info.sample_rate)


@pytest.mark.parametrize(
    "reference", ["audio://", f"audio://{'0' * 32}", "audio://../../x", "audio://a b", "audio://é"]
)
async def test_an_unknown_id_is_told(library: Library, reference: str) -> None:
    """Never made, or not an id at all."""
    with pytest.raises(InputError, match="No file has the id"):
        await _read(library, reference)
    with pytest.raises(InputError):
        await _read(library, new_id())  # a bare id is a file name


async def test_a_file_that_is_gone_is_told_by_name(library: Library) -> None:
    """Its id is known, so say what was there; something else in its place is not opened."""
    entry = await _keep(library, WAV, "wav")
    entry.path.rename(entry.path.with_name("elsewhere.wav"))
    for attempt in (library.find(entry.id), _read(library, entry.uri)):
        with pytest.raises(InputError, match=r"Hello\.wav was moved or deleted"):
            await attempt
    if sys.platform != "win32":
        entry.path.symlink_to(entry.path.with_name("elsewhere.wav"))
        with pytest.raises(PathNotAllowedError, match="not an ordinary file"):
            await _read(library, entry.uri)


async def test_a_transcript_is_kept_but_is_not_audio(library: Library) -> None:
    """It has an id and a type of its own; an empty one is a result too."""
    entry = await _keep(library, b"1\n00:00\nHi", None, kind="transcript")
    assert (entry.extension, entry.mime_type) == ("srt", "application/x-subrip")
    assert (await library.find(entry.id)).path.read_bytes() == b"1\n00:00\nHi"
    with pytest.raises(AudioInputError, match="is a transcript"):
        await _read(library, entry.uri)
    assert (await _keep(library, b"", None, kind="transcript")).path.exists()


async def test_an_empty_result_is_not_kept(tmp_path: Path, library: Library) -> None:
    """Neither file nor entry."""
    with pytest.raises(OutputError, match="Nothing was recorded"):
        await _keep(library, b"", "mp3")
    assert list((tmp_path / "Sonant").iterdir()) == []
    assert await library.index.recent() == []


async def test_a_result_that_cannot_be_indexed_is_named(tmp_path: Path, library: Library) -> None:
    """It was paid for and lies there: say so. An upload nobody could find again is removed."""
    await library.index.recent()
    with sqlite3.connect(library.index.path) as connection:
        connection.execute("DROP TABLE entries")
    with pytest.raises(OutputError, match=r"Hello\.wav was saved, but"):
        await _keep(library, WAV, "wav")
    assert (tmp_path / "Sonant" / "Hello.wav").read_bytes() == WAV
    with pytest.raises(OutputError, match="index"):
        await library.adopt_upload(_chunks(WAV), filename="a.wav", max_bytes=10**6)
    assert list((tmp_path / "data" / "uploads").iterdir()) == []


async def test_paths_are_opened_unless_the_server_runs_elsewhere(tmp_path: Path, library: Library) -> None:
    """Over HTTP the caller is not at this computer: no path, "~", file:// or name is read, and none is named."""
    (tmp_path / "Interview: Anna.wav" if sys.platform != "win32" else tmp_path / "Anna.wav").write_bytes(WAV)
    (path,) = tmp_path.glob("*Anna.wav")
    assert await _read(library, str(path)) == WAV
    library.inputs.lookup = (tmp_path,)
    assert await _read(library, path.name) == WAV
    library.allow_local_paths = False
    for reference in (str(path), path.as_uri(), "~/Anna.wav", path.name, "/etc/passwd", "C:\\x.wav"):
        with pytest.raises(PathNotAllowedError, match="POST /audio") as caught:
            await _read(library, reference)
        assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("http://example.com/a.mp3", "does not begin with https://"),
        ("https://127.0.0.1/a.mp3", "not on the public internet"),
        ("s3://bucket/a.mp3", "s3: addresses are not read"),
        ("data:audio/wav;base64,UklGRg==", "data: addresses are not read"),
        ("transcript://x", "No file has the id"),
    ],
)
async def test_other_addresses_are_refused(tmp_path: Path, library: Library, reference: str, words: str) -> None:
    """Each with its sentence; nothing stays in the folder downloads go to."""
    with pytest.raises(InputError, match=words):
        await _read(library, reference)
    assert [path for path in (tmp_path / "data").rglob("*") if path.is_file() and "index" not in path.name] == []


async def test_a_link_is_fetched_into_a_file_without_a_name(
    tmp_path: Path, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the disk of the data folder, private, gone when it is closed, and never whole in memory."""
    from sonant.library import fetch as fetch_module
    from sonant.library.fetch import Fetched

    async def instead_of_the_network(url: str, into: io.FileIO, **_: object) -> Fetched:
        into.write(WAV)
        return Fetched("talk.wav", len(WAV), "wav")

    monkeypatch.setattr(fetch_module, "fetch", instead_of_the_network)
    async with library.open_audio("https://audio.example/talk.wav") as opened:
        assert (opened.name, opened.size, opened.extension) == ("talk.wav", len(WAV), "wav")
        assert opened.file.read() == WAV
        if sys.platform != "win32":
            assert list((tmp_path / "data" / "tmp").iterdir()) == []
            status = os.fstat(opened.file.fileno())
            assert status.st_dev == (tmp_path / "data").stat().st_dev
            assert stat.S_IMODE(status.st_mode) == 0o600
    assert opened.file.closed


async def test_an_upload_becomes_an_id(tmp_path: Path, library: Library) -> None:
    """Streamed in, looked into, private, named by its id alone, and readable where paths are not."""
    library.allow_local_paths = False
    entry = await library.adopt_upload(_chunks(WAV, 7), filename="../../my talk.mp3", max_bytes=len(WAV))
    assert (entry.kind, entry.extension, entry.duration_s) == ("upload", "wav", 1.0)
    assert entry.path == tmp_path / "data" / "uploads" / f"{entry.id}.wav"
    assert await _read(library, entry.uri) == WAV
    if sys.platform != "win32":
        assert stat.S_IMODE(entry.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(entry.path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"<html>" * 2000, "is not audio"),
        (b"short text", "is not audio"),
        (WAV + b"x", "larger than"),
        (_wav(0), "zero"),
    ],
    ids=["empty", "html", "text", "too large", "silent"],
)
async def test_an_upload_that_is_no_recording_leaves_nothing(
    tmp_path: Path, library: Library, content: bytes, words: str
) -> None:
    """Empty, not audio, too large, or with no sound in it."""
    with pytest.raises(AudioInputError, match=words):
        await library.adopt_upload(_chunks(content), filename="a.wav", max_bytes=len(WAV))
    assert list((tmp_path / "data" / "uploads").iterdir()) == []
    assert await library.index.recent() == []


async def test_an_upload_that_breaks_off_leaves_nothing(tmp_path: Path, library: Library) -> None:
    """The sender goes away, or the call is cancelled, in the middle."""

    async def broken() -> AsyncIterator[bytes]:
        yield WAV[:5000]
        raise ConnectionError

    async def stuck() -> AsyncIterator[bytes]:
        yield WAV[:5000]
        scope.cancel()
        await anyio.sleep_forever()

    with pytest.raises(ConnectionError):
        await library.adopt_upload(broken(), filename="a.wav", max_bytes=10**6)
    with anyio.CancelScope() as scope:
        await library.adopt_upload(stuck(), filename="a.wav", max_bytes=10**6)
    assert scope.cancelled_caught
    assert list((tmp_path / "data" / "uploads").iterdir()) == []


async def test_sweeping_clears_both_folders(tmp_path: Path, library: Library) -> None:
    """Parts that crashed servers left, of results and of uploads."""
    for folder in (tmp_path / "Sonant", tmp_path / "data" / "uploads"):
        folder.mkdir(parents=True)
        (folder / ".sonant-aa.part").touch()
        os.utime(folder / ".sonant-aa.part", (0, 0))
    library.sweep()
    assert list(tmp_path.rglob("*.part")) == []


async def test_a_data_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """One sentence with the setting to change, for links and uploads alike."""
    (tmp_path / "data").touch()
    library = _library(tmp_path)
    with pytest.raises(OutputError, match="SONANT_DATA_DIR"):
        await _read(library, "https://audio.example/a.mp3")
    with pytest.raises(OutputError, match="SONANT_DATA_DIR"):
        await library.adopt_upload(_chunks(WAV), filename="a.wav", max_bytes=10**6)


async def test_a_damaged_entry_of_another_kind_is_a_sentence(library: Library) -> None:
    """A file that is no longer what it was is refused like any other that is not audio."""
    entry = await _keep(library, WAV, "wav")
    entry.path.write_bytes(b"overwritten by something else")
    with pytest.raises(SpeechError, match="is not audio"):
        await _read(library, entry.uri)
    assert replace(entry, kind="upload").uri == entry.uri
