"""What is done to sound before the recogniser hears it, and to its guesses after."""

from collections.abc import Sequence

import numpy as np

from sonant.audio.pcm import Samples, encode_pcm

_SAMPLE_RATE = 16000
_FRAME = _SAMPLE_RATE // 100
_WINDOW = _SAMPLE_RATE // 5


class Preparation:
    """Samples of one recording → what the decoder likes: audible, 16 bits, and never digital silence.

    Quiet sound is raised by up to 24 dB, because the speech detector has a fixed idea of loud. Silence without any
    noise, as synthetic and gated sound has it, doubles the word errors and more: noise at −58 dBFS cures that.
    Recordings of people have their own and get none.
    """

    _TARGET_DBFS, _MOST_GAIN_DB, _DECAY_DB_PER_S = -18.0, 24.0, 0.5
    _NOISE = 10 ** (-58 / 20)
    _GATED = 10 ** (-75 / 20)

    def __init__(self, level_dbfs: float = -120.0) -> None:
        """
        Args:
            level_dbfs: of the recording, as far as known before it is heard.
        """
        self._random = np.random.default_rng(0)  # the same recording twice is the same text
        self._is_gated = False
        self._level_dbfs = level_dbfs
        self._gain: float | None = None

    def run(self, samples: Samples) -> bytes:
        """The next block (float32, mono, 16 kHz, shape (frames,), a second or less) as pcm_s16le."""
        if not len(samples):
            return b""
        # From the first gated frame on: noise that comes and goes would be heard as an event.
        self._is_gated = self._is_gated or bool(_lowest_rms(samples) < self._GATED)
        samples = self._raised(samples)
        if self._is_gated:
            samples = samples + self._random.standard_normal(len(samples), np.float32) * np.float32(self._NOISE)
        return encode_pcm(samples, "pcm_s16le")

    def _raised(self, samples: Samples) -> Samples:
        decayed = self._level_dbfs - self._DECAY_DB_PER_S * len(samples) / _SAMPLE_RATE
        self._level_dbfs = max(decayed, _highest_dbfs(samples))
        gain_db = min(self._MOST_GAIN_DB, max(0.0, self._TARGET_DBFS - self._level_dbfs))
        gain = 10 ** (gain_db / 20)
        ramp = np.full(len(samples), gain, np.float32)
        if self._gain is not None:
            start = ramp[:_WINDOW]
            start[:] = np.linspace(self._gain, gain, len(start))
        self._gain = gain
        return samples * ramp


def _lowest_rms(samples: Samples) -> float:
    whole = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    return float(np.sqrt(np.square(whole).mean(axis=1)).min(initial=1.0))


def _highest_dbfs(samples: Samples) -> float:
    window = min(len(samples), _WINDOW)
    whole = samples[: len(samples) // window * window].reshape(-1, window)
    return float(10 * np.log10(np.square(whole).mean(axis=1).max() + 1e-12))


_FEWEST_RIGHT_WORDS_PER_S = 0.5


_LEAST_SWING_DB = 6.0


def is_speech(confidences: Sequence[float], length_s: float, swing_db: float) -> bool:
    """Whether the words of one stretch of sound were spoken, or invented for noise or music.

    The decoder finds words in anything: in eight seconds of noise one, with full confidence; in a tune twelve, with
    little. What tells them apart is the sum of the confidences, which is the number of words expected to be right, over
    the time: speech has 1 or more a second down to bad recordings, a lone word somewhat less, noise 0.2. Tunes came up
    to 0.7, so a tune may still be taken for words; losing what a person said would be worse.

    Speech also goes up and down: 17 dB and more between its loud and soft frames, 12 dB still in loud noise, where
    noise itself, hums and chords have less than 2.

    Args:
        confidences: of each word, 0 to 1.
        length_s: of the stretch in seconds, its pauses of less than 0.3 s and the edges included.
        swing_db: from the 10th to the 90th percentile of the levels of its frames.
    """
    return swing_db >= _LEAST_SWING_DB and sum(confidences) >= _FEWEST_RIGHT_WORDS_PER_S * length_s > 0
