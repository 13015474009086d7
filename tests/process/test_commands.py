"""`sonant call`, `sonant doctor`, and what every command says of itself."""

import json
import subprocess
from pathlib import Path

import pytest

from engine_fixture import Engine
from process_kit import SONANT, Home
from sonant import __version__


@pytest.mark.parametrize(
    "command", [[], ["serve"], ["call"], ["engine"], ["doctor"]], ids=lambda words: " ".join(words)
)
def test_every_command_explains_itself(command: list[str], home: Home) -> None:
    """`--help` is on stdout, says what the command is for, and leaves no option unexplained."""
    done = home.run(*command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: sonant")
    options = done.stdout.partition("\noptions:\n")[2]
    assert "--help" in options
    for line in options.splitlines():
        if line.startswith("  -"):
            _, _, said = line.strip().partition("  ")
            assert said or f"{line}\n        " in options, f"{line!r} is not explained"


def test_it_tells_its_version(home: Home) -> None:
    """For whoever reports a bug."""
    assert home.run("--version").stdout.strip() == f"sonant {__version__}"


def test_a_call_prints_the_result_and_nothing_else(home: Home) -> None:
    """The result is on stdout, what happens meanwhile on stderr; words become the types the tool takes."""
    done = home.run(
        "call", "text_to_speech", "transcript=Twelve tones.", "speed=1.2", "timestamps=true", "sample_rate=16000",
        "format=wav", "filename=tones", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert Path(result["path"]) == home.output / "tones.wav"
    assert (home.output / "tones.wav").stat().st_size > 1000
    assert done.stderr.startswith("sonant: ")


def test_a_value_of_a_dash_is_read_from_stdin(home: Home) -> None:
    """Text comes through a pipe, in any script."""
    done = home.run("call", "text_to_speech", "transcript=-", "filename=piped", stdin="Καλημέρα, κόσμε.\n")
    assert done.returncode == 0, done.stderr
    assert str(home.output / "piped.mp3") in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["call", "text_to_speech", "transcript= "], 1, "transcript"),
        (["call", "text_to_speech", "transcript=Hi.", "speed=fast"], 1, "speed must be"),
        (["call", "text_to_speech", "transcript=Hi.", "voice=Nobody At All"], 1, "Nobody At All"),
        (["call", "text_to_speech", "transcrpt=Hi."], 1, "'transcript'"),
        (["call", "transcribe", "audio=missing.wav"], 1, "missing.wav"),
        (["call", "text_to_speech", "Hi."], 2, "name=value"),
        (["call", "say", "text=Hi."], 2, "text_to_speech"),
        (["sing"], 2, "sing"),
        (["engine", "--port", "99999"], 2, "99999"),
        (["serve", "--transport", "http", "--port", "-5"], 2, "-5"),
        ([], 2, "usage"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_failure_is_a_status_and_a_sentence(words: list[str], code: int, said: str, home: Home) -> None:
    """1: the tool says it failed; 2: the command was wrong. Either way it is said what is."""
    done = home.run(*(words or ["call"]))
    assert done.returncode == code
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert [path for path in home.files() if path.is_relative_to(home.output)] == []


def test_a_shell_that_knows_only_ascii_is_told_all_the_same(home: Home) -> None:
    """A name the terminal cannot show is written with escapes; the result is not lost."""
    done = home.run("call", "text_to_speech", "transcript=Grüße.", "filename=Grüße", PYTHONIOENCODING="ascii")
    assert (done.returncode, "Saved" in done.stdout) == (0, True), done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full here")
def test_a_result_that_cannot_be_written_is_a_sentence(home: Home) -> None:
    """A full disk behind the redirection: status 1, no stack trace."""
    with open("/dev/full", "w") as full:
        command = [*SONANT, "call", "list"]
        done = subprocess.run(command, env=home.environ(), stdout=full, stderr=subprocess.PIPE, encoding="utf-8")
    assert done.returncode == 1
    assert done.stderr.startswith("sonant: The result cannot be written")


def test_a_cloned_voice_speaks_in_the_next_process(home: Home) -> None:
    """Voices made on the engine are kept from the start. The clip is the one in the current folder, as in any shell."""
    story = "She had your dark suit in greasy wash water all year. " * 4
    clip = home.run("call", "text_to_speech", f"transcript={story}", "format=wav", "filename=clip", "voice=Katie")
    assert clip.returncode == 0, clip.stderr
    (home.output / "clip.wav").rename(home.root / "clip.wav")
    (home.output / "clip.wav").write_text("another of that name, which is no clip")
    made = home.run("call", "clone_voice", "audio=clip.wav", "name=Grandmother")
    assert made.returncode == 0, made.stdout
    spoken = home.run("call", "text_to_speech", "transcript=Good night.", "voice=grandmother", "--json")
    assert spoken.returncode == 0, spoken.stdout
    assert "approximate" in made.stdout + spoken.stdout


def test_claude_desktop_takes_the_block_that_cursor_takes(home: Home) -> None:
    """One form for two hosts; that it works is tried over stdio."""
    assert home.run("doctor", "--config", "claude-desktop").stdout == home.run("doctor", "--config", "cursor").stdout


def test_doctor_says_all_is_well(home: Home) -> None:
    """With nothing configured: the engine answers, files go home, nothing to mend."""
    done = home.run("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    for fact in ("embedded engine", "It spoke", str(home.output), str(home.root / "data"), "Nothing to mend"):
        assert fact in done.stdout
    assert home.parts() == []


def test_doctor_says_what_to_mend_and_shows_no_secret(home: Home) -> None:
    """Several things wrong at once: each is named; a key never."""
    (home.root / "taken").write_text("a file where a folder should be")
    done = home.run(
        "doctor",
        CARTESIA_API_KEY="sk_planted_key",
        CARTESIA_BASE_URL="http://127.0.0.1:9",
        SONANT_HTTP_TOKEN="planted_token",
        SONANT_OUTPUT_DIR=str(home.root / "taken"),
        SONANT_DATA_DIR=str(home.root / "taken"),
    )
    assert done.returncode == 1
    mend = done.stdout.partition("To mend")[2]
    assert "127.0.0.1:9" in done.stdout
    assert mend.count("\n  - ") == 3
    assert "planted" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_the_key_and_the_text_are_in_no_log_and_no_file(home: Home, engine: Engine) -> None:
    """With all logs on, whether the call works or the key is refused."""
    far = {"CARTESIA_BASE_URL": engine.base_url, "SONANT_LOG_LEVEL": "DEBUG"}
    works = home.run("call", "text_to_speech", "transcript=Zanzibar.", CARTESIA_API_KEY=engine.api_key, **far)
    assert works.returncode == 0, works.stderr
    refused = home.run("call", "text_to_speech", "transcript=Zanzibar.", CARTESIA_API_KEY="sk_planted_key", **far)
    assert refused.returncode == 1
    said = works.stdout + works.stderr + refused.stdout + refused.stderr
    on_disk = b"".join(path.read_bytes() for path in home.files())
    assert "DEBUG" in works.stderr
    for secret in (engine.api_key, "sk_planted_key"):
        assert secret not in said
        assert secret.encode() not in on_disk
    assert "Zanzibar" not in said
