"""Joining sound to sound without a click, a hole, or the silence of both sides."""

import numpy as np

from sonant.audio.pcm import Samples

_AUDIBLE = 10 ** (-54 / 20)
"""Amplitude, −54 dBFS: above the hiss of generated speech, below its softest consonants."""

_LONGEST_HELD_S = 5.0
"""Seconds. A silence longer than this is meant, and memory must end somewhere."""


def crossfade(a: Samples, b: Samples, frames: int) -> Samples:
    """Let `a` pass into `b` over `frames`, at equal power, as unrelated sounds need.

    Args:
        a, b: float32 in [-1, 1], shape (frames,), one sample rate.
        frames: length of the overlap; no longer than either side.

    Returns:
        float32, shape (len(a) + len(b) - frames,); may pass ±1 where both sides are loud.
    """
    frames = max(0, min(frames, len(a), len(b)))
    angle = (np.arange(frames, dtype=np.float32) + 0.5) * (np.pi / 2 / max(frames, 1))
    overlap = a[len(a) - frames :] * np.cos(angle) + b[:frames] * np.sin(angle)
    return np.concatenate([a[: len(a) - frames], overlap, b[frames:]]).astype(np.float32)


class Overlap:
    """Recordings one after the other, each passing into the next over its last `frames`."""

    def __init__(self, frames: int) -> None:
        self._frames = frames
        self._held = np.zeros(0, np.float32)
        self._is_first = False

    def begin(self) -> None:
        """What is fed from here on is the next recording."""
        self._is_first = True

    def feed(self, samples: Samples) -> Samples:
        """Take the next samples (float32, shape (frames,)); return those ready to write."""
        overlap = min(len(self._held), len(samples)) if self._is_first and len(samples) else 0
        self._is_first = self._is_first and not len(samples)
        held = crossfade(self._held, np.asarray(samples, np.float32), overlap)
        ready = max(0, len(held) - self._frames)
        self._held = held[ready:]
        return held[:ready]

    def finish(self) -> Samples:
        """The end of the last recording."""
        return self._held


class Joiner:
    """Joins generated segments as they stream in.

    The silence at inner edges is cut to `edge_s` on each side, the cuts are faded over `fade_s`, and the pause asked
    for is put between. The first segment's beginning and the last one's end stay as they came, so a single segment
    passes through unchanged. Silence held back is at most 5 s of samples.
    """

    def __init__(self, sample_rate: int, *, edge_s: float = 0.03, fade_s: float = 0.005) -> None:
        self._sample_rate = sample_rate
        self._edge_frames = round(edge_s * sample_rate)
        self._fade_frames = max(1, round(fade_s * sample_rate))
        self._longest_held = max(round(_LONGEST_HELD_S * sample_rate), self._edge_frames + self._fade_frames)
        self._held = np.zeros(0, np.float32)
        self._segments = 0
        self._leading = False  # only silence so far, in a segment that is not the first
        self._faded_in = 0
        self._pause_frames = 0
        self._frames_out = 0
        self._segment_start = 0
        self._dropped = 0

    @property
    def offset_s(self) -> float:
        """Seconds to add to a time in the current segment to get its time in the joined sound.

        Settled once `feed` has returned sound of this segment; before that, leading silence may still be dropped.
        """
        return (self._segment_start - self._dropped) / self._sample_rate

    def begin(self, pause_s: float) -> Samples:
        """Start the next segment after `pause_s` of silence; the first one has no pause.

        Returns:
            float32 to write now: the end of the previous segment, faded, and the pause.
        """
        pause_frames = round(pause_s * self._sample_rate)
        if self._segments == 0:
            ready = np.zeros(0, np.float32)
        elif self._leading:  # nothing was heard since the last pause: the longer of both is enough
            ready = np.zeros(max(0, pause_frames - self._pause_frames), np.float32)
            pause_frames = max(pause_frames, self._pause_frames)
        else:
            tail = self._release(min(len(self._held), max(self._edge_frames, self._fade_frames))).copy()
            self._frames_out -= len(tail)  # counted below, with the pause
            end = tail[-self._fade_frames :]
            end *= (len(end) - np.arange(len(end), dtype=np.float32) - 0.5) / max(len(end), 1)
            ready = np.concatenate([tail, np.zeros(pause_frames, np.float32)])
        self._held = np.zeros(0, np.float32)
        self._faded_in = 0
        self._leading = self._segments > 0
        self._segments += 1
        self._pause_frames = pause_frames
        self._dropped = 0
        self._frames_out += len(ready)
        self._segment_start = self._frames_out
        return ready

    def feed(self, samples: Samples) -> Samples:
        """Take the next samples of the current segment (float32, shape (frames,)); return those ready to write."""
        if self._segments == 0:
            raise ValueError("begin a segment first")
        held = np.concatenate([self._held, np.asarray(samples, np.float32)])
        audible = np.flatnonzero(np.abs(held) > _AUDIBLE)
        if self._leading:
            drop = max(0, (int(audible[0]) if len(audible) else len(held)) - self._edge_frames)
            held, audible = held[drop:], audible - drop
            self._dropped += drop
            self._leading = not len(audible)
        self._held = held
        if self._leading:
            return held[:0]
        # Always keep what a fade needs, so that a segment cut in mid-sound ends without a click.
        release = min(int(audible[-1]) + 1 if len(audible) else 0, len(held) - self._fade_frames)
        return self._release(max(release, len(held) - self._longest_held, 0))

    def finish(self) -> Samples:
        """The end of the last segment, with all its silence; the joiner is used up."""
        return self._release(len(self._held))

    def _release(self, frames: int) -> Samples:
        ready, self._held = self._held[:frames], self._held[frames:]
        if self._segments > 1 and self._faded_in < self._fade_frames:
            ready = ready.copy()
            start = ready[: self._fade_frames - self._faded_in]
            start *= (np.arange(len(start), dtype=np.float32) + self._faded_in + 0.5) / self._fade_frames
            self._faded_in += len(start)
        self._frames_out += len(ready)
        return ready
