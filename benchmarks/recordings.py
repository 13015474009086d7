"""Recordings and texts to measure with."""

import itertools
import wave
from array import array
from pathlib import Path

SENTENCES = (
    "The harbour was quiet, and the boats lay still in the morning light.",
    "Nobody had told Margaret that the ferry left at half past seven on weekdays.",
    "She counted 24 crates on the quay, three of them broken.",
    "What was she to do now, with the whole day before her?",
    "An old man offered her a chair, a cup of tea, and a long story about the lighthouse.",
    "It had been built in 1871, he said, by two brothers who never spoke to each other again.",
    "Later the wind turned north and brought rain.",
)


def write_wav(path: Path, duration_s: float, *, sample_rate: int, channels: int = 1) -> None:
    """A wav file of pcm_s16le that goes up and down like a saw: no silence, and quickly made."""
    second = array("h", ((frame * 100) % 8000 - 4000 for frame in range(sample_rate) for _ in range(channels)))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        frames = round(duration_s * sample_rate)
        for _ in range(frames // sample_rate):
            file.writeframesraw(second.tobytes())
        file.writeframesraw(second[: frames % sample_rate * channels].tobytes())


def text(characters: int) -> str:
    """Sentences of about so many characters in all, in paragraphs."""
    parts: list[str] = []
    for number, sentence in enumerate(itertools.cycle(SENTENCES)):
        parts.append(sentence + ("\n\n" if number % 9 == 8 else " "))
        if sum(map(len, parts)) >= characters:
            break
    return "".join(parts).strip()
