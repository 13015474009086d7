"""What comes out of the synthesiser: sound, and when each word and sound of it is said."""

from dataclasses import dataclass

from sonant.audio.pcm import Samples


@dataclass(frozen=True)
class TimedWord:
    word: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class TimedPhoneme:
    phoneme: str
    """IPA."""
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Piece:
    """The next stretch of sound. Times count from the start of the utterance; words may begin in a later piece."""

    samples: Samples
    """float32 in [-1, 1], shape (frames,), 22050 Hz."""
    words: tuple[TimedWord, ...] = ()
    phonemes: tuple[TimedPhoneme, ...] = ()
