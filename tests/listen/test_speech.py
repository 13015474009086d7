"""It sounds right: what the engine says is heard by its own recogniser, and measured. Slow: `pytest -m listen`."""

import io
from collections.abc import AsyncIterator

import jiwer
import numpy as np
import pytest

from sonant.audio.codec import Encoder
from sonant.audio.formats import AudioFormat
from sonant.audio.loudness import rms_dbfs
from sonant.engine.catalogue import catalogue
from sonant.engine.cloning import fit_timbre
from sonant.engine.profile import closeness, measure
from sonant.engine.recognition import Recogniser
from sonant.engine.synthesis import SAMPLE_RATE, Synthesiser, Utterance

pytestmark = pytest.mark.listen

SENTENCES = (
    "The train leaves the station at nine in the morning.",
    "She put the letters on the table and closed the door.",
    "We are going to walk in the park with our friends.",
    "The old man told the children a story about the sea.",
    "Please send me the report before the end of the week.",
    "There is a small house on the other side of the river.",
    "He bought bread, milk and apples at the market.",
    "The weather will be cold and dry for the next three days.",
    "My brother works in a large hospital in the city.",
    "They found the lost dog near the bridge last night.",
)
VOICES = {voice.name: voice for voice in catalogue().values()}


@pytest.fixture(scope="module")
async def synthesiser() -> AsyncIterator[Synthesiser]:
    async with Synthesiser() as found:
        yield found


async def said(synthesiser: Synthesiser, text: str, name: str, **manner: float | str) -> np.ndarray:
    utterance = Utterance(text, VOICES[name].timbre, "en-US", **manner)
    return np.concatenate([piece.samples async for piece in synthesiser.speak(utterance)])


def in_a_wav(samples: np.ndarray) -> io.BytesIO:
    file = io.BytesIO()
    with Encoder(file, AudioFormat("wav", SAMPLE_RATE, "pcm_s16le")) as encoder:
        encoder.write(samples)
    file.seek(0)
    return file


# The limits are the local measurements with room for the scatter between runs: 7 to 10 % and 8 to 20 %.
@pytest.mark.parametrize(("name", "limit"), [("Jameson", 0.20), ("Ash", 0.20), ("Katie", 0.30), ("Fern", 0.30)])
async def test_what_a_voice_says_is_understood(synthesiser: Synthesiser, name: str, limit: float) -> None:
    """Speak, recognise, count word errors."""
    pause = np.zeros(SAMPLE_RATE * 6 // 10, np.float32)
    spoken = [part for text in SENTENCES for part in (await said(synthesiser, text, name), pause)]
    async with Recogniser() as recogniser:
        heard = await recogniser.transcribe(in_a_wav(np.concatenate(spoken)))
    plain = jiwer.Compose([jiwer.ToLowerCase(), jiwer.RemovePunctuation(), jiwer.RemoveMultipleSpaces(), jiwer.Strip()])
    assert jiwer.wer(plain(" ".join(SENTENCES)), plain(heard.text)) <= limit


@pytest.mark.parametrize("name", ["Jameson", "Katie", "Basalt", "Pip"])
async def test_every_voice_is_equally_loud(synthesiser: Synthesiser, name: str) -> None:
    """Speech lies near −21 dBFS, pauses included a little below, and never clips."""
    samples = await said(synthesiser, " ".join(SENTENCES[:4]), name)
    assert -26 < rms_dbfs(samples) < -18
    assert np.abs(samples).max() < 1.0


@pytest.mark.parametrize("speed", [0.6, 0.8, 1.25, 1.5])
async def test_speed_is_what_was_asked(synthesiser: Synthesiser, speed: float) -> None:
    """The duration follows the speed within 7 %, pauses between sentences included."""
    text = " ".join(SENTENCES[:4])
    plain, changed = await said(synthesiser, text, "Ash"), await said(synthesiser, text, "Ash", speed=speed)
    assert len(plain) / len(changed) == pytest.approx(speed, rel=0.07)


async def test_a_clone_is_nearer_to_its_clip_than_the_default_voice(synthesiser: Synthesiser) -> None:
    """Fitted on one text and scored on another, a clone is nearer than the voice one would get without it."""
    clip = await said(synthesiser, " ".join(SENTENCES[:5]), "Basalt")
    fit = await fit_timbre(clip, SAMPLE_RATE)
    wanted = measure(await said(synthesiser, SENTENCES[6], "Basalt"), SAMPLE_RATE)
    utterance = Utterance(SENTENCES[6], fit.timbre, "en-US")
    cloned = np.concatenate([piece.samples async for piece in synthesiser.speak(utterance)])
    default = await said(synthesiser, SENTENCES[6], "Katie")
    assert closeness(measure(cloned, SAMPLE_RATE), wanted) < closeness(measure(default, SAMPLE_RATE), wanted) / 2
