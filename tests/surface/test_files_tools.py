"""Stored files as a person uses them: found, brought home, deleted on a yes."""

import io
from collections.abc import AsyncIterator

import pytest

from scripted import Reply, data
from sonant.api_client.bodies import Upload
from sonant.wire.tts import OutputFormat, SpeechRequest
from surface_kit import (
    KATIE,
    Home,
    Served,
    first_text,
    links,
    path_of,
    refused,
    said,
    samples_of,
    serve,
    serve_scripted,
)


@pytest.fixture(scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[Served]:
    async with serve(Home(tmp_path_factory.mktemp("files") / "home"), SONANT_TOOLSETS="account") as served:
        yield served


async def test_saved_speech_is_found_brought_home_and_deleted(served: Served) -> None:
    """Rule: `save` at one end is a file at the other; what is downloaded is new audio in the output folder."""
    api = await served.state.api()
    wav = OutputFormat(container="wav", encoding="pcm_s16le", sample_rate=16000)
    request = SpeechRequest(model_id="sonic-3.6", transcript="Good day.", voice=KATIE, output_format=wav, save=True)
    async with api.speak(request) as body:
        sound = b"".join([chunk async for chunk in body])
    assert body.file_id is not None
    uploaded = await api.upload_file(
        Upload(io.BytesIO(b"no audio at all, but bytes"), "x.wav", "audio/wav"), "voice-clone"
    )
    async with served.client() as client:
        listed = await client.call_tool("list_files", {})
        assert [row["id"] for row in said(listed)["files"]] == [uploaded.id, body.file_id]
        assert body.file_id in first_text(listed)
        page = said(await client.call_tool("list_files", {"limit": 1}))
        assert page["next_cursor"] == uploaded.id
        only = said(await client.call_tool("list_files", {"purpose": "TTS_generation", "query": "SPEECH"}))
        assert [row["id"] for row in only["files"]] == [body.file_id]

        brought = await client.call_tool("download_file", {"file_id": body.file_id, "filename": "Greeting"})
        assert path_of(brought).name == "Greeting.wav"
        assert path_of(brought).read_bytes() == sound
        samples, sample_rate = samples_of(path_of(brought))
        assert said(brought)["duration_s"] == pytest.approx(len(samples) / sample_rate, abs=0.01)
        assert len(links(brought)) == 1

        before = served.home.files()
        assert "x.wav is not audio" in refused(await client.call_tool("download_file", {"file_id": uploaded.id}))
        assert served.home.files() == before

        kept = await client.call_tool("delete_file", {"file_id": uploaded.id})
        assert (said(kept)["deleted"], "confirm=true" in first_text(kept)) == (False, True)
        gone = await client.call_tool("delete_file", {"file_id": uploaded.id, "confirm": True})
        assert said(gone) == {"deleted": True, "id": uploaded.id}
        for tool in ("download_file", "delete_file"):
            assert "list_files" in refused(await client.call_tool(tool, {"file_id": uploaded.id}))


async def test_a_download_that_is_cut_leaves_nothing(home: Home) -> None:
    """Rule: a file that is not whole is no file."""
    info = {"id": "file_1", "filename": "a.wav", "purpose": "voice-clone", "size": 5000}
    routes = {
        "GET /files/file_1/info": data(info),
        "GET /files/file_1/download": Reply(
            body=b"RIFF" + b"\0" * 996, headers={"content-type": "application/octet-stream"}
        ),
    }
    async with serve_scripted(home, routes=routes, SONANT_TOOLSETS="account") as (served, _):
        assert "did not arrive whole" in refused(await served.call("download_file", file_id="file_1"))
        assert home.files() == []
