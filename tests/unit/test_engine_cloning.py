"""A fitted voice comes nearer to the clip than any default, says how near, and its process never outlives us."""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import anyio
import numpy as np
import psutil
import pytest

from sonant.engine.cloning import APPROXIMATE, check, fit_timbre, judge
from sonant.engine.fitting import FitResult
from sonant.engine.infilling import infill
from sonant.engine.profile import PROFILE_RATE, closeness, measure, track_pitch
from sonant.engine.shaping import speech_level_dbfs
from sonant.engine.synthesis import SAMPLE_RATE, Synthesiser, Utterance
from sonant.engine.timbre import Timbre
from sonant.engine.transform import bend_pitch, room_tone
from sonant.errors import AudioInputError, EngineError, InputError

STRANGER = Timbre(base_hz=165, span_hz=70, f1=106, f2=115, f3=118, h2=80, h3=120, klatt=5, wpm=185)
CLIP = "The weather is nice today. Please call me back before five o'clock. She sold her old car and bought a bicycle."
OTHER_WORDS = "There is nothing better than a hot cup of coffee. He opened the window because it was warm."


@pytest.fixture
async def synthesiser() -> AsyncIterator[Synthesiser]:
    async with Synthesiser() as synthesiser:
        yield synthesiser


async def record(synthesiser: Synthesiser, text: str, timbre: Timbre = STRANGER, noise_dbfs: float = -65) -> np.ndarray:
    """A "recording": a voice in a room that is not silent."""
    pieces = [piece.samples async for piece in synthesiser.speak(Utterance(text, timbre, "en"))]
    speech = np.concatenate([np.zeros(SAMPLE_RATE // 3, np.float32), *pieces, np.zeros(SAMPLE_RATE // 3, np.float32)])
    noise = np.random.default_rng(1).normal(0, 10 ** (noise_dbfs / 20), len(speech))
    return (speech + noise).astype(np.float32)


def children() -> list[psutil.Process]:
    """The processes of this file's subjects; a shared engine of other tests has its own."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE and process not in OTHERS:
                found.append(process)
    return found


OTHERS: list[psutil.Process] = []


@pytest.fixture(autouse=True)
def _others() -> None:
    OTHERS[:] = psutil.Process().children(recursive=True)


def is_gone(process: psutil.Process) -> bool:
    """Ended, whether or not whoever inherited it has collected it."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_a_fitted_voice_is_nearer_than_the_default(synthesiser):
    """Judged on other words than it was fitted to; pitch within a semitone; the numbers survive JSON."""
    fitted = await fit_timbre(await record(synthesiser, CLIP), SAMPLE_RATE)
    truth = measure(await record(synthesiser, OTHER_WORDS), SAMPLE_RATE)
    clone = measure(await record(synthesiser, OTHER_WORDS, fitted.timbre), SAMPLE_RATE)
    default = measure(await record(synthesiser, OTHER_WORDS, Timbre()), SAMPLE_RATE)
    assert closeness(clone, truth) < 0.3 * closeness(default, truth)
    assert abs(12 * np.log2(clone.f0_hz / truth.f0_hz)) < 1
    assert fitted.verdict[0] == APPROXIMATE
    assert "The voice came close" in fitted.verdict[1]
    assert Timbre.from_dict(fitted.timbre.to_dict()) == fitted.timbre


async def test_clips_without_a_voice_are_refused():
    """Silence, noise and clips too short are the caller's to mend; each is named."""
    noise = np.random.default_rng(0).normal(0, 0.1, 3 * SAMPLE_RATE).astype(np.float32)
    for samples, reason in ((noise * 0, "silent"), (noise, "no voice"), (noise[:9000], "shorter than one second")):
        with pytest.raises(AudioInputError, match=reason):
            check(samples, SAMPLE_RATE)
    with pytest.raises(AudioInputError, match="silent"):
        await fit_timbre(noise * 0, SAMPLE_RATE)
    assert children() == []


async def test_the_verdict_names_what_is_wrong_with_the_clip(synthesiser):
    """Short, noisy and overdriven clips get a sentence each; a good one gets none."""
    good = await record(synthesiser, CLIP + " " + OTHER_WORDS)
    fair = FitResult(STRANGER, closeness=2, pitch_error_st=0.2, ltas_error_db=2)
    assert len(judge(good, check(good, SAMPLE_RATE), fair, was_cut=False)) == 2
    bad = await record(synthesiser, "The weather is nice today, again.", noise_dbfs=-30)
    bad = np.clip(bad * 6, -1, 1)
    said = " ".join(judge(bad, check(bad, SAMPLE_RATE), replace(fair, closeness=9), was_cut=True))
    for part in ("not close", "ten seconds give a nearer", "first 30 s", "noisy", "overdriven"):
        assert part in said


async def test_cancelling_a_fit_ends_its_processes(synthesiser):
    """No process outlives the call that wanted it."""
    samples = await record(synthesiser, CLIP)
    await synthesiser.__aexit__(None, None, None)
    with anyio.move_on_after(0.8) as scope:
        await fit_timbre(samples, SAMPLE_RATE)
    assert scope.cancelled_caught
    _, alive = psutil.wait_procs(children(), timeout=3)
    assert alive == []


async def test_a_killed_fit_is_an_engine_error(synthesiser):
    """A crash in the arithmetic is an error for one request."""
    samples = await record(synthesiser, CLIP)

    async def kill_the_bench() -> None:
        while True:
            for process in children():
                if "sonant.engine.workbench" in process.cmdline() and process.children():
                    process.kill()
                    return
            await anyio.sleep(0.01)  # polling the system's process table: it has no event to wait on

    async with anyio.create_task_group() as group:
        group.start_soon(kill_the_bench)
        with pytest.raises(EngineError):
            await fit_timbre(samples, SAMPLE_RATE)


async def test_infill_fits_its_neighbours(synthesiser):
    """Pitch, level, pace and room of the middle are those of the sides, whatever voice was asked for."""
    left, right = [0.3 * await record(synthesiser, text, noise_dbfs=-45) for text in (CLIP, OTHER_WORDS)]
    words = "and the children were playing in the garden all morning"
    middle = await infill(synthesiser, Utterance(words, Timbre(), "en"), left, right, SAMPLE_RATE)
    original = await record(synthesiser, words)
    profile, context = measure(middle.samples, SAMPLE_RATE), measure(np.concatenate([left, right]), SAMPLE_RATE)
    assert abs(12 * np.log2(profile.f0_hz / context.f0_hz)) < 2
    assert speech_level_dbfs(middle.samples, SAMPLE_RATE) == pytest.approx(context.level_dbfs, abs=1.5)
    assert len(middle.samples) / (len(original) - 2 * (SAMPLE_RATE // 3)) == pytest.approx(1, abs=0.15)
    quietest = np.sort(np.abs(middle.samples))[: len(middle.samples) // 50]
    assert quietest.max() > 0
    assert "synthetic" in middle.verdict[0]


async def test_infill_with_too_little_to_go_by_uses_the_given_voice(synthesiser):
    """It says so; with no side at all it refuses."""
    speech = await record(synthesiser, "Oh.")
    middle = await infill(synthesiser, Utterance("Yes, we can.", STRANGER, "en"), None, speech[:9000], SAMPLE_RATE)
    assert any("The given voice was used" in sentence for sentence in middle.verdict)
    assert measure(middle.samples, SAMPLE_RATE).f0_hz == pytest.approx(STRANGER.median_hz, rel=0.2)
    with pytest.raises(InputError, match="clip before"):
        await infill(synthesiser, Utterance("Yes.", STRANGER, "en"), None, None, SAMPLE_RATE)


@pytest.mark.parametrize("pitch_hz", [51.0, 110.0, 480.0])
def test_the_pitch_of_low_and_high_voices_is_found(pitch_hz):
    """Down to the lowest, whose period must fit into the transform behind the window."""
    phase = np.arange(PROFILE_RATE) * pitch_hz / PROFILE_RATE
    sawtooth = (0.4 * (phase % 1) - 0.2).astype(np.float32)
    f0_hz = track_pitch(sawtooth, 50, 560).f0_hz
    assert np.median(f0_hz[10:-10]) == pytest.approx(pitch_hz, rel=0.01)


def test_bending_pitch_keeps_the_length():
    """PSOLA moves the pitch by the ratio asked for and nothing else."""
    time_s = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    buzz = sum(np.sin(2 * np.pi * 120 * k * time_s) / k for k in range(1, 20)).astype(np.float32) * 0.2
    bent = bend_pitch(buzz, SAMPLE_RATE, np.full(101, 120.0), np.full(101, 1.25))
    assert len(bent) == len(buzz)
    assert measure(bent, SAMPLE_RATE).f0_hz == pytest.approx(150, rel=0.02)


def test_room_tone_is_as_loud_as_the_room():
    """Made from the quietest frames, not from the speech."""
    noise = np.random.default_rng(0).normal(0, 0.003, 2 * SAMPLE_RATE).astype(np.float32)
    loud = noise.copy()
    loud[SAMPLE_RATE // 2 :] += np.sin(np.arange(len(loud) - SAMPLE_RATE // 2) / 20).astype(np.float32)
    assert room_tone(loud, SAMPLE_RATE).std() == pytest.approx(0.003, rel=0.2)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a POSIX signal")
def test_a_killed_parent_leaves_no_process():
    """Workers end when their pipe closes, also in the middle of their work."""
    parent = textwrap.dedent(
        """
        import anyio, numpy as np
        from sonant.engine.cloning import fit_timbre
        from sonant.engine.synthesis import *
        from sonant.engine.timbre import Timbre

        async def main():
            async with Synthesiser() as synthesiser, anyio.create_task_group() as group:
                clip = [p.samples async for p in synthesiser.speak(Utterance("A few words to fit to. " * 6, Timbre(), "en"))]
                async def talk():
                    async for piece in synthesiser.speak(Utterance("Words without end. " * 9000, Timbre(), "en")):
                        pass
                group.start_soon(fit_timbre, np.concatenate(clip), SAMPLE_RATE)
                group.start_soon(talk)
                print("ready", flush=True)
        anyio.run(main)
        """
    )
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE)
    assert process.stdout.readline().strip() == b"ready"
    family: list[psutil.Process] = []
    while len(family) < 3:  # synthesis, workbench, the workbench's synthesis
        family = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    deadline = time.monotonic() + 3
    while not all(map(is_gone, family)):
        assert time.monotonic() < deadline
