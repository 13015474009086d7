"""Filters stream without a seam, levels are what they say, the limiter limits."""

import numpy as np
import pytest

from sonant.engine.shaping import (
    StreamFilter,
    apply_filter,
    filter_frequencies,
    filter_gain_db,
    filter_taps,
    flat_taps,
    limit,
    speech_level_dbfs,
    tilt_gain_db,
)

NOISE = np.random.default_rng(0).normal(0, 0.1, 20_000).astype(np.float32)


@pytest.mark.parametrize("cuts", [[], [1], [100, 101, 300, 5000], [3583, 3584, 3585, 7168]])
def test_pieces_give_what_the_whole_gives(cuts):
    """However the sound is cut, the result is the plain convolution, without delay."""
    taps = filter_taps(tilt_gain_db(6))
    stream = StreamFilter()
    pieces = [stream.feed(piece, taps) for piece in np.split(NOISE, cuts)] + [stream.finish()]
    whole = np.convolve(NOISE, taps, "same")
    np.testing.assert_allclose(np.concatenate(pieces), whole, atol=1e-5)


def test_a_flat_filter_changes_nothing():
    """Its delay is taken out as well."""
    np.testing.assert_allclose(apply_filter(NOISE, flat_taps()), NOISE, atol=1e-5)


def test_gain_and_taps_are_inverse():
    """Within half a decibel for smooth curves."""
    gain_db = tilt_gain_db(8)
    audible = (filter_frequencies() > 100) & (filter_frequencies() < 9000)
    np.testing.assert_allclose(filter_gain_db(filter_taps(gain_db))[audible], gain_db[audible], atol=0.5)


def test_the_limiter_leaves_quiet_sound_alone_and_never_passes_one():
    """Order is kept: louder stays louder."""
    assert limit(NOISE) is NOISE or np.array_equal(limit(NOISE), NOISE)
    ramp = np.linspace(-4, 4, 999, dtype=np.float32)
    assert np.abs(limit(ramp)).max() <= 1
    assert (np.diff(limit(ramp)) >= 0).all()


def test_level_of_speech_ignores_pauses():
    """Silence around the sound does not lower it."""
    padded = np.concatenate([np.zeros(30_000, np.float32), NOISE, np.zeros(30_000, np.float32)])
    assert speech_level_dbfs(padded, 22050) == pytest.approx(-20, abs=0.3)
    assert speech_level_dbfs(np.zeros(500, np.float32), 22050) == -120
