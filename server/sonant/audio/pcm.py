"""Raw samples: bytes of an encoding to numbers and back."""

import numpy as np
from numpy.typing import NDArray

from sonant.audio.formats import SAMPLE_BYTES, Encoding
from sonant.errors import AudioInputError

Samples = NDArray[np.float32]
"""Mono sound: float32 in [-1, 1], shape (frames,)."""

_Ints = NDArray[np.int32]


def decode_pcm(audio_bytes: bytes, encoding: Encoding) -> Samples:
    """Read headerless mono samples.

    Args:
        audio_bytes: whole samples of `encoding`, little-endian.

    Returns:
        float32 in [-1, 1], shape (frames,); its own memory. Numbers that are not numbers become 0.

    Raises:
        AudioInputError: the last sample is cut.
    """
    if len(audio_bytes) % SAMPLE_BYTES[encoding]:
        raise AudioInputError(f"{len(audio_bytes)} bytes are not whole {encoding} samples.")
    match encoding:
        case "pcm_f32le":
            numbers = np.frombuffer(audio_bytes, "<f4").astype(np.float32)
            return np.clip(np.nan_to_num(numbers, copy=False), -1, 1)
        case "pcm_s16le":
            linear = np.frombuffer(audio_bytes, "<i2").astype(np.int32)
        case "pcm_mulaw":
            linear = _mulaw_to_linear(np.frombuffer(audio_bytes, np.uint8))
        case "pcm_alaw":
            linear = _alaw_to_linear(np.frombuffer(audio_bytes, np.uint8))
    return (linear / 32768).astype(np.float32)


def encode_pcm(samples: Samples, encoding: Encoding) -> bytes:
    """Write headerless mono samples, little-endian.

    Args:
        samples: float32, shape (frames,). What exceeds [-1, 1] is clipped, what is no number is 0.
    """
    clipped = np.clip(np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0), -1, 1)
    if encoding == "pcm_f32le":
        return clipped.astype("<f4").tobytes()
    # 32768 makes bytes → samples → bytes exact; only +1.0 itself is clipped.
    linear = np.clip(np.rint(clipped * 32768), -32768, 32767).astype(np.int32)
    match encoding:
        case "pcm_s16le":
            return linear.astype("<i2").tobytes()
        case "pcm_mulaw":
            return _linear_to_mulaw(linear).tobytes()
        case "pcm_alaw":
            return _linear_to_alaw(linear).tobytes()


# ITU-T G.711, on 16-bit numbers: sign, 3 bits of segment, 4 bits of step, as its tables 1 and 2 lay out.

_MULAW_BIAS = 132


def _mulaw_to_linear(codes: NDArray[np.uint8]) -> _Ints:
    inverted = ~codes
    segment = ((inverted >> 4) & 7).astype(np.int32)
    size = ((((inverted & 15).astype(np.int32) << 3) + _MULAW_BIAS) << segment) - _MULAW_BIAS
    return np.where(inverted & 0x80, -size, size)


def _linear_to_mulaw(linear: _Ints) -> NDArray[np.uint8]:
    size = np.minimum(np.abs(linear), 32635) + _MULAW_BIAS
    segment = _bit_length(size >> 8)
    code = np.where(linear < 0, 0x80, 0) | (segment << 4) | ((size >> (segment + 3)) & 15)
    codes: NDArray[np.uint8] = ~code.astype(np.uint8)
    return codes


def _alaw_to_linear(codes: NDArray[np.uint8]) -> _Ints:
    toggled = codes ^ 0x55
    segment = ((toggled >> 4) & 7).astype(np.int32)
    step = ((toggled & 15).astype(np.int32) << 4) + 8
    size = np.where(segment == 0, step, (step + 256) << np.maximum(segment - 1, 0))
    return np.where(toggled & 0x80, size, -size)


def _linear_to_alaw(linear: _Ints) -> NDArray[np.uint8]:
    size = np.where(linear < 0, ~linear, linear) >> 3
    segment = _bit_length(size >> 5)
    code = np.where(linear < 0, 0, 0x80) | (segment << 4) | ((size >> np.maximum(segment, 1)) & 15)
    codes: NDArray[np.uint8] = code.astype(np.uint8) ^ 0x55
    return codes


def _bit_length(numbers: _Ints) -> _Ints:
    """How many bits each number below 256 takes; 0 for 0."""
    bits: _Ints = (numbers[:, None] >> np.arange(8) > 0).sum(axis=1).astype(np.int32)
    return bits
