"""Change of sample rate, whole or as a stream. Source: https://ccrma.stanford.edu/~jos/resample/"""

from typing import Protocol

import numpy as np

from sonant.audio.pcm import Samples
from sonant.errors import AudioInputError

_LOWEST, _HIGHEST = 1000, 768_000
"""Hz. Beyond these a header is broken; the wire itself takes 8000 to 48000."""


def resample(samples: Samples, sample_rate: int, target_sample_rate: int) -> Samples:
    """Change the sample rate, keeping pitch and duration.

    Args:
        samples: float32 in [-1, 1], shape (frames,); mono.
        sample_rate: Hz of the input, 1000 to 768000.
        target_sample_rate: Hz of the output, same range.

    Returns:
        float32, shape (round(frames * target_sample_rate / sample_rate),); may pass ±1 by a hair.

    Raises:
        AudioInputError: a rate is out of range.
    """
    resampler = StreamResampler(sample_rate, target_sample_rate)
    return np.concatenate([resampler.feed(samples), resampler.finish()])


class StreamResampler:
    """The same for sound that arrives in pieces; memory stays at a few milliseconds of sound.

    The pieces that come out have, together, exactly the length `resample` gives.
    """

    def __init__(self, sample_rate: int, target_sample_rate: int) -> None:
        for rate in (sample_rate, target_sample_rate):
            if not _LOWEST <= rate <= _HIGHEST:
                raise AudioInputError(f"A sample rate of {rate} Hz is not usable.", hint="Use 8000 to 48000 Hz.")
        self._sample_rate, self._target_sample_rate = sample_rate, target_sample_rate
        self._frames_in = self._frames_out = 0
        self._filter: _Filter | None = None
        if sample_rate != target_sample_rate:
            self._filter = _make_filter(sample_rate, target_sample_rate)

    def feed(self, samples: Samples) -> Samples:
        """Take the next samples (float32, mono, shape (frames,)); give back what is ready."""
        self._frames_in += len(samples)
        if self._filter is None or len(samples) == 0:
            ready = np.asarray(samples, np.float32)
        else:
            ready = self._filter.run(np.ascontiguousarray(samples, np.float32))
        return self._account(ready)

    def finish(self) -> Samples:
        """The rest, after the last `feed`."""
        rest = np.zeros(0, np.float32) if self._filter is None or not self._frames_in else self._filter.flush()
        owed = round(self._frames_in * self._target_sample_rate / self._sample_rate) - self._frames_out
        rest = self._account(rest)
        return np.pad(rest, (0, max(0, owed - len(rest))))

    def _account(self, ready: Samples) -> Samples:
        ceiling = round(self._frames_in * self._target_sample_rate / self._sample_rate)
        ready = ready[: ceiling - self._frames_out]  # filters round their length up now and then
        self._frames_out += len(ready)
        return ready


class _Filter(Protocol):
    def run(self, samples: Samples) -> Samples: ...
    def flush(self) -> Samples: ...


def _make_filter(sample_rate: int, target_sample_rate: int) -> _Filter:
    try:
        return _SoxrFilter(sample_rate, target_sample_rate)
    except ImportError:  # no wheel on Windows ARM; FFmpeg's filter is slower and a little less exact
        return _SwrFilter(sample_rate, target_sample_rate)


class _SoxrFilter:
    def __init__(self, sample_rate: int, target_sample_rate: int) -> None:
        import soxr

        # HQ: 133 dB signal to noise at 7 ms a minute of sound. Less saves nothing worth having.
        self._stream = soxr.ResampleStream(sample_rate, target_sample_rate, 1, dtype="float32", quality="HQ")

    def run(self, samples: Samples) -> Samples:
        ready: Samples = self._stream.resample_chunk(samples)
        return ready

    def flush(self) -> Samples:
        rest: Samples = self._stream.resample_chunk(np.zeros(0, np.float32), last=True)
        return rest


class _SwrFilter:
    def __init__(self, sample_rate: int, target_sample_rate: int) -> None:
        import av

        self._sample_rate = sample_rate
        self._resampler = av.AudioResampler(format="flt", layout="mono", rate=target_sample_rate)

    def run(self, samples: Samples) -> Samples:
        import av

        frame = av.AudioFrame.from_ndarray(samples[None, :], format="flt", layout="mono")
        frame.sample_rate = self._sample_rate
        return self._collect(frame)

    def flush(self) -> Samples:
        return self._collect(None)

    def _collect(self, frame: object) -> Samples:
        ready = [np.asarray(out.to_ndarray()[0], np.float32) for out in self._resampler.resample(frame)]  # type: ignore[arg-type]
        return np.concatenate([np.zeros(0, np.float32), *ready])
