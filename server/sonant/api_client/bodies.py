"""What streams over a connection: requests going out, answers coming in, and the clocks that watch both."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, BinaryIO

import anyio
import anyio.to_thread
import httpx
from httpx_sse import EventSource

from sonant.api_client.failures import CUT_SHORT, clean_fields
from sonant.errors import APITimeoutError, AudioInputError, RemoteWireError
from sonant.wire.errors import error_from
from sonant.wire.notices import NOTICE_HEADER, from_headers
from sonant.wire.tts import Done, SpeechEvent, parse_event
from sonant.wire.versions import FILE_ID_HEADER, REQUEST_ID_HEADER

UPLOAD_PIECE_BYTES = 256 * 1024
"""Read from disk at a time, in a thread."""

_DRAIN_S = 0.1
"""After `done` only the end of the stream is left; a connection that reaches it can be used again."""
_TEXT_TYPES = ("text/", "application/json", "application/xml", "application/xhtml", "application/problem")
_PAGE_STARTS = (b"<!doctype", b"<html", b"<?xml", b'{"error')


@dataclass
class Upload:
    """A recording to send. It is streamed from its start, in small pieces, on every attempt."""

    file: BinaryIO
    name: str
    """What the far end is told the file is called; its ending names the container."""
    mime_type: str


class Outgoing(httpx.AsyncByteStream):
    """A request's body; knows how far it got, and calls `on_sent` with the seconds it took."""

    def __init__(
        self, source: Iterator[bytes] | httpx.SyncByteStream, threads: anyio.CapacityLimiter | None = None
    ) -> None:
        self._source = source
        self._threads = threads
        self.has_begun = False
        self.has_ended = False
        self.on_sent: Callable[[float], None] = lambda _: None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.has_begun = True
        start = anyio.current_time()
        pieces = iter(self._source)
        if self._threads is None:
            for piece in pieces:
                yield piece
        else:
            while piece := await anyio.to_thread.run_sync(_read_piece, pieces, limiter=self._threads):
                yield piece
        self.has_ended = True
        self.on_sent(anyio.current_time() - start)


def _read_piece(pieces: Iterator[bytes]) -> bytes:
    """The next UPLOAD_PIECE_BYTES or a little more; empty at the end."""
    piece = bytearray()
    try:
        for part in pieces:
            piece += part
            if len(piece) >= UPLOAD_PIECE_BYTES:
                break
    except OSError:
        raise AudioInputError("The recording could not be read to its end.") from None
    return bytes(piece)


class Incoming(httpx.AsyncByteStream):
    """An answer's body; gives up after `silence_s` without a byte, and tells a cut in our words."""

    def __init__(self, source: httpx.AsyncByteStream, silence_s: float) -> None:
        self._source = source
        self._silence_s = silence_s

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = aiter(self._source)
        while True:
            try:
                with anyio.fail_after(self._silence_s):
                    piece = await anext(pieces)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise APITimeoutError(
                    f"The speech service fell silent for {self._silence_s:g} seconds in the middle of its answer, "
                    "so nothing was saved.",
                    hint="Try again.",
                ) from None
            except httpx.HTTPError:
                raise RemoteWireError(CUT_SHORT, hint="Try again.") from None
            yield piece

    async def aclose(self) -> None:
        await self._source.aclose()


async def pieces_of(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    """The body as it arrives, decoded if it came compressed."""
    try:
        async for piece in response.aiter_bytes():
            yield piece
    except httpx.DecodingError:
        raise RemoteWireError("The answer of the speech service is damaged, so nothing was saved.") from None


class AudioBody:
    """An answer that is audio: iterate over it once for its bytes, in the format that was asked for.

    Raises, while iterating:
        RemoteWireError: it is empty, cut short, or a page of text.
        APITimeoutError: it fell silent.
    """

    def __init__(self, response: httpx.Response, mask: Callable[[str], str]) -> None:
        self._response = response
        self.content_type: str = response.headers.get("content-type", "")
        self.request_id: str | None = response.headers.get(REQUEST_ID_HEADER)
        self.file_id: str | None = response.headers.get(FILE_ID_HEADER)
        """Where it is stored, if the request said `save`."""
        self.notices = notices_of(response, mask)
        """What the answer confesses about itself."""
        if self.content_type.lower().startswith(_TEXT_TYPES):
            raise _not_audio(self.content_type)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        started = False
        async with aclosing(pieces_of(self._response)) as pieces:
            async for piece in pieces:
                if not started and piece[:16].lstrip().lower().startswith(_PAGE_STARTS):
                    raise _not_audio("")
                started = True
                yield piece
        if not started:
            raise RemoteWireError("The speech service answered with no audio at all.", hint="Try again.")


class EventReader:
    """Reads the events of one stream of speech, and gathers what they confess.

    Args:
        mask: takes our key out of a text.
        cleaned: takes our key and the transcript out of a text.
        notices: what the answer confessed before its first event.
    """

    def __init__(
        self, mask: Callable[[str], str], cleaned: Callable[[str], str], notices: tuple[str, ...] = ()
    ) -> None:
        self.notices = notices
        self._mask = mask
        self._cleaned = cleaned

    def read(self, data: dict[str, Any]) -> SpeechEvent | None:
        """The event in a message; None for a kind this version does not know.

        Raises:
            APIError: it tells of an error.
            RemoteWireError: it lacks what its kind must have.
        """
        if data.get("type") == "error":
            told = data.get("status_code")
            status_code = told if isinstance(told, int) and told >= 400 else 500
            raise error_from(status_code, clean_fields(data, self._cleaned))
        try:
            event = parse_event(data)
        except (ValueError, TypeError):  # a `type` that is no text cannot be looked up
            raise unreadable() from None
        if event is not None and event.notices:
            self.notices = tuple(dict.fromkeys((*self.notices, *map(self._mask, event.notices))))
        return event


class SpeechEvents:
    """A stream of speech with its times: iterate over it once, up to and with `done`.

    Args:
        response: of status 2xx.
        mask: takes our key out of a text.
        cleaned: the same, and what else must not be quoted in an error.
        typed: gives an event the `type` that it lacks.

    Raises, while iterating:
        APIError: the stream told of an error.
        RemoteWireError: it ended before `done`, or holds what no event is.
        APITimeoutError: it fell silent.
    """

    def __init__(
        self,
        response: httpx.Response,
        mask: Callable[[str], str],
        cleaned: Callable[[str], str],
        typed: Callable[[dict[str, Any]], dict[str, Any]] = dict,
    ) -> None:
        self._source = EventSource(response)
        self._typed = typed
        self._events = EventReader(mask, cleaned, notices_of(response, mask))
        if not response.headers.get("content-type", "").lower().startswith("text/event-stream"):
            raise _not_audio(response.headers.get("content-type", ""))

    @property
    def notices(self) -> tuple[str, ...]:
        """What the answer confesses about itself; events may add to it."""
        return self._events.notices

    async def __aiter__(self) -> AsyncIterator[SpeechEvent]:
        async with aclosing(self._source.aiter_sse()) as messages:
            try:
                async for message in messages:
                    event = self._events.read(self._typed(json_object(message.data)) if message.data else {})
                    if event is not None:
                        yield event
                    if isinstance(event, Done):
                        with anyio.move_on_after(_DRAIN_S):
                            async for _ in messages:
                                pass
                        return
            except httpx.DecodingError:
                raise RemoteWireError(CUT_SHORT, hint="Try again.") from None
        raise RemoteWireError(CUT_SHORT, hint="Try again.")


def json_object(text: str) -> dict[str, Any]:
    """The JSON object in a message.

    Raises:
        RemoteWireError: there is none.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise unreadable() from None
    if not isinstance(data, dict):
        raise unreadable()
    return data


def unreadable() -> RemoteWireError:
    return RemoteWireError("The speech service sent a message that cannot be read.", hint="Try again.")


def notices_of(response: httpx.Response, mask: Callable[[str], str]) -> tuple[str, ...]:
    return tuple(mask(notice) for notice in from_headers(response.headers.get_list(NOTICE_HEADER)))


def _not_audio(content_type: str) -> RemoteWireError:
    kind = "data" if "json" in content_type.lower() else "a web page"
    return RemoteWireError(
        f"The speech service answered with {kind} instead of audio.",
        hint="Check CARTESIA_BASE_URL, and that no sign-in page stands between you and the network.",
    )
