"""Bad input and bad luck: one readable sentence, nothing sent where that is possible, nothing left behind."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scripted import (
    Reply,
    ScriptedServer,
    Step,
    data,
    events,
    hang_up,
    not_http,
    refusal,
    refused_url,
    reset,
    speech,
    wav,
    web_page,
)
from surface_kit import (
    ERAS,
    KATIE,
    KATIE_ROW,
    KEY,
    SECRET_WORDS,
    Home,
    all_logs,
    everything_kept,
    first_text,
    refused,
    rows_of,
    said,
    serve,
    serve_scripted,
)

SPEAK = {"transcript": SECRET_WORDS, "format": "wav"}


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Temporary files go where the test sees them; none may be left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


# What the far end may do

QUICK_AGAIN = {"Retry-After": "0"}
FAULTS: dict[str, tuple[Step, str, int]] = {
    # name: (what happens, what is told, how many requests are made at most)
    "400": (refusal(400, message="transcript: bad"), "400", 1),
    "401": (refusal(401), "CARTESIA_API_KEY", 1),
    "402": (refusal(402, code="quota_exceeded"), "out of credits", 1),
    "403": (refusal(403, code="plan_upgrade_required"), "plan does not include", 1),
    "404 voice": (refusal(404, code="voice_not_found"), "The voice Katie no longer exists", 1),
    "404 model": (refusal(404, code="model_not_found"), "Leave out `model`", 1),
    "413": (refusal(413), "413", 1),
    "429 long": (refusal(429, retry_after=3600), "Try again in 60 minutes", 1),
    "500": (refusal(500, retry_after=0), "failed (500", 5),
    "hang-up": (hang_up, "cut before", 5),
    "reset": (reset, "cut", 5),
    "not HTTP": (not_http, "something other than HTTP", 5),
    "a web page": (web_page(), "", 1),
    "an empty body": (Reply(200, b"", {"Content-Type": "audio/wav"}), "", 1),
    "a body cut short": (speech(1, cut_after=30_000, ending="close"), "cut short", 1),
    "a body reset": (speech(1, cut_after=30_000, ending="reset"), "cut short", 1),
    "half a file": (Reply(200, wav(1.0)[:30_000], {"Content-Type": "audio/wav"}), "", 1),
    "text for audio": (Reply(200, b"I am sorry, Dave. " * 99, {"Content-Type": "audio/wav"}), "", 1),
    "JSON for audio": (data({"ok": True}), "", 1),
    "a redirect": (Reply(302, b"", {"Location": "https://example.com/"}), "points to another address", 1),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_of_the_service_is_told_and_leaves_nothing(home: Home, fault: str) -> None:
    """Rule: each fault is one sentence, few requests, no file, no part, no temporary file, no socket."""
    step, expected, most = FAULTS[fault]
    async with serve_scripted(home, routes={"POST /tts/bytes": step}) as (served, upstream):
        told = refused(await served.call("text_to_speech", **SPEAK))
        assert expected in told
        assert 1 <= len(upstream.requests_to("/tts/bytes")) <= most
        assert home.files() == []
        await served.state.aclose()
        await upstream.until_idle()


@pytest.mark.parametrize("fault", ["401", "500", "hang-up", "a web page", "an empty body", "a body cut short"])
async def test_a_fault_in_the_middle_of_long_text_leaves_nothing(home: Home, fault: str) -> None:
    """Rule: one piece that fails ends the whole, and the other pieces' requests with it."""
    step, _, _ = FAULTS[fault]
    async with serve_scripted(home, speech(0.3)) as (served, upstream):
        upstream.otherwise = step
        text = "The river was wide and the bridge was old. " * 150
        refused(await served.call("text_to_speech", transcript=text, format="mp3"))
        assert home.files() == []
        await served.state.aclose()
        await upstream.until_idle()


STREAM_FAULTS: dict[str, Step] = {
    "an error event": events({"type": "error", "done": True, "status_code": 500, "title": "Oops", "message": "bad"}),
    "not base64": events({"type": "chunk", "data": "!!no", "done": False}, {"type": "done", "done": True}),
    "no audio": events({"type": "done", "done": True}),
    "cut before done": events({"type": "chunk", "data": "AAAA" * 400, "done": False}),
    "a web page": web_page(),
}


@pytest.mark.parametrize("fault", STREAM_FAULTS)
async def test_a_fault_in_a_stream_with_word_times_leaves_nothing(home: Home, fault: str) -> None:
    """Rule: the same holds where word times were asked for: no file of sound without its file of words."""
    async with serve_scripted(home, routes={"POST /tts/sse": STREAM_FAULTS[fault]}) as (served, _):
        refused(await served.call("text_to_speech", **SPEAK, timestamps=True))
        assert home.files() == []


async def test_speech_that_came_without_word_times_is_kept(home: Home) -> None:
    """Rule: what was paid for is not thrown away; the answer says what is missing."""
    step = events({"type": "chunk", "data": "AAAA" * 4000, "done": False}, {"type": "done", "done": True})
    async with serve_scripted(home, routes={"POST /tts/sse": step}) as (served, _):
        result = await served.call("text_to_speech", **SPEAK, timestamps=True)
        assert "sent no word times" in first_text(result)
        assert home.files() == [Path(said(result)["path"]).name]


async def test_a_transcript_that_came_without_word_times_is_told(home: Home) -> None:
    """Rule: the same for subtitles: the text is given, and no file pretends to be one."""
    (home.root / "clip.wav").write_bytes(wav(1.0))
    step = data({"type": "transcript", "text": "What was said."})
    async with serve_scripted(home, routes={"POST /stt": step}) as (served, _):
        result = await served.call("transcribe", audio="clip.wav", format="srt")
        assert said(result)["text"] == "What was said."
        assert "no srt file" in first_text(result)
        assert home.files() == []


@pytest.mark.parametrize("variable", ["SONANT_OUTPUT_DIR", "SONANT_DATA_DIR"])
@pytest.mark.parametrize("tool", ["text_to_speech", "transcribe", "infill"])
async def test_folders_are_tried_before_anything_is_paid(home: Home, tool: str, variable: str) -> None:
    """Rule: everything that can be checked is checked before the first paid request."""
    (home.root / "clip.wav").write_bytes(wav(1.0))
    (home.root / "a file").write_text("in the way")
    clip = str(home.root / "clip.wav")
    arguments = {
        "text_to_speech": SPEAK,
        "transcribe": {"audio": clip, "format": "srt"},
        "infill": {"transcript": "then", "before": clip},
    }[tool]
    async with serve_scripted(home, **{variable: str(home.root / "a file" / "x")}) as (served, upstream):
        assert "folder" in refused(await served.call(tool, **arguments))
        assert [request for request in upstream.requests if request.method == "POST"] == []
        assert home.files() == []


async def test_names_of_voices_are_one_printable_line(home: Home) -> None:
    """Rule: what somebody called a voice cannot break out of the sentence it stands in."""
    nasty = {"data": [{**KATIE_ROW, "name": "Evil\n\nIgnore\x00 all\u202e"}], "has_more": False}
    async with serve_scripted(home, routes={"GET /voices": data(nasty)}) as (served, _):
        told = await served.call("list_voices")
        assert "Evil Ignore all" in first_text(told)
        assert said(told)["voices"][0]["name"] == "Evil Ignore all"


OTHER_CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "transcribe": ("POST /stt", {"audio": "clip.wav"}),
    "list_voices": ("GET /voices", {}),
    "clone_voice": ("POST /voices/clone", {"audio": "clip.wav", "name": "Ada"}),
    "localize_voice": ("POST /voices/localize", {"voice": KATIE, "language": "fr"}),
    "infill": ("POST /infill/bytes", {"transcript": SECRET_WORDS, "before": "clip.wav"}),
}
OTHER_FAULTS: dict[str, Step] = {
    "401": refusal(401),
    "500": refusal(500, retry_after=0),
    "a web page": web_page(),
    "nothing": Reply(200, b""),
    "cut": Reply(200, b'{"id": "' + b"x" * 5000, {"Content-Type": "application/json"}, cut_after=99, ending="close"),
}


@pytest.mark.parametrize("tool", OTHER_CALLS)
async def test_every_tool_tells_its_faults(home: Home, tool: str) -> None:
    """Rule: what holds for speech holds for each tool."""
    (home.root / "clip.wav").write_bytes(wav(4.0, 16000))
    route, arguments = OTHER_CALLS[tool]
    async with serve_scripted(home) as (served, upstream):
        for fault, step in OTHER_FAULTS.items():
            upstream.routes[route] = step
            told = refused(await served.call(tool, **arguments))
            # Only a refusal is sure to have made nothing.
            assert ("may have been made" in told) == (tool in ("clone_voice", "localize_voice") and fault != "401")
            assert home.files() == []


async def test_a_refused_connection_is_told(home: Home) -> None:
    """Rule: when nobody listens the address is named, and what to check."""
    async with serve(home, CARTESIA_BASE_URL=refused_url(), CARTESIA_API_KEY=KEY) as served:
        assert "could not be reached" in refused(await served.call("text_to_speech", **SPEAK))
    assert home.files() == []


async def test_a_deleted_voice_is_looked_up_anew(home: Home) -> None:
    """Rule: a voice that vanished is told of, and forgotten, whatever tool found out."""
    (home.root / "clip.wav").write_bytes(wav(4.0, 16000))
    gone = refusal(404, code="voice_not_found")
    routes: dict[str, Step] = {
        "POST /tts/bytes": gone, "POST /infill/bytes": gone, "POST /voices/localize": gone
    }  # fmt: skip
    async with serve_scripted(home, routes=routes) as (served, upstream):
        for number, (tool, arguments) in enumerate(
            (
                ("text_to_speech", SPEAK),
                ("infill", {"transcript": "then", "before": "clip.wav"}),
                ("localize_voice", {"voice": KATIE, "language": "fr"}),
            ),
            1,
        ):
            assert "Katie no longer exists" in refused(await served.call(tool, **arguments))
            assert len(upstream.requests_to(f"/voices/{KATIE}")) == number


async def test_an_ambiguous_name_answers_with_the_candidates(home: Home) -> None:
    """Rule: several voices of one name are told apart by id; none is chosen."""
    rows = [KATIE_ROW, KATIE_ROW | {"id": "00000000-0000-4000-8000-000000000001", "language": "fr"}]
    async with serve_scripted(home, routes={"GET /voices": data({"data": rows, "has_more": False})}) as (served, up):
        told = refused(await served.call("text_to_speech", transcript="Hi.", voice="katie"))
        assert all(row["id"] in told for row in rows)
        told = refused(await served.call("text_to_speech", transcript="Hi.", voice="Katy"))
        assert "no voice named 'Katy'" in told
        assert "Did you mean Katie?" in told
        assert up.requests_to("/tts/bytes") == []


async def test_no_key_where_one_is_needed(home: Home) -> None:
    """Rule: a service that wants a key says so; nothing falls back to the engine."""
    async with (
        ScriptedServer(otherwise=refusal(401)) as upstream,
        serve(home, CARTESIA_BASE_URL=upstream.base_url) as served,
    ):
        assert "CARTESIA_API_KEY" in refused(await served.call("text_to_speech", **SPEAK))
        assert "authorization" not in upstream.requests[0].headers


# What a person may name


def _link(home: Home) -> str:
    target = home.root.parent / "elsewhere.wav"
    target.write_bytes(wav(1.0))
    (home.root / "link.wav").symlink_to(target)
    return str(home.root / "link.wav")


def _made(name: str, content: bytes) -> Callable[[Home], str]:
    def make(home: Home) -> str:
        path = home.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return str(path)

    return make


def _up(home: Home) -> str:
    (home.root.parent / "up.wav").write_bytes(wav(1.0))
    return str(home.root / ".." / "up.wav")


def _huge(home: Home) -> str:
    path = home.root / "huge.wav"
    path.write_bytes(wav(0.1))
    os.truncate(path, 3 * 1024**3)
    return str(path)


REFERENCES: dict[str, tuple[Callable[[Home], str], str]] = {
    "missing": (lambda home: str(home.root / "none.wav"), "not on this computer"),
    "missing by name": (lambda _: "none.wav", "no file none.wav"),
    "empty": (_made("empty.wav", b""), "is empty"),
    "not audio": (_made("letter.wav", b"Dear Sir, " * 100), "is not audio"),
    "no sound in it": (_made("head.wav", wav(1.0)[:44]), ""),
    "hidden": (_made(".secret.wav", wav(1.0)), "may not be read"),
    "in a hidden folder": (_made(".ssh/id.wav", wav(1.0)), "may not be read"),
    "a folder": (lambda home: str(home.root), "is a folder"),
    "a device": (lambda _: "/dev/zero", "may not be read"),
    "outside": (lambda _: "/etc/passwd", "may not be read"),
    "through ..": (_up, "may not be read"),
    "through a link": (_link, "may not be read"),
    "too large": (_huge, "is larger than"),
    "http": (lambda _: "http://example.com/a.wav", "https://"),
    "loopback": (lambda _: "https://127.0.0.1/a.wav", ""),
    "loopback by name": (lambda _: "https://localhost/a.wav", ""),
    "private": (lambda _: "https://192.168.1.1/a.wav", ""),
    "link-local": (lambda _: "https://169.254.169.254/latest/meta-data", ""),
    "mapped": (lambda _: "https://[::ffff:127.0.0.1]/a.wav", ""),
    "another scheme": (lambda _: "ftp://example.com/a.wav", "addresses are not read"),
    "data": (lambda _: "data:audio/wav;base64,UklGRg==", "addresses are not read"),
    "unknown id": (lambda _: f"audio://{'0' * 32}.mp3", "No file has the id"),
    "no id": (lambda _: "audio://", "No file has the id"),
    "blank": (lambda _: "  ", ""),
    "nul": (lambda _: "a\0b.wav", ""),
    "half a character": (lambda _: "a\ud800b.wav", ""),
    "very long": (lambda _: "a" * 9000 + ".wav", ""),
    "many lines": (lambda _: "a\nb\n.wav", ""),
}


@pytest.mark.parametrize("name", REFERENCES)
async def test_a_recording_that_may_not_or_cannot_be_used_is_refused(home: Home, name: str) -> None:
    """Rule: refused in a sentence, before anything is sent, by every tool that takes a recording."""
    make, expected = REFERENCES[name]
    reference = make(home)
    async with serve_scripted(home) as (served, upstream):
        for tool, arguments in (
            ("transcribe", {"audio": reference}),
            ("clone_voice", {"audio": reference, "name": "Ada"}),
            ("infill", {"transcript": "then", "after": reference}),
        ):
            told = refused(await served.call(tool, **arguments))
            if tool != "infill" or name != "blank":  # there a blank is none
                assert expected in told
        assert [request.path for request in upstream.requests if request.method == "POST"] == []
    assert home.files() == []


# Where results go


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere")
async def test_an_unwritable_folder_is_told_before_anything_is_spent(home: Home) -> None:
    """Rule: the output folder is tried before the first paid request."""
    home.root.chmod(0o500)
    try:
        await _no_output(home, home.root / "Sonant")
    finally:
        home.root.chmod(0o700)


async def test_a_file_in_place_of_the_folder_is_told_before_anything_is_spent(home: Home) -> None:
    """Rule: the output folder is tried before the first paid request."""
    (home.root / "taken").write_text("not a folder")
    await _no_output(home, home.root / "taken")
    await _no_output(home, home.root / "taken" / "below")


async def _no_output(home: Home, folder: Path) -> None:
    async with serve_scripted(home, SONANT_OUTPUT_DIR=str(folder)) as (served, upstream):
        assert "SONANT_OUTPUT_DIR" in refused(await served.call("text_to_speech", **SPEAK))
        assert upstream.requests_to("/tts/bytes") == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
async def test_a_full_disk_is_told_and_leaves_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: a full disk is named, for what passes through and for what is encoded here."""
    import resource
    import signal

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    async with serve_scripted(home, routes={"POST /tts/bytes": speech(30.0)}) as (served, _):
        said(await served.call("text_to_speech", transcript="Warm up.", format="raw"))
        before = home.files()
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))
        try:
            for name in ("wav", "raw", "flac"):
                refused(await served.call("text_to_speech", transcript="Hello.", format=name))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, ignored)
        assert home.files() == before


async def test_the_folder_is_made_when_it_is_missing(home: Home) -> None:
    """Rule: a missing output folder is made, with its parents; `~` and relative paths mean the home folder."""
    for value, folder in (
        ("~/Audio/of/mine", home.root / "Audio/of/mine"),
        ("spoken", home.root / "spoken"),
        (str(home.root / "abs"), home.root / "abs"),
    ):
        async with serve_scripted(home, SONANT_OUTPUT_DIR=value) as (served, _):
            assert Path(said(await served.call("text_to_speech", **SPEAK))["path"]).parent == folder


# Nothing leaks


async def test_a_key_and_a_transcript_appear_nowhere(home: Home, capfd: pytest.CaptureFixture[str]) -> None:
    """Rule: a planted key and a planted text are in no result, log, file or database."""
    (home.root / "clip.wav").write_bytes(wav(4.0, 16000))
    echo = refusal(400, message=f"bad key {KEY}: {SECRET_WORDS}")
    results: list[str] = []
    with all_logs() as lines:
        async with serve_scripted(home) as (served, upstream):
            for era in ERAS:
                for step in (speech(0.3), echo, FAULTS["a web page"][0], FAULTS["a body cut short"][0]):
                    upstream.routes |= {"POST /tts/bytes": step, "POST /infill/bytes": step}
                    for arguments in (SPEAK, SPEAK | {"filename": "kept"}, SPEAK | {"speed": "x"}, SPEAK | {"zzz": 1}):
                        results.append((await served.call("text_to_speech", era, **arguments)).model_dump_json())
                    infill = {"transcript": SECRET_WORDS, "before": "clip.wav", "join": True, "format": "wav"}
                    results.append((await served.call("infill", era, **infill)).model_dump_json())
            upstream.routes["POST /stt"] = data({"type": "transcript", "text": SECRET_WORDS})
            heard = await served.call("transcribe", audio="clip.wav")
            assert SECRET_WORDS in first_text(heard)
            upstream.routes["POST /stt"] = refusal(400, message=f"bad key {KEY}")
            results.append((await served.call("transcribe", audio="clip.wav")).model_dump_json())
            assert upstream.requests_to("/tts/bytes")[0].headers["authorization"] == f"Bearer {KEY}"
        assert len(home.files()) > 4
    out, err = capfd.readouterr()
    kept = everything_kept(home).decode("latin-1") + rows_of(home.data / "index.sqlite3")
    for name, place in (
        ("results", "".join(results)),
        ("log", "\n".join(lines)),
        ("stdio", out + err),
        ("files", kept),
    ):
        assert KEY not in place, name
        assert "nutmeg" not in place, name


async def test_a_bug_of_ours_is_hidden_from_the_model(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: what is no SpeechError reaches the model without its text."""
    async with serve_scripted(home) as (served, _):

        def broken(*_: object) -> None:
            raise RuntimeError(SECRET_WORDS)

        monkeypatch.setattr("sonant.workflows.speaking.check", broken)
        result = await served.call("text_to_speech", **SPEAK)
        assert result.is_error
        assert "nutmeg" not in result.model_dump_json()
    assert home.files() == []


async def test_the_worker_killed_in_the_middle_is_told_and_the_next_call_works(home: Home) -> None:
    """Rule: a crash of the speech library is an error of one request."""
    psutil = pytest.importorskip("psutil")
    import anyio

    async with serve(home) as served:
        said(await served.call("text_to_speech", transcript="Warm up.", format="wav"))
        before = home.files()
        results = []

        async def speak_long() -> None:
            results.append(await served.call("text_to_speech", transcript="The river was wide. " * 1500, format="wav"))

        killed = 0
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(speak_long)
            while not results:
                for worker in psutil.Process().children(recursive=True):
                    if "espeak" in " ".join(worker.cmdline()):
                        worker.kill()
                        killed += 1
                await anyio.sleep(0.02)
        assert killed
        assert "engine" in refused(results[0]) or "speech" in refused(results[0])
        assert home.files() == before
        said(await served.call("text_to_speech", transcript="Still here.", format="wav"))
