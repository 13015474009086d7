"""Levels. 0 dBFS is a full-scale square wave; a full-scale sine has an rms of −3 dBFS."""

import math

import numpy as np

from sonant.audio.pcm import Samples

SILENCE_DBFS = -120.0
"""What digital silence, and anything below it, is said to measure: a number that can be printed and compared."""


def rms_dbfs(samples: Samples) -> float:
    """Mean level of float32 samples in [-1, 1], shape (frames,); no frames are silence."""
    return _dbfs(math.sqrt(float(np.mean(np.square(samples, dtype=np.float64))))) if len(samples) else SILENCE_DBFS


def peak_dbfs(samples: Samples) -> float:
    """Highest level of float32 samples in [-1, 1], shape (frames,); no frames are silence."""
    return _dbfs(float(np.max(np.abs(samples)))) if len(samples) else SILENCE_DBFS


def _dbfs(amplitude: float) -> float:
    return max(SILENCE_DBFS, 20 * math.log10(amplitude)) if amplitude > 0 else SILENCE_DBFS
