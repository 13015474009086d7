"""`transcribe` with live=true: a recording that is still being written is heard as it comes."""

import os
import struct
import sys
from pathlib import Path

import anyio
import numpy as np
import pytest

from hearing_kit import RATE, silence, spoken
from sonant.audio.growing import GrowingSound
from sonant.audio.pcm import encode_pcm
from sonant.errors import AudioInputError
from sonant.workflows import following
from surface_kit import Home, Served, refused, said, serve, text_at, text_of

pytest.importorskip("pocketsphinx")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")

WEATHER, STARS = "The weather is nice today.", "So many stars in the night sky."


@pytest.fixture(scope="module")
def sentences() -> list[bytes]:
    return spoken(WEATHER, STARS)


def header(data_bytes: int = 0xFFFFFFFF, tag: int = 1, channels: int = 1, bits: int = 16) -> bytes:
    width = channels * bits // 8
    fmt = struct.pack("<HHIIHH", tag, channels, RATE, RATE * width, width, bits)
    chunks = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + struct.pack("<I", data_bytes)
    return b"RIFF" + struct.pack("<I", 0xFFFFFFFF) + chunks


async def test_a_pipe_is_heard_while_it_is_written_to(tmp_path: Path, sentences: list[bytes]) -> None:
    """Words come as progress before the next are written; after the call's limit a job knows them; closing ends it."""
    home = Home(tmp_path / "home")
    os.mkfifo(home.root / "talk.wav")
    first_heard = anyio.Event()

    async def tell(_done: float, _total: float | None, message: str | None) -> None:
        if "nice today." in (message or ""):
            first_heard.set()

    async with serve(home, call_limit_s=0.2) as served, served.client() as client:
        started = await client.call_tool(
            "transcribe", {"audio": str(home.root / "talk.wav"), "live": True, "format": "srt"}
        )
        job_id = said(started)["job_id"]
        with await anyio.to_thread.run_sync(lambda: (home.root / "talk.wav").open("wb", buffering=0)) as pipe:
            await anyio.to_thread.run_sync(pipe.write, header() + silence(0.3) + sentences[0] + silence(1))
            while not first_heard.is_set():
                await client.call_tool("get_job", {"job_id": job_id}, progress_callback=tell)
            so_far = await client.call_tool("get_job", {"job_id": job_id, "action": "read"})
            assert said(so_far)["so_far"] == WEATHER
            assert text_of(so_far).endswith(WEATHER)
            await anyio.to_thread.run_sync(pipe.write, sentences[1])
        result = started
        while said(result).get("status") == "running":
            result = await client.call_tool("get_job", {"job_id": job_id})
    assert said(result)["text"] == f"{WEATHER} {STARS}"
    assert said(result)["duration_s"] == pytest.approx(1.3 + sum(map(len, sentences)) / 2 / RATE, abs=0.05)
    assert any("English only" in notice for notice in said(result)["notices"])
    assert "00:00:0" in text_at(said(result)["path"])


async def test_a_file_that_stops_growing_is_finished_and_a_cancelled_job_tells_what_it_heard(
    tmp_path: Path, sentences: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Headerless samples by the name's ending, with a notice; cancelling shows what there was."""
    home = Home(tmp_path / "home")
    (home.root / "talk.raw").write_bytes(sentences[0] + silence(1))
    async with serve(home, call_limit_s=0.1) as served, served.client() as client:
        result = await client.call_tool("transcribe", {"audio": str(home.root / "talk.raw"), "live": True})
        job_id = said(result)["job_id"]
        while "so_far" not in said(result) or not said(result)["so_far"].endswith("."):
            result = await client.call_tool("get_job", {"job_id": job_id})
        result = await client.call_tool("get_job", {"job_id": job_id, "action": "cancel"})
        assert said(result)["status"] == "cancelled"
        assert WEATHER in text_of(result)
        monkeypatch.setattr(following, "QUIET_S", 0.1)
        result = await client.call_tool("transcribe", {"audio": str(home.root / "talk.raw"), "live": True})
        while said(result).get("status") == "running":
            result = await client.call_tool("get_job", {"job_id": said(result)["job_id"]})
    assert said(result)["text"] == WEATHER
    assert any("pcm_s16le at 16000 Hz" in notice for notice in said(result)["notices"])
    assert home.files() == []


async def test_what_cannot_be_followed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it lies, what it is, that nothing came: each in one sentence, without waiting."""
    monkeypatch.setattr(following, "QUIET_S", 0.1)
    monkeypatch.setattr(following, "PIPE_QUIET_S", 0.1)
    home = Home(tmp_path / "home")
    (home.root / ".hidden").mkdir()
    (home.root / ".hidden" / "a.wav").write_bytes(header())
    (tmp_path / "outside.wav").write_bytes(header())
    (home.root / "link.wav").symlink_to(tmp_path / "outside.wav")
    (home.root / "film.mp4").write_bytes(b"\0\0\0\x20ftypisom" + bytes(4000))
    (home.root / "letter.wav").write_bytes(b"Dear Anna, this is not a recording at all.")
    (home.root / "deep.wav").write_bytes(header(bits=24) + bytes(4000))
    (home.root / "cut.wav").write_bytes(header()[:30])
    (home.root / "empty.wav").write_bytes(b"")
    os.mkfifo(home.root / "nobody.pcm")
    async with serve(home) as served:
        for audio, told in {
            ".hidden/a.wav": "may not be read",
            "link.wav": "may not be read",
            "film.mp4": "only a wav",
            "letter.wav": "cannot be followed",
            "deep.wav": "cannot be followed",
            "cut.wav": "header",
            "empty.wav": "No sound came",
            "nobody.pcm": "No sound came",
            ".": "folder",
            "none.wav": "no file",
        }.items():
            assert told in refused(await _live(served, str(home.root / audio))), audio
        assert "on this computer" in refused(await _live(served, "https://example.com/a.wav"))
    assert not home.data.joinpath("engine").exists()  # nothing was asked of the engine


async def _live(served: Served, audio: str):  # type: ignore[no-untyped-def]
    return await served.call("transcribe", audio=audio, live=True)


@pytest.mark.parametrize(("tag", "channels", "bits"), [(1, 1, 16), (1, 2, 16), (3, 2, 32)])
def test_bytes_cut_anywhere_are_the_same_sound(tag: int, channels: int, bits: int) -> None:
    """A growing file is read wherever its end happens to be; what follows an announced length is not sound."""
    samples = np.random.default_rng(0).normal(0, 0.1, 500).astype(np.float32)
    frames = np.repeat(samples, channels)
    data = encode_pcm(frames, "pcm_s16le" if bits == 16 else "pcm_f32le")
    for length, after in ((0xFFFFFFFF, b""), (len(data), b"LIST\4\0\0\0abcd")):
        sound = GrowingSound("a.wav", RATE, is_pipe=False)
        file = header(length, tag, channels, bits) + data + after
        pieces = [sound.feed(file[start : start + 7]) for start in range(0, len(file), 7)]
        heard = np.concatenate([*pieces, sound.feed(b"")])
        np.testing.assert_allclose(heard, samples, atol=1e-4)
        assert sound.is_whole == bool(after)


def test_a_header_without_end_is_refused() -> None:
    """Memory ends before patience does."""
    sound = GrowingSound("a.wav", RATE, is_pipe=True)
    sound.feed(b"RIFF\0\0\0\0WAVEjunk\0\0\0\x10" + bytes(32 * 1024))
    with pytest.raises(AudioInputError, match="header"):
        sound.feed(bytes(32 * 1024))
