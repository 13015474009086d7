"""The library as the rest of Sonant uses it: open what a person refers to, keep what was made, take in uploads."""

import os
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import BinaryIO, cast

from anyio import to_thread

from sonant.audio.formats import AudioFormat, Encoding
from sonant.audio.sniff import sniff
from sonant.errors import AudioInputError, InputError, OutputError, PathNotAllowedError
from sonant.folders import make_private_folder
from sonant.library.files import output_error
from sonant.library.identity import ID_PATTERN, new_id
from sonant.library.index import Entry, Index, Kind
from sonant.library.inputs import AUDIO_HINT, HEAD_BYTES, InputFiles, LiveFile, OpenedFile, open_own, opened, too_large
from sonant.library.names import shown
from sonant.library.outputs import Draft, OutputFolder

FETCH_DEADLINE_S = 600.0
"""Seconds for a whole download. A call has its own, shorter limit; this ends what goes on as a job."""

HEADERLESS = ("pcm", "ulaw", "alaw")
COPY_BYTES = 1024 * 1024

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(//)?")


class Library:
    """Everything Sonant reads and writes for people."""

    def __init__(
        self,
        outputs: OutputFolder,
        inputs: InputFiles,
        index: Index,
        allow_local_paths: bool = True,
        public_url: str | None = None,
    ) -> None:
        """
        Args:
            index: its folder also holds uploads and, while they are read, downloads.
            allow_local_paths: False over HTTP, where whoever calls is not at this computer.
            public_url: where the files are fetched over HTTP; an address below it means the file itself.
        """
        self.outputs = outputs
        self.inputs = inputs
        self.index = index
        self.allow_local_paths = allow_local_paths
        self.own_addresses = f"{public_url}/audio/" if public_url else None
        self.uploads = OutputFolder(index.path.parent / "uploads", private=True, shown_as="Sonant's upload folder")

    async def aclose(self) -> None:
        """Let go of the index."""
        await self.index.close()

    async def prepare(self) -> None:
        """Find out that results can be indexed, before anything is paid for.

        Raises:
            OutputError: the data folder cannot be used.
        """
        await self.index.recent(1)

    def sweep(self) -> None:
        """Clear what crashed processes left in the folders. Blocks: for a thread."""
        self.outputs.sweep()
        self.uploads.sweep()

    @asynccontextmanager
    async def open_audio(self, reference: str) -> AsyncIterator[OpenedFile]:
        """The recording a person refers to, open for the length of the block.

        Args:
            reference: a path, an https:// link, or audio://id, with or without its extension.

        Raises:
            PathNotAllowedError: that path may not be read.
            AudioInputError: what is there is not audio.
            InputError: nothing is there, or it cannot be had.
            OutputError: no room to download it.
        """
        reference = reference.strip()
        if self.own_addresses and reference.startswith(self.own_addresses):
            reference = f"audio://{reference.removeprefix(self.own_addresses)}"
        match _scheme(reference):
            case "" | "file":
                source = await self._open_path(reference)
            case "audio" | "transcript":
                source = await self._open_entry(await self.find(_id_in(reference)))
            case "http" | "https":
                source = await self._download(reference)
            case other:
                raise InputError(
                    f"{shown(other, 20)}: addresses are not read.",
                    hint="Give a path, an https:// link, or an audio:// id from an earlier result.",
                )
        try:
            yield source
        finally:
            source.file.close()

    async def recordings_in(self, reference: str) -> list[str] | None:
        """The recordings of the folder a person refers to; None for anything but a folder that may be read."""
        if not self.allow_local_paths or _scheme(reference.strip()) not in ("", "file"):
            return None
        return await to_thread.run_sync(self.inputs.recordings_in, reference)

    @asynccontextmanager
    async def open_live(self, reference: str) -> AsyncIterator[LiveFile]:
        """A recording that is still being written, or a pipe, open for the length of the block.

        Raises:
            PathNotAllowedError: that path may not be read.
            InputError: it is no path, nothing is there, or it cannot be had.
        """
        reference = reference.strip()
        if _scheme(reference) not in ("", "file"):
            raise InputError(
                "Only a file or a pipe on this computer can be followed while it is written.", hint="Leave out `live`."
            )
        if not self.allow_local_paths:
            raise _elsewhere()
        source = await to_thread.run_sync(self.inputs.open_live, reference)
        try:
            yield source
        finally:
            source.file.close()

    async def find(self, entry_id: str) -> Entry:
        """What an id from an earlier result stands for, its file being where it was put.

        Raises:
            InputError: the id is not known, or the file was moved or deleted.
        """
        known = ID_PATTERN.fullmatch(entry_id.lower())
        entry = await self.index.get(entry_id.lower()) if known else None
        if entry is None:
            raise InputError(
                f"No file has the id {shown(entry_id, 40) or '(none)'}.",
                hint="Use an audio:// id exactly as an earlier result gave it.",
            )
        if not await to_thread.run_sync(os.path.isfile, entry.path):
            raise _gone(entry)
        return entry

    async def keep(
        self,
        draft: Draft,
        *,
        kind: Kind,
        audio_format: AudioFormat | None = None,
        duration_s: float | None = None,
        entry_id: str | None = None,
    ) -> Entry:
        """Publish a draft and give it an id: a new one, unless it was chosen already.

        Raises:
            OutputError: it is empty, or there is no room for it or for its entry.
        """
        if kind != "transcript" and draft.file.seek(0, 2) == 0:
            raise OutputError("Nothing was recorded, so no file was kept.", hint="Try again.")
        path = await draft.publish()
        entry = Entry(
            id=entry_id or new_id(),
            kind=kind,
            path=path,
            extension=draft.extension,
            created_at=datetime.now(UTC),
            duration_s=duration_s,
            sample_rate=audio_format.sample_rate if audio_format else None,
            encoding=audio_format.encoding if audio_format else None,
        )
        try:
            await self.index.add(entry)
        except OutputError as error:
            if kind == "upload":  # which nobody could find without its id
                await to_thread.run_sync(os.unlink, path)
                raise
            raise OutputError(f"{shown(path.name)} was saved, but: {error.message}", hint=error.hint) from error
        return entry

    async def adopt_upload(self, chunks: AsyncIterator[bytes], *, filename: str, max_bytes: int) -> Entry:
        """Take in a recording as it arrives. It stays private, under its id.

        Args:
            filename: what the sender calls it; only messages use it.

        Raises:
            AudioInputError: it is empty, too large, or not audio.
            OutputError: no room for it.
        """
        from sonant.audio.codec import probe  # slow to import, and few processes take uploads

        name = shown(filename, 100) or "The upload"
        entry_id = new_id()
        async with self.uploads.new_file(entry_id, "audio") as draft:
            size, head = 0, b""
            async for chunk in chunks:
                size += len(chunk)
                if size > max_bytes:
                    raise too_large(name, max_bytes)
                if len(head) < HEAD_BYTES:
                    head += chunk[:HEAD_BYTES]
                    if len(head) >= HEAD_BYTES:
                        _check_audio(name, head)
                await draft.write(chunk)
            if not size:
                raise AudioInputError(f"{name} is empty.")
            _check_audio(name, head)
            info = await to_thread.run_sync(probe, draft.file)
            draft.extension = info.extension
            return await self.keep(draft, kind="upload", duration_s=info.duration_s, entry_id=entry_id)

    async def _open_path(self, reference: str) -> OpenedFile:
        if not self.allow_local_paths:
            raise _elsewhere()
        return await to_thread.run_sync(self.inputs.open, reference)

    async def _download(self, url: str) -> OpenedFile:
        from sonant.library.fetch import fetch  # brings in httpx

        file = await to_thread.run_sync(self._anonymous_file)
        try:
            fetched = await fetch(url, file, max_bytes=self.inputs.max_bytes, deadline_s=FETCH_DEADLINE_S)
            await to_thread.run_sync(file.seek, 0)
        except BaseException:
            file.close()
            raise
        return OpenedFile(file, fetched.name, fetched.size, fetched.extension)

    async def _open_entry(self, entry: Entry) -> OpenedFile:
        if entry.kind == "transcript":
            raise AudioInputError(
                f"{shown(entry.path.name)} is a transcript, not audio.", hint="Open its file instead."
            )
        return await to_thread.run_sync(self._open_entry_now, entry)

    def _open_entry_now(self, entry: Entry) -> OpenedFile:
        try:
            file = open_own(entry.path)
        except FileNotFoundError:
            raise _gone(entry) from None
        except OSError as error:
            raise InputError(f"{shown(entry.path.name)} cannot be read: {error.strerror or error}.") from error
        try:
            if entry.extension not in HEADERLESS:
                return opened(file, entry.path.name, max_bytes=self.inputs.max_bytes)
            with file:
                return self._with_header(file, entry)
        except BaseException:
            file.close()
            raise

    def _with_header(self, raw: BinaryIO, entry: Entry) -> OpenedFile:
        """Headerless audio cannot be told from noise, but we know what we wrote: a wav of the same samples."""
        from sonant.audio.wav import wav_header

        size = raw.seek(0, 2)
        raw.seek(0)
        wav_format = AudioFormat("wav", entry.sample_rate or 44100, cast(Encoding, entry.encoding or "pcm_s16le"))
        file = self._anonymous_file()
        done = False
        try:
            file.write(wav_header(wav_format, size))
            while chunk := raw.read(COPY_BYTES):
                file.write(chunk)
            if size % 2:
                file.write(b"\0")  # RIFF chunks have an even length
            source = opened(file, entry.path.name, max_bytes=self.inputs.max_bytes + COPY_BYTES)
            done = True
            return source
        except OSError as error:
            raise output_error(error, "Sonant's data folder", variable="SONANT_DATA_DIR") from error
        finally:
            if not done:
                file.close()

    def _anonymous_file(self) -> BinaryIO:
        """A file without a name, gone when it is closed, on the disk rather than in a /tmp that may be memory."""
        folder = self.index.path.parent / "tmp"
        try:
            make_private_folder(folder)
            return cast(BinaryIO, tempfile.TemporaryFile(dir=folder))
        except OSError as error:
            raise output_error(error, "Sonant's data folder", variable="SONANT_DATA_DIR") from error


def _elsewhere() -> PathNotAllowedError:
    return PathNotAllowedError(
        "This server runs elsewhere and reads no paths.",
        hint="Upload the recording with POST /audio and use the audio:// id it answers, or give an https:// link.",
    )


def _scheme(reference: str) -> str:
    """What comes before the colon, in lower case; "" for a path."""
    found = _SCHEME.match(reference)
    if not found or len(found[1]) == 1:  # one letter is a Windows drive
        return ""
    scheme = found[1].lower()
    # "Interview: Anna.wav" is a name. Only these are addresses without slashes.
    return scheme if found[2] or scheme in ("file", "data", "http", "https") else ""


def _id_in(reference: str) -> str:
    return reference.partition("://")[2].partition(".")[0].rstrip("/")


def _check_audio(name: str, head: bytes) -> None:
    if sniff(head) is None:
        raise AudioInputError(f"{name} is not audio, going by what is in it.", hint=AUDIO_HINT)


def _gone(entry: Entry) -> InputError:
    return InputError(f"{shown(entry.path.name)} was moved or deleted.", hint="Give its new path, or make it again.")
