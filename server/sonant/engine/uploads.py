"""Reading what is sent: JSON bodies, and forms whose files go to disk as they come."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, cast

import anyio
from anyio import to_thread
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from sonant.engine.answers import refuse
from sonant.errors import EngineUnavailableError
from sonant.folders import make_private_folder

JSON_MAX_BYTES = 8 * 1024 * 1024
FIELD_SLACK_BYTES = 256 * 1024
"""What a form may hold beside its files."""
_DRAIN_S = 10.0
"""A caller still sending does not read an answer: what is too much is read and dropped for so long before the refusal."""


async def read_json(request: Request) -> dict[str, Any]:
    """The JSON object of a body.

    Raises:
        APIError: 400 when it is none, 413 when it is too long.
    """
    body = bytearray()
    async for chunk in _bounded(request, JSON_MAX_BYTES, "The request body"):
        body += chunk
    return read_object(body, "The body")


def read_object(body: str | bytes | bytearray, what: str) -> dict[str, Any]:
    """The JSON object that a text is.

    Raises:
        APIError: 400, it is none.
    """
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        raise refuse(400, f"{what} is not valid JSON.") from None
    if not isinstance(data, dict):
        raise refuse(400, f"{what} must be a JSON object.")
    if not _is_unicode(data):
        raise refuse(400, f"{what} holds half a character: a surrogate without its other half.")
    return data


def _is_unicode(data: dict[str, Any]) -> bool:
    """JSON can spell what no text can hold."""
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


@dataclass(frozen=True)
class Form:
    """A multipart form. Its files are temporary: they go with the `async with` that read it."""

    data: FormData

    def fields(self) -> dict[str, object]:
        """Text fields; `output_format[container]` is nested, as the wire means it (contract §1.3)."""
        found: dict[str, Any] = {}
        for key, value in self.data.multi_items():
            if not isinstance(value, str) or key.endswith("[]"):
                continue
            outer, bracket, inner = key.partition("[")
            if bracket and inner.endswith("]"):
                nested = found.setdefault(outer, {})
                if isinstance(nested, dict):
                    nested[inner[:-1]] = value
            else:
                found[key] = value
        return found

    def values(self, name: str) -> Sequence[str]:
        """Of a field that may be repeated, such as `timestamp_granularities[]`; with or without the brackets."""
        found = [*self.data.getlist(f"{name}[]"), *self.data.getlist(name)]
        return [value for value in found if isinstance(value, str)]

    def file(self, name: str, max_bytes: int) -> BinaryIO | None:
        """The file of that name, at its start; None when it is not there.

        Raises:
            APIError: 400 when it is empty or sent as text, 413 when it is too long.
        """
        value = self.data.get(name)
        if value is None:
            return None
        if not isinstance(value, UploadFile):
            raise refuse(400, f"`{name}` must be a file, not text.")
        if not value.size:
            raise refuse(400, f"The file in `{name}` is empty: there is no recording in it.", "invalid_input")
        if value.size > max_bytes:
            raise _too_large(f"The file in `{name}`", max_bytes)
        return value.file

    def filename(self, name: str) -> str:
        """What the sender calls the file of that name: one printable line without folders, perhaps empty."""
        value = self.data.get(name)
        told = (value.filename or "") if isinstance(value, UploadFile) else ""
        return "".join(filter(str.isprintable, told.replace("\\", "/").rpartition("/")[2])).strip()

    def required_file(self, name: str, max_bytes: int) -> BinaryIO:
        file = self.file(name, max_bytes)
        if file is None:
            raise refuse(400, f"The file `{name}` is missing.")
        return file


class _Parser(MultiPartParser):
    """Puts files where it is told to."""

    folder: Path | None = None

    def on_headers_finished(self) -> None:
        super().on_headers_finished()
        upload = self._current_part.file
        if upload is not None and self.folder is not None:
            spooled = SpooledTemporaryFile(max_size=self.spool_max_size, dir=str(self.folder))
            self._files_to_close_on_error.append(spooled)
            upload.file = cast(BinaryIO, spooled)


@asynccontextmanager
async def read_form(request: Request, *, max_bytes: int, folder: Path | None = None) -> AsyncIterator[Form]:
    """A multipart form of at most `max_bytes`; files above 1 MB are on disk, and gone afterwards.

    Args:
        request: whose body it is.
        max_bytes: of all files together.
        folder: on which disk the files lie meanwhile; None for the system's temporary folder, which may be memory.

    Raises:
        APIError: 400 when it is not a form, 413 when it is too long.
        EngineUnavailableError: the disk is full.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise refuse(400, "The body must be multipart/form-data.")
    stream = _bounded(request, max_bytes + FIELD_SLACK_BYTES, "The upload", max_bytes)
    parser = _Parser(request.headers, stream, max_files=4, max_fields=64)
    parser.folder = folder
    try:
        if folder is not None:
            await to_thread.run_sync(make_private_folder, folder)
        form = await parser.parse()
    except OSError as error:
        raise EngineUnavailableError(
            f"The upload cannot be written to the disk: {error.strerror or error}.",
            hint="Check the space on the engine's disk, or name another place with SONANT_DATA_DIR.",
        ) from error
    except MultiPartException as error:
        raise refuse(400, f"The form cannot be read: {error.message}") from None
    try:
        yield Form(form)
    finally:
        with anyio.CancelScope(shield=True):
            await form.close()


async def _bounded(
    request: Request, max_bytes: int, what: str, told_bytes: int | None = None
) -> AsyncGenerator[bytes, None]:
    length = request.headers.get("content-length", "")
    too_long = length.isdigit() and int(length) > max_bytes
    give_up_at = anyio.current_time() + _DRAIN_S
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if not too_long and received > max_bytes:
            too_long, give_up_at = True, anyio.current_time() + _DRAIN_S
        if not too_long:
            yield chunk
        elif anyio.current_time() > give_up_at:
            break
    if too_long:
        raise _too_large(what, told_bytes or max_bytes)


def _too_large(what: str, max_bytes: int) -> Exception:
    return refuse(413, f"{what} is larger than {max_bytes // (1024 * 1024)} MB.", "file_too_large")
