"""What a file is, by its content; never by its name."""

import struct
from collections.abc import Callable

_IMAGE_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"heim", b"hevc", b"mif1", b"msf1", b"crx ", b"jxl ")
"""Pictures that share MP4's container. Source: ISO/IEC 23008-12, brand registry at mp4ra.org."""


def sniff(head: bytes) -> str | None:
    """Name the kind of audio, or of video that may have sound, in a file's first bytes.

    Args:
        head: from the first byte on; 4 kB are plenty, 12 bytes enough for most kinds.

    Returns:
        The file name's ending ("wav", "mp3", "flac", "ogg", "m4a", "mp4", "webm", "aac", "aiff" …), without the
        dot; None for anything else: text, HTML, JSON, pictures, headerless samples.
    """
    for recognise in _RECOGNISERS:
        if name := recognise(head):
            return name
    return None


def _by_magic(head: bytes) -> str | None:
    match head[:4], head[8:12]:
        case (b"RIFF" | b"RIFX" | b"RF64", b"WAVE"):
            return "wav"
        case (b"RIFF", b"AVI "):
            return "avi"
        case (b"FORM", b"AIFF" | b"AIFC"):
            return "aiff"
    for magic, name in (
        (b"fLaC", "flac"),
        (b"OggS\0", "ogg"),
        (b".snd\0", "au"),
        (b"caff\0", "caf"),
        (b"#!AMR", "amr"),
        (b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb", "w64"),
        (b"0&\xb2u\x8ef\xcf\x11", "wma"),  # ASF header object
    ):
        if head.startswith(magic):
            return name
    return None


def _iso_media(head: bytes) -> str | None:
    if head[4:8] != b"ftyp" or len(head) < 12 or head[8:12] in _IMAGE_BRANDS:
        return None
    brand = head[8:12]
    if brand in (b"M4A ", b"M4B ", b"M4P ", b"F4A "):
        return "m4a"
    return {b"qt": "mov", b"3g": "3gp"}.get(brand[:2], "mp4")


def _ebml(head: bytes) -> str | None:
    if not head.startswith(b"\x1a\x45\xdf\xa3"):
        return None
    if b"webm" in head[:80]:
        return "webm"
    return "mkv" if b"matroska" in head[:80] else None


def _mpeg_audio(head: bytes) -> str | None:
    if head.startswith(b"ID3"):
        start = id3_bytes(head)
        if start + 4 > len(head):
            return "mp3"  # a long tag, such as a cover picture: what follows is out of sight
        return "flac" if head[start : start + 4] == b"fLaC" else _mpeg_audio(head[start:])
    if len(head) >= 7 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        return "aac" if length >= 7 and (head[2] >> 2) & 15 < 13 and _sync_at(head, length) else None
    frame = mp3_frame(head[:4])
    return "mp3" if frame and _sync_at(head, frame[0]) else None


_RECOGNISERS: tuple[Callable[[bytes], str | None], ...] = (_by_magic, _iso_media, _ebml, _mpeg_audio)


def _sync_at(head: bytes, position: int) -> bool:
    """Two bytes can be chance: the next frame must follow where this one says, if it is in sight."""
    return position + 2 > len(head) or (head[position] == 0xFF and head[position + 1] & 0xE0 == 0xE0)


def id3_bytes(head: bytes) -> int:
    """Length of the ID3v2 tag that `head` begins with, 10 bytes of header included. Source: id3.org, ID3v2.4 §3.1."""
    if len(head) < 10 or head[:3] != b"ID3":
        return 0
    length = 0
    for byte in head[6:10]:
        length = length << 7 | byte & 0x7F
    return length + 10 + (10 if head[5] & 0x10 else 0)


_KBPS = {
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""(MPEG-1?, layer) → kbit/s by index. Source: ISO/IEC 11172-3 §2.4.2.3, 13818-3 §2.4.2.3."""


def mp3_frame(header: bytes) -> tuple[int, int, int] | None:
    """Read the 4 bytes of a layer II or III header: (bytes of the frame, samples per channel, sample_rate in Hz).

    None for anything else: free format and layer I are not used for speech, and the byte order mark FF FE of UTF-16
    reads as layer I.
    """
    if len(header) < 4:
        return None
    word = struct.unpack(">I", header)[0]
    version, layer, index, rate_index = word >> 19 & 3, 4 - (word >> 17 & 3), word >> 12 & 15, word >> 10 & 3
    if (
        word >> 21 != 0x7FF
        or version == 1
        or layer not in (2, 3)
        or index in (0, 15)
        or rate_index == 3
        or word & 3 == 2
    ):
        return None
    mpeg1 = version == 3
    sample_rate = (44100, 48000, 32000)[rate_index] >> {3: 0, 2: 1, 0: 2}[version]
    samples = 1152 if mpeg1 or layer == 2 else 576
    padding = word >> 9 & 1
    return samples // 8 * _KBPS[mpeg1, layer][index] * 1000 // sample_rate + padding, samples, sample_rate
