"""A voice as 192 numbers: its timbre, in a space where a straight line between two voices is the way between them.

Embeddings belong to versions up to 2024-11-13 (contract §6.5). Ours hold log pitch, log formants and their heights,
widths, pace, the source, and the filter as log gain; so the mean of two is the voice between them, as measured in
`fitting`: pitch and formants lie between, distances to both ends grow steadily. Runs in threads and workers: numpy.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sonant.engine.shaping import TAPS, filter_frequencies, filter_gain_db
from sonant.engine.timbre import MEDIAN, Klatt, Timbre
from sonant.wire.voices import EMBEDDING_SIZE

_SOURCES: tuple[Klatt, ...] = (0, 2, 4, 5)
"""One number each: the largest names the source, so a mix takes that of most weight, for none lies between two."""
_NUMBERS: tuple[tuple[str, float, float], ...] = (
    ("f1", 70, 145), ("f2", 70, 145), ("f3", 70, 145), ("h1", 50, 170), ("h2", 50, 170), ("h3", 50, 170),
    ("h4", 50, 170), ("width", 60, 160), ("wpm", 100, 280),
)  # fmt: skip
"""Least and most of what is kept as a logarithm."""
_MEDIAN_HZ = (45.0, 600.0)
_SPAN = (0.005, 1.6)
"""Range over median pitch."""
_BREATH_MAX = 8.0
_GAIN_MAX_DB = 30.0
_MARK = 1.0
"""The last number of every embedding made here, and of every mix of such."""
_HEAD = 2 + len(_NUMBERS) + 1 + len(_SOURCES)
_BANDS = EMBEDDING_SIZE - _HEAD - 1
_FLAT_DB = 0.02
"""A filter that nowhere does more is none."""

Embedding = NDArray[np.float64]


def embedding_of(timbre: Timbre) -> list[float]:
    """The 192 numbers of a voice, each within [-1, 1]."""
    return list(_encoded(timbre))


@lru_cache(maxsize=256)
def _encoded(timbre: Timbre) -> tuple[float, ...]:
    head = [
        _squeeze(timbre.median_hz, *_MEDIAN_HZ),
        _squeeze(timbre.span_hz / max(timbre.median_hz, 1.0), *_SPAN),
        *(_squeeze(getattr(timbre, name), least, most) for name, least, most in _NUMBERS),
        timbre.breath / _BREATH_MAX,
        *(1.0 if timbre.klatt == source else 0.0 for source in _SOURCES),
    ]
    if timbre.fir is None:
        gain_db = np.zeros(_BANDS)
    else:
        whole = filter_gain_db(np.asarray(timbre.fir, np.float32))
        gain_db = np.interp(_band_frequencies(), filter_frequencies(), whole)
    bands = np.clip(gain_db / _GAIN_MAX_DB, -1, 1)
    return tuple(round(float(number), 7) for number in (*head, *bands, _MARK))


def is_ours(embedding: Embedding) -> bool:
    """Whether it was made here, or mixed of such: any other is no voice of anybody's to this engine."""
    return bool(abs(embedding[-1] - _MARK) < 1e-3)


def read_embedding(numbers: Sequence[float]) -> Embedding:
    """
    Raises:
        ValueError: it is not 192 finite numbers.
    """
    if len(numbers) != EMBEDDING_SIZE:
        raise ValueError(f"an embedding is {EMBEDDING_SIZE} numbers, not {len(numbers)}.")
    embedding = np.asarray(numbers, np.float64)
    if not np.isfinite(embedding).all():
        raise ValueError("an embedding holds finite numbers only.")
    return embedding


def timbre_of(embedding: Embedding) -> Timbre:
    """The voice of an embedding, brought within bounds the synthesiser can speak."""
    median_hz = _stretch(embedding[0], *_MEDIAN_HZ)
    span_hz = _stretch(embedding[1], *_SPAN) * median_hz
    scaled = {
        name: round(_stretch(number, least, most), 3)
        for (name, least, most), number in zip(_NUMBERS, embedding[2:], strict=False)
    }
    at = 2 + len(_NUMBERS)
    sources = embedding[at + 1 : at + 1 + len(_SOURCES)]
    gain_db = np.clip(embedding[_HEAD:-1], -1, 1) * _GAIN_MAX_DB
    return Timbre(
        base_hz=round(median_hz - MEDIAN * span_hz, 3),
        span_hz=round(span_hz, 3),
        breath=round(float(np.clip(embedding[at], 0, 1)) * _BREATH_MAX, 3),
        klatt=_SOURCES[int(sources.argmax())],
        fir=None if np.abs(gain_db).max() < _FLAT_DB else _taps(gain_db),
        **scaled,
    )


def mix(parts: Sequence[tuple[Embedding, float]]) -> list[float]:
    """The weighted mean; weights are brought to a sum of 1.

    Raises:
        ValueError: no parts, or weights that say nothing.
    """
    weights = np.asarray([weight for _, weight in parts], np.float64)
    largest = weights.max(initial=0.0)
    if not np.isfinite(weights).all() or (weights < 0).any() or largest <= 0:
        raise ValueError("weights are numbers of 0 or more, not all 0.")
    weights = weights / largest  # so that their sum is finite
    mean = (weights / weights.sum()) @ np.clip([embedding for embedding, _ in parts], -1e6, 1e6)
    return [round(float(number), 7) for number in mean]


def _taps(gain_db: Embedding) -> tuple[float, ...]:
    """As filter_taps, but without its window: a gain read off a windowed filter has had it."""
    whole = np.interp(filter_frequencies(), _band_frequencies(), gain_db)
    impulse = np.fft.irfft(10 ** (whole / 20))
    return tuple(float(f"{tap:.6g}") for tap in np.roll(impulse, TAPS // 2)[:TAPS])


@lru_cache(maxsize=1)
def _band_frequencies() -> Embedding:
    """Where the gain is kept: evenly below 1 kHz, where a filter's own steps are 43 Hz, then by equal ratios."""
    low = np.linspace(0, 1000, 60, endpoint=False)
    return np.concatenate([low, np.geomspace(1000, filter_frequencies()[-1], _BANDS - len(low))])


def _squeeze(value: float, least: float, most: float) -> float:
    """Onto [-1, 1], by logarithm."""
    middle, reach = _log_range(least, most)
    return min(1.0, max(-1.0, (math.log(max(value, 1e-9)) - middle) / reach))


def _stretch(number: float, least: float, most: float) -> float:
    middle, reach = _log_range(least, most)
    return math.exp(middle + reach * min(1.0, max(-1.0, float(number))))


def _log_range(least: float, most: float) -> tuple[float, float]:
    low, high = math.log(least), math.log(most)
    return (low + high) / 2, (high - low) / 2
