"""The embedded engine understands what it is told, invents nothing, and leaves no process behind."""

import io
import json
import signal
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from statistics import median

import anyio
import jiwer
import numpy as np
import psutil
import pytest
import soundfile

from sonant.audio.pcm import Samples
from sonant.audio.resample import resample
from sonant.engine import sphinx_worker
from sonant.engine.hearing import Preparation, is_speech
from sonant.engine.recognition import Recogniser, Recognition
from sonant.engine.spoken_text import as_sentence
from sonant.engine.synthesis import SAMPLE_RATE as SPOKEN_RATE
from sonant.engine.synthesis import Synthesiser, TimedWord, Utterance
from sonant.engine.timbre import Timbre
from sonant.errors import AudioInputError, EngineError, EngineUnavailableError

pytest.importorskip("pocketsphinx")

RATE = 16000
SENTENCES = [
    "The weather is nice today.",
    "I have never seen so many stars in the night sky.",
    "There is nothing better than a hot cup of coffee.",
    "Please send the report to every member of the team.",
]
PAUSE_S = 0.6


@pytest.fixture(scope="module")
async def said() -> tuple[Samples, list[TimedWord]]:
    """The sentences in a clear voice at 16 kHz with digital silence between them, and when each word is said."""
    parts, words, at_s = [], [], 0.0
    async with Synthesiser(workers=1) as synthesiser:
        for sentence in SENTENCES:
            utterance = Utterance(sentence, Timbre(), "en")
            pieces = [piece async for piece in synthesiser.speak(utterance)]
            words += [
                TimedWord(word.word, word.start_s + at_s, word.end_s + at_s) for piece in pieces for word in piece.words
            ]
            parts += [piece.samples for piece in pieces] + [np.zeros(round(PAUSE_S * SPOKEN_RATE), np.float32)]
            at_s = sum(map(len, parts)) / SPOKEN_RATE
    return resample(np.concatenate(parts), SPOKEN_RATE, RATE), words


@pytest.fixture(scope="module")
async def recogniser() -> AsyncIterator[Recogniser]:
    """One for all tests that do not harm it: loading takes longer than listening."""
    async with Recogniser(workers=1) as recogniser:
        yield recogniser


def wav(samples: Samples) -> io.BytesIO:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="WAV")
    return file


async def blocks(samples: Samples, frames: int = RATE) -> AsyncIterator[Samples]:
    for start in range(0, len(samples), frames):
        yield samples[start : start + frames]


def word_errors(heard: Recognition, sentences: list[str]) -> float:
    plain = heard.text.lower().replace(".", "")
    return jiwer.wer(" ".join(sentences).lower().replace(".", ""), plain or "nothing")


def workers() -> list[psutil.Process]:
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if any("sphinx_worker" in argument for argument in process.cmdline()):
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


async def test_a_recording_is_understood_timed_and_written_as_sentences(recogniser, said, tmp_path):
    """A stereo mp3: word errors as between two machines (20 %), starts within 50 ms, a sentence each, progress up to the end."""
    samples, spoken = said
    loud = resample(samples, RATE, 44100)
    soundfile.write(tmp_path / "said.mp3", np.stack([loud, loud], axis=1), 44100)
    progress: list[float] = []
    with (tmp_path / "said.mp3").open("rb") as file:
        heard = await recogniser.transcribe(file, progress.append)
        assert not file.closed
    assert word_errors(heard, SENTENCES) <= 0.2
    assert heard.text == " ".join(word.word for word in heard.words)
    assert heard.text.count(".") == len(SENTENCES)
    assert "I have never" in heard.text
    assert heard.duration_s == pytest.approx(len(samples) / RATE, abs=0.01)
    assert progress == sorted(progress)
    assert progress[-1] == heard.duration_s
    assert len(progress) >= 10

    starts = {word.word.lower(): word.start_s for word in spoken}  # each of these is said once
    errors = [abs(word.start_s - starts[word.word.lower()]) for word in heard.words if word.word.lower() in starts]
    assert median(errors) < 0.05
    assert all(word.start_s < word.end_s and 0 <= word.confidence <= 1 for word in heard.words)


async def test_one_recording_does_not_colour_the_next(recogniser, said):
    """The decoder adapts to a microphone; in a new recording it has forgotten it."""
    samples = said[0][: 2 * RATE]
    first = await recogniser.transcribe(wav(samples))
    await recogniser.transcribe(wav((samples + np.random.default_rng(0).normal(0, 0.02, len(samples))) * 0.5))
    assert await recogniser.transcribe(wav(samples)) == first


async def test_a_quiet_recording_is_understood_too(recogniser, said):
    """30 dB down, as from across a room, most words are still found."""
    heard = await recogniser.transcribe(wav(said[0][: 5 * RATE] * 0.03))
    assert word_errors(heard, SENTENCES[:2]) < 0.5


async def test_how_the_sound_comes_in_does_not_matter(recogniser, said):
    """Blocks that fit no frame of the decoder lose nothing."""
    samples = said[0][: 6 * RATE]
    heard = await recogniser.transcribe_blocks(blocks(samples, 4001))
    assert word_errors(heard, SENTENCES[:2]) < 0.25
    assert heard.duration_s == pytest.approx(6.0)


async def test_a_sentence_comes_before_the_recording_ends(recogniser, said):
    """listen() answers at the pause: whoever streams need not wait for the end."""
    samples = said[0][: 6 * RATE]
    fed = 0

    async def live() -> AsyncIterator[Samples]:
        nonlocal fed
        async for block in blocks(samples, RATE // 10):
            fed += len(block)
            yield block

    fed_at_answer = [fed async for _ in recogniser.listen(live())]
    assert len(fed_at_answer) >= 2
    assert fed_at_answer[0] < 3 * RATE


def _noise() -> Samples:
    return np.random.default_rng(3).normal(0, 0.05, 4 * RATE).astype(np.float32)


def _chords() -> Samples:
    seconds = np.arange(4 * RATE) / RATE
    root = np.repeat([130.8, 174.6, 196.0, 130.8], RATE)
    tones = [np.sin(2 * np.pi * root * ratio * n * seconds) for ratio in (1, 1.26, 1.5) for n in range(1, 8)]
    return (0.02 * np.sum(tones, axis=0)).astype(np.float32)


@pytest.mark.parametrize(
    "sound", [np.zeros(3 * RATE, np.float32), _noise(), _noise() * 0.02, _chords()], ids=["silence", "noise", "hiss", "music"]
)  # fmt: skip
async def test_where_nobody_speaks_nothing_is_written(recogniser, sound):
    """An empty text is the right answer to silence, noise and chords; invented words are not."""
    heard = await recogniser.transcribe(wav(sound))
    assert (heard.text, heard.words) == ("", ())
    assert heard.duration_s == pytest.approx(len(sound) / RATE)


async def test_what_is_not_audio_costs_no_worker():
    """It is refused before 150 MB are loaded for it."""
    async with Recogniser() as recogniser:
        with pytest.raises(AudioInputError):
            await recogniser.transcribe(io.BytesIO(b"just a letter"))
        assert not recogniser._idle
        assert not recogniser._busy


async def test_without_pocketsphinx_the_refusal_names_the_pythons_that_have_it(monkeypatch, said):
    """The person who reads it must know what to install."""
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    async with Recogniser() as recogniser:
        assert not recogniser.available()
        with pytest.raises(EngineUnavailableError, match=r"3\.11, 3\.12 and 3\.13"):
            await recogniser.transcribe(wav(said[0][:RATE]))


async def test_cancelling_ends_the_worker_and_the_next_call_gets_another(said):
    """Nobody waits for an answer that nobody wants."""
    before = set(workers())
    async with Recogniser(workers=1) as recogniser:
        assert recogniser.available()
        listening = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(recogniser.transcribe, wav(np.tile(said[0], 20)), lambda _: listening.set())
            await listening.wait()
            (worker,) = set(workers()) - before
            tasks.cancel_scope.cancel()
        assert not worker.is_running()
        heard = await recogniser.transcribe(wav(said[0][: 2 * RATE]))
        assert "weather" in heard.text
    assert set(workers()) == before


async def test_a_worker_killed_in_the_middle_is_replaced_where_the_file_can_be_read_again(said):
    """Once; the answer is whole."""
    before = set(workers())
    killed = []

    def kill_once(heard_s: float) -> None:
        if heard_s > 1 and not killed:
            killed.extend(set(workers()) - before)
            killed[0].kill()

    async with Recogniser(workers=1) as recogniser:
        heard = await recogniser.transcribe(wav(said[0][: 6 * RATE]), kill_once)
    assert len(killed) == 1
    assert word_errors(heard, SENTENCES[:2]) < 0.25


async def test_a_worker_killed_under_a_live_stream_is_an_error(said):
    """What was heard cannot be heard again, and half a text must not pass for the whole."""
    before = set(workers())

    async def deadly() -> AsyncIterator[Samples]:
        yield said[0][:RATE]
        for worker in set(workers()) - before:
            worker.kill()
        yield said[0][RATE : 2 * RATE]

    async with Recogniser(workers=1) as recogniser:
        with pytest.raises(EngineError, match="worker"):
            await recogniser.transcribe_blocks(deadly())
        assert "weather" in (await recogniser.transcribe(wav(said[0][: 2 * RATE]))).text


async def test_an_idle_worker_goes_and_comes_back_when_needed(said):
    """150 MB are not held for a request that may never come."""
    before = set(workers())
    async with Recogniser(workers=1, idle_s=0.1) as recogniser:
        first = await recogniser.transcribe(wav(said[0][: 2 * RATE]))
        for worker in set(workers()) - before:
            await anyio.to_thread.run_sync(worker.wait, 10)
        assert await recogniser.transcribe(wav(said[0][: 2 * RATE])) == first


@pytest.fixture
def bare_worker() -> Iterator[subprocess.Popen[bytes]]:
    """The process alone, greeted."""
    packages = Path(sys.modules["pocketsphinx"].__file__ or "").parent.parent
    command = [sys.executable, "-I", sphinx_worker.__file__, str(packages), "60"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        _reply(process)
        yield process
        process.kill()


def _send(process: subprocess.Popen[bytes], request: dict[str, str], audio_bytes: bytes = b"") -> None:
    assert process.stdin is not None
    body = json.dumps(request).encode()
    process.stdin.write(struct.pack("<II", len(body), len(audio_bytes)) + body + audio_bytes)
    process.stdin.flush()


def _reply(process: subprocess.Popen[bytes]) -> dict[str, list[object]]:
    assert process.stdout is not None
    return json.loads(process.stdout.read(struct.unpack("<II", process.stdout.read(8))[0]))


def test_a_worker_ends_with_its_parent_in_the_middle_of_decoding(bare_worker, said):
    """A killed server leaves nothing behind: half a minute of speech is still to be decoded when the pipe closes."""
    _send(bare_worker, {"do": "begin"})
    _reply(bare_worker)
    _send(bare_worker, {"do": "feed"}, Preparation().run(np.tile(said[0], 4)))
    bare_worker.stdin.close()
    assert bare_worker.wait(2) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send to one process")
def test_ctrl_c_is_left_to_the_parent(bare_worker):
    """A terminal sends it to the whole group; the worker answers on."""
    bare_worker.send_signal(signal.SIGINT)
    _send(bare_worker, {"do": "begin"})
    assert _reply(bare_worker) == {"stretches": []}


def test_speech_without_a_pause_is_cut_so_that_memory_ends(said):
    """A stretch never gets longer than the limit, and its times go on from the last one's."""
    from pocketsphinx import Decoder

    samples = said[0]
    unbroken = Preparation().run(samples[np.abs(samples) > 1e-3][: 6 * RATE])
    listener = sphinx_worker.Listener(Decoder(samprate=RATE, loglevel="FATAL"), long_s=1.5, longest_s=2.0)
    stretches = listener.feed(unbroken) + listener.finish()
    assert len(stretches) >= 3
    assert max(stretch["length_s"] for stretch in stretches) <= 2.0 + 0.4  # the detector's window comes at once
    starts = [word[1] for stretch in stretches for word in stretch["words"]]
    assert starts == sorted(starts)
    assert starts[-1] > 4


def test_a_long_stretch_after_short_ones_is_read(said):
    """The first stretches are read whole and later ones in pieces; no order of lengths may harm the decoder."""
    from pocketsphinx import Decoder

    spoken = said[0][np.abs(said[0]) > 1e-3]
    pause = np.zeros(RATE, np.float32)
    recording = np.concatenate([spoken[: 2 * RATE], pause, spoken[: 5 * RATE], pause, np.tile(spoken, 3)[: 14 * RATE]])
    listener = sphinx_worker.Listener(Decoder(samprate=RATE, loglevel="FATAL"))
    stretches = listener.feed(Preparation().run(recording)) + listener.finish()
    assert max(stretch["length_s"] for stretch in stretches) > 10
    assert stretches[-1]["words"][-1][2] > 18


def test_only_sound_with_digital_silence_gets_noise():
    """People's recordings are left as they are; gated ones are never silent."""
    room = np.random.default_rng(0).normal(0, 0.13, RATE).astype(np.float32)
    heard = np.frombuffer(Preparation().run(room), "<i2") / 32768
    np.testing.assert_allclose(heard, room, atol=1e-4)
    gated = np.concatenate([room, np.zeros(RATE, np.float32)])
    quietest = np.frombuffer(Preparation().run(gated), "<i2")[RATE:] / 32768
    assert 20 * np.log10(np.std(quietest)) == pytest.approx(-58, abs=0.5)


def test_a_handful_of_words_in_a_long_noise_is_not_speech():
    """One sure word in eight seconds is an invention; the same word in half a second was said."""
    assert not is_speech([1.0], 8.0, 20.0)
    assert is_speech([1.0], 0.6, 20.0)
    assert not is_speech([0.05, 0.1, 0.05], 1.0, 20.0)
    assert not is_speech([], 1.0, 20.0)
    assert not is_speech([1.0, 1.0], 1.0, 2.0)  # steady as a chord


@pytest.mark.parametrize(
    ("words", "written"),
    [
        ("hello", "Hello."),
        ("i think i'm late on monday", "I think I'm late on Monday."),
        ("john's here in january's cold", "John's here in January's cold."),
        ("at five p.m.", "At five p.m."),
        ("", ""),
    ],
)
def test_words_become_a_sentence_by_the_few_rules_there_are(words, written):
    """A capital, a full stop, "I", days and months; one form for each word."""
    forms = as_sentence(words.split())
    assert " ".join(forms) == written
    assert len(forms) == len(words.split())
