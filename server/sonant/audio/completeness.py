"""Is what arrived the whole sound that was asked for?

A streamed answer has no in-band error form (contract §3.1): a failure after the first byte shows only as a body that
is cut, empty, or a page of text.
"""

from dataclasses import dataclass
from typing import BinaryIO

from sonant.audio.formats import AudioFormat
from sonant.audio.sniff import id3_bytes, mp3_frame, sniff
from sonant.audio.wav import read_wav_layout
from sonant.errors import RemoteWireError

_READ_BYTES = 1 << 20
_LONGEST_FRAME = 2881
"""Bytes, of an mp3: 160 kbit/s at 8 kHz, padded."""
_CONFUSABLE = ("mp3", "aac")
"""Kinds whose magic is so short that headerless samples can begin with it by chance."""


def check_complete(file: BinaryIO, audio_format: AudioFormat) -> float:
    """Check a received body in bounded memory; a 10 s mp3 takes under a millisecond or two.

    Args:
        file: seekable; read from its start, left anywhere.
        audio_format: what was asked for. A container's own sample rate wins over the one asked for.

    Returns:
        Duration in seconds.

    Raises:
        RemoteWireError: empty, text or a web page, another container, or cut short.
    """
    size = file.seek(0, 2)
    if not size:
        raise RemoteWireError("The answer holds no audio at all.", hint="Try again.")
    file.seek(0)
    head = file.read(4096)
    if _is_text(head):
        raise RemoteWireError("The answer is text, not audio.", hint="Try again.")
    kind = sniff(head)
    if audio_format.container == "raw":
        if kind is not None and kind not in _CONFUSABLE:
            raise _other_container(kind, "raw samples")
        if size % audio_format.frame_bytes:
            raise _cut_short()
        return size / audio_format.frame_bytes / audio_format.sample_rate
    if kind != audio_format.container:
        raise _other_container(kind or "no audio we know", audio_format.container)
    return {"wav": _check_wav, "mp3": _check_mp3, "flac": _check_flac, "ogg": _check_ogg}[kind](file, size)


def mp3_share(file: BinaryIO) -> float:
    """How much of what an mp3's index frame announces is there, going by its bytes: 1.0 unless it was cut.

    Exact to a frame or two at a constant bit rate, else to a few percent. A millisecond at most, whatever the length.

    Args:
        file: seekable; left anywhere.
    """
    size = file.seek(0, 2)
    file.seek(0)
    start = file.seek(id3_bytes(file.read(10)))
    head = file.read(_LONGEST_FRAME)
    frame = mp3_frame(head[:4])
    index = _index_frame(head[: frame[0]]) if frame else None
    if frame is None or index is None or index.size <= frame[0]:
        return 1.0
    return min(1.0, max(0.0, (size - start - frame[0]) / (index.size - frame[0])))


def _cut_short() -> RemoteWireError:
    return RemoteWireError("The audio was cut short on its way.", hint="Try again.")


def _other_container(kind: str, asked: str) -> RemoteWireError:
    return RemoteWireError(f"The answer is {kind}, where {asked} was asked for.", hint="Try again.")


def _is_text(head: bytes) -> bool:
    if len(head) < 16 and not head.lstrip().startswith((b"{", b"[", b"<")):
        return False  # so few samples can look like letters by chance
    try:
        text = head.decode("utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8")
    except UnicodeDecodeError as failure:
        if failure.start < len(head) - 4:  # more than a character cut by the end of `head`
            return False
        text = head[: failure.start].decode("utf-8", "ignore")
    return all(character.isprintable() or character in "\t\r\n\f\ufeff" for character in text)


def _check_wav(file: BinaryIO, size: int) -> float:
    layout = read_wav_layout(file)
    if layout is None:
        raise _cut_short()
    present = size - layout.data_start
    if layout.data_bytes is None:  # written as a stream: everything to the end is sound
        data_bytes = present
    else:
        data_bytes = layout.data_bytes
        if data_bytes > present or (layout.riff_bytes is not None and layout.riff_bytes > size + 1):
            raise _cut_short()
    if data_bytes <= 0:
        raise RemoteWireError("The answer holds no audio, only a header.", hint="Try again.")
    if data_bytes % layout.frame_bytes:
        raise _cut_short()
    return data_bytes / layout.frame_bytes / layout.sample_rate


def _check_mp3(file: BinaryIO, size: int) -> float:
    """Walk every frame: the last must end with the file, and there must be as many as the index frame says."""
    file.seek(0)
    start = id3_bytes(file.read(10))
    end = _without_id3v1(file, size)
    frames = samples_per_frame = sample_rate = 0
    index: _IndexFrame | None = None
    window, window_start = b"", start
    position = start
    while position < end:
        offset = position - window_start
        if offset + 4 > len(window) and position + 4 <= end:
            file.seek(position)
            window, window_start, offset = file.read(_READ_BYTES), position, 0
        frame = mp3_frame(window[offset : offset + 4])
        if frame is None:
            if frames and not any(window[offset : min(len(window), end - window_start)]):
                break  # zeros to the end: padding some writers leave
            raise _cut_short() if frames else _other_container("not whole frames", "mp3")
        length, samples_per_frame, sample_rate = frame
        if position + length > end:
            raise _cut_short()
        if not frames and index is None:
            index = _index_frame(window[:length])
            frames -= index is not None  # the index frame itself is no sound
        frames += 1
        position += length
    announced, gap = (index.frames, index.gap) if index else (0, 0)
    if frames < (announced or 1):
        raise _cut_short() if announced else RemoteWireError("The answer holds no audio.", hint="Try again.")
    return max(1, frames * samples_per_frame - gap) / sample_rate


def _without_id3v1(file: BinaryIO, size: int) -> int:
    file.seek(max(0, size - 128))
    return size - 128 if file.read(3) == b"TAG" and size > 128 else size


@dataclass(frozen=True)
class _IndexFrame:
    """What the Xing/Info frame at the head of an mp3 announces; 0 where its writer never came back to fill it in."""

    frames: int
    size: int
    """Bytes of all frames, this one included."""
    gap: int
    """Samples of encoder delay and padding."""


def _index_frame(frame: bytes) -> _IndexFrame | None:
    """None: it is a frame of sound."""
    at = max(frame.find(b"Xing", 0, 64), frame.find(b"Info", 0, 64))
    if at < 0:
        return None
    flags = int.from_bytes(frame[at + 4 : at + 8], "big")
    frames = int.from_bytes(frame[at + 8 : at + 12], "big") if flags & 1 else 0
    size_at = at + 8 + 4 * bool(flags & 1)
    size = int.from_bytes(frame[size_at : size_at + 4], "big") if flags & 2 else 0
    lame = at + 8 + 4 * bool(flags & 1) + 4 * bool(flags & 2) + 100 * bool(flags & 4) + 4 * bool(flags & 8)
    gaps = int.from_bytes(frame[lame + 21 : lame + 24], "big")  # 12 bits of delay, 12 of padding
    return _IndexFrame(frames, size, (gaps >> 12) + (gaps & 0xFFF) if frame[lame : lame + 4].isalnum() else 0)


def _check_flac(file: BinaryIO, size: int) -> float:
    """The head announces the length; the last block must decode up to it."""
    import soundfile

    file.seek(0)
    try:
        with soundfile.SoundFile(file) as sound:
            tail_frames = min(sound.frames, sound.samplerate)
            sound.seek(sound.frames - tail_frames)
            if not sound.frames or len(sound.read(tail_frames, dtype="float32")) < tail_frames:
                raise _cut_short()
            return float(sound.frames / sound.samplerate)
    except soundfile.LibsndfileError:
        raise _cut_short() from None


def _check_ogg(file: BinaryIO, size: int) -> float:
    """The last page must be marked as the last and be whole. Source: RFC 3533 §6."""
    import soundfile

    tail_bytes = min(size, 65_536)  # a page has at most 65,307
    file.seek(size - tail_bytes)
    tail = file.read(tail_bytes)
    page = tail.rfind(b"OggS\0")
    if page < 0 or len(tail) < page + 27 or not tail[page + 5] & 4:
        raise _cut_short()
    table = tail[page + 27 : page + 27 + tail[page + 26]]
    if len(table) < tail[page + 26] or page + 27 + len(table) + sum(table) > len(tail):
        raise _cut_short()
    file.seek(0)
    try:
        with soundfile.SoundFile(file) as sound:
            return float(sound.frames / sound.samplerate)
    except soundfile.LibsndfileError:
        raise _cut_short() from None
