"""Bytes of every encoding to samples and back."""

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from sonant.audio.formats import ENCODINGS, SAMPLE_BYTES, Encoding
from sonant.audio.loudness import SILENCE_DBFS, peak_dbfs, rms_dbfs
from sonant.audio.pcm import decode_pcm, encode_pcm
from sonant.errors import AudioInputError


@given(st.binary(max_size=400))
def test_sixteen_bit_samples_survive_a_round_trip_to_the_byte(audio_bytes: bytes) -> None:
    """What comes in as pcm_s16le goes out as the same bytes."""
    audio_bytes = audio_bytes[: len(audio_bytes) // 2 * 2]
    assert encode_pcm(decode_pcm(audio_bytes, "pcm_s16le"), "pcm_s16le") == audio_bytes


@pytest.mark.parametrize("encoding", ["pcm_mulaw", "pcm_alaw"])
def test_every_g711_code_survives_a_round_trip(encoding: Encoding) -> None:
    """Decoding and encoding a telephony code gives the same code; mu-law's two zeros become one."""
    codes = bytes(range(256))
    back = encode_pcm(decode_pcm(codes, encoding), encoding)
    expected = codes.replace(b"\x7f", b"\xff") if encoding == "pcm_mulaw" else codes
    assert back == expected


@pytest.mark.parametrize(("encoding", "subtype"), [("pcm_mulaw", "ULAW"), ("pcm_alaw", "ALAW")])
def test_g711_decodes_as_libsndfile_does(encoding: Encoding, subtype: str) -> None:
    """A second implementation of G.711 reads the same numbers from all 256 codes."""
    codes = bytes(range(256))
    theirs, _ = soundfile.read(
        io.BytesIO(codes), dtype="float32", format="RAW", subtype=subtype, samplerate=8000, channels=1
    )
    np.testing.assert_array_equal(decode_pcm(codes, encoding), theirs)


@given(st.lists(st.floats(-3, 3, width=32), max_size=200), st.sampled_from(ENCODINGS))
def test_samples_come_back_within_a_step_of_the_encoding(numbers: list[float], encoding: Encoding) -> None:
    """Encoding clips to [-1, 1] and errs by at most one step; G.711's steps grow with the level."""
    samples = np.array(numbers, np.float32)
    audio_bytes = encode_pcm(samples, encoding)
    assert len(audio_bytes) == len(samples) * SAMPLE_BYTES[encoding]
    clipped = np.clip(samples, -1, 1)
    error = np.abs(decode_pcm(audio_bytes, encoding) - clipped)
    step = {"pcm_f32le": 0, "pcm_s16le": 1 / 32768}.get(encoding, np.abs(clipped) / 16 + 1 / 1024)
    assert np.all(error <= step)


def test_numbers_that_are_none_become_silence_or_full_scale() -> None:
    """NaN must not reach a loudspeaker."""
    samples = np.array([np.nan, np.inf, -np.inf], np.float32)
    np.testing.assert_allclose(decode_pcm(encode_pcm(samples, "pcm_s16le"), "pcm_s16le"), [0, 1, -1], atol=1e-4)
    np.testing.assert_array_equal(decode_pcm(samples.tobytes(), "pcm_f32le"), [0, 1, -1])


def test_half_a_sample_is_refused() -> None:
    """Bytes that are not whole samples mean that something was lost."""
    with pytest.raises(AudioInputError, match="3 bytes"):
        decode_pcm(b"abc", "pcm_s16le")


def test_levels_are_those_of_a_sine() -> None:
    """A full-scale sine peaks at 0 dBFS and has an rms of -3.01 dBFS; silence has a finite number."""
    sine = np.sin(2 * np.pi * np.arange(48000) / 48).astype(np.float32)
    assert peak_dbfs(sine) == pytest.approx(0, abs=0.01)
    assert rms_dbfs(sine) == pytest.approx(-3.01, abs=0.01)
    assert rms_dbfs(np.zeros(5, np.float32)) == peak_dbfs(np.zeros(0, np.float32)) == SILENCE_DBFS
