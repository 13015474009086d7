"""The one place that speaks HTTP: credentials, version, deadlines, resending, and failures in our words."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TypeVar

import anyio
import anyio.to_thread
import httpx
from pydantic import BaseModel, ValidationError

from sonant.api_client.bodies import Incoming, Outgoing, notices_of, pieces_of
from sonant.api_client.call import Call, Capability
from sonant.api_client.failures import masker, readable_wait, refusal, unanswered
from sonant.api_client.limiter import Limiter, Slot
from sonant.api_client.lines import Lines
from sonant.api_client.retry import Course, Effect, Retry, is_queue
from sonant.api_client.sockets import Handshake, Socket, open_socket
from sonant.api_client.transport import USER_AGENT, Deadlines, Transport
from sonant.errors import APIError, APITimeoutError, RemoteWireError, SettingsError, SpeechError
from sonant.wire.versions import VERSION, VERSION_HEADER

__all__ = ["PLANS_MAX", "Call", "Connection", "Deadlines", "Effect", "Retry"]

Reply = TypeVar("Reply", bound=BaseModel)

ERROR_BODY_MAX_BYTES = 64 * 1024
REPLY_MAX_BYTES = 64 * 1024 * 1024
"""Of a JSON answer, which is held whole; ten hours of transcript with word times take about ten million bytes."""
_LARGE_REPLY_BYTES = 128 * 1024
"""From here on, reading JSON takes milliseconds and belongs in a thread."""
_UPLOAD_THREADS = 8
PLANS_MAX = 15
"""Generations at once in the largest plan with a price. Source: contract §14."""
_HEARING_PER_SPEAKING = 4
"""Transcriptions for each generation, in every plan. Source: contract §14."""


class Connection:
    """A pool of sockets to one base URL. Opens nothing before the first call.

    Args:
        base_url: `https://…`, or `http://…` on loopback.
        api_key: sent as a bearer token; None where none is needed.
        deadline_s: by when the answer to a call must have begun, resends and waits included; time spent uploading,
            or queueing here before it is first sent, is not counted.
        concurrency: generations of speech that may run at once at first; see limiter.py.
        admin_key: sent instead with the calls that take no other.

    Raises:
        SettingsError: a key cannot be sent in a header.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        version: str = VERSION,
        deadlines: Deadlines | None = None,
        retry: Retry | None = None,
        *,
        deadline_s: float = 45.0,
        concurrency: int = PLANS_MAX,
        admin_key: str | None = None,
    ) -> None:
        _check_key(api_key, "CARTESIA_API_KEY")
        _check_key(admin_key, "CARTESIA_ADMIN_KEY")
        self.base_url = base_url.rstrip("/")
        self.deadlines = deadlines or Deadlines()
        self.retry = retry or Retry()
        self.deadline_s = deadline_s
        self.mask = masker(api_key, admin_key)
        self.limiters: dict[Capability, Limiter] = {
            "tts": Limiter(concurrency, PLANS_MAX),
            "stt": Limiter(concurrency * _HEARING_PER_SPEAKING, PLANS_MAX * _HEARING_PER_SPEAKING),
        }
        self._headers = {VERSION_HEADER: version} | ({"Authorization": f"Bearer {api_key}"} if api_key else {})
        self._admin_headers = {VERSION_HEADER: version, "Authorization": f"Bearer {admin_key}"} if admin_key else None
        self._transport = Transport(base_url, self.deadlines)
        self.lines = Lines(partial(self.open_socket, "/tts/websocket"), slots=lambda: self.limiters["tts"].limit)
        self._threads = anyio.CapacityLimiter(_UPLOAD_THREADS)

    def __repr__(self) -> str:
        return f"Connection({self.base_url!r}, api_key={'…' if 'Authorization' in self._headers else None})"

    async def aclose(self) -> None:
        """Close every connection; calls after this are a mistake."""
        await self.lines.aclose()
        await self._transport.aclose()

    @asynccontextmanager
    async def answer(self, call: Call) -> AsyncIterator[httpx.Response]:
        """The 2xx answer to a call, its body still to be read. Leaving the context closes it.

        Raises:
            APIError, APIConnectionError, RemoteWireError, LocalWireError: after the resends that retry.py allows.
        """
        async with self._slot(call.counts_as) as slot:
            response = await self._ask(call, slot)
            try:
                yield response
            finally:
                await _close(response)

    async def read(self, call: Call, reply: type[Reply]) -> Reply:
        """The JSON answer to a call, with the notices of its headers put where those of its body are.

        Raises:
            RemoteWireError: the answer is not such a message; and what `answer` raises.
        """
        async with self.answer(call) as response:
            body = await _whole(response)
            told = notices_of(response, self.mask)
            is_page = response.headers.get("content-type", "").lower().startswith("text/html")
        parse = partial(reply.model_validate_json, body)
        try:
            message = parse() if len(body) < _LARGE_REPLY_BYTES else await anyio.to_thread.run_sync(parse)
        except ValidationError:
            kind = "a web page" if is_page else "nothing" if not body else "something else"
            raise RemoteWireError(
                f"The speech service answered with {kind} instead of the data asked for.",
                hint="Check CARTESIA_BASE_URL.",
            ) from None
        if "notices" in reply.model_fields and (told or getattr(message, "notices", None)):
            in_body = map(self.mask, getattr(message, "notices", None) or ())
            message = message.model_copy(update={"notices": list(dict.fromkeys((*told, *in_body)))})
        return message

    @asynccontextmanager
    async def socket(
        self,
        path: str,
        params: Mapping[str, str | list[str]] | None = None,
        *,
        counts_as: Capability | None = None,
    ) -> AsyncIterator[Socket]:
        """A socket, opened and at the end closed again.

        Args:
            counts_as: which of the plan's limits it counts against while it is open.

        Raises:
            APIError, APIConnectionError, RemoteWireError: it cannot be opened, after the resends that retry.py allows.
        """
        async with self._slot(counts_as) as slot:
            socket = await self.open_socket(path, params, slot)
            try:
                yield socket
            finally:
                await socket.aclose()

    async def open_socket(
        self, path: str, params: Mapping[str, str | list[str]] | None = None, slot: Slot | None = None
    ) -> Socket:
        """A socket for the caller to close. A handshake costs nothing, so it is sent again like what only reads."""
        handshake = Handshake(
            self.base_url,
            path,
            params or {},
            {"User-Agent": USER_AGENT} | self._headers,
            await self._transport.tls(),
            uses_proxy=self._transport.uses_proxy,
            open_s=self.deadlines.connect_s,
            silence_s=self.deadlines.silence_s,
        )
        course = Course(self.retry, Effect.READS, anyio.current_time() + self.deadline_s, handshake.open_s)
        while True:
            try:
                socket = await open_socket(handshake, self.mask)
            except SpeechError as failure:
                await pause(course, failure, slot, sent=True)
            else:
                if slot is not None:
                    slot.answered()
                return socket

    @asynccontextmanager
    async def _slot(self, counts_as: Capability | None) -> AsyncIterator[Slot | None]:
        if counts_as is None:
            yield None
            return
        async with self.limiters[counts_as].slot() as slot:
            yield slot

    async def _ask(self, call: Call, slot: Slot | None) -> httpx.Response:
        """Send the call, and send it again as long as retry.py says so."""
        http = await self._transport.http()
        request = self._request(http, call)
        body = request.stream
        first_byte_s = self.deadlines.first_byte_s + call.extra_s
        deadline = anyio.current_time() + self.deadline_s + call.extra_s
        course = Course(self.retry, call.effect, deadline, first_byte_s)
        while True:
            assert isinstance(body, httpx.SyncByteStream)
            outgoing = Outgoing(body, self._threads if call.uploads else None)
            request.stream = outgoing
            try:
                response = await self._attempt(http, request, outgoing, course, call)
            except SpeechError as failure:
                await pause(course, failure, slot, sent=outgoing.has_begun)
            else:
                if slot is not None:
                    slot.answered()
                return response

    async def _attempt(
        self, http: httpx.AsyncClient, request: httpx.Request, outgoing: Outgoing, course: Course, call: Call
    ) -> httpx.Response:
        """Send once; the answer if it is a 2xx."""
        with anyio.CancelScope() as watch:

            def start_watch(sending_s: float) -> None:
                course.deadline += sending_s
                watch.deadline = min(anyio.current_time() + course.first_byte_s, course.deadline)

            outgoing.on_sent = start_watch
            try:
                response = await http.send(request, stream=True)
            except httpx.HTTPError as error:
                raise unanswered(
                    error,
                    self._transport.host,
                    is_sent=outgoing.has_ended,
                    connect_s=self.deadlines.connect_s,
                    silence_s=self.deadlines.silence_s,
                ) from None
        if watch.cancelled_caught:
            raise APITimeoutError("The speech service did not answer in time.", hint="Try again in a minute.")
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = Incoming(response.stream, self.deadlines.silence_s)
        if response.is_success:
            return response
        raise refusal(response, await self._refusal_body(response), self.mask, call.transcript)

    async def _refusal_body(self, response: httpx.Response) -> bytes:
        """As much of an error's text as comes soon; its status says the rest."""
        body = bytearray()
        try:
            with suppress(SpeechError), anyio.move_on_after(self.deadlines.silence_s):
                async for piece in pieces_of(response):
                    body += piece
                    if len(body) > ERROR_BODY_MAX_BYTES:
                        break
        finally:
            await _close(response)
        return bytes(body[:ERROR_BODY_MAX_BYTES])

    def _request(self, http: httpx.AsyncClient, call: Call) -> httpx.Request:
        for upload in call.uploads.values():
            upload.file.seek(0)  # also writes out what a file just made still buffers, so that its size is right
        return http.build_request(
            call.method,
            self.base_url + call.path,
            headers={"Accept": call.accept} | self._credentials(call),
            params=call.params or None,
            json=call.json,
            data=call.form or None,
            files={name: (upload.name, upload.file, upload.mime_type) for name, upload in call.uploads.items()} or None,
        )

    def _credentials(self, call: Call) -> dict[str, str]:
        if call.open_to_all:
            return {}
        if not call.for_admin:
            return self._headers_of(call.version)
        if self._admin_headers is None:
            raise SettingsError(
                "This needs an admin key of the account, which no other key can stand in for.",
                variable="CARTESIA_ADMIN_KEY",
                hint="Make one in Cartesia's console (it begins with sk_car_admin_) and put it into CARTESIA_ADMIN_KEY.",
            )
        return self._admin_headers

    def _headers_of(self, version: str | None) -> dict[str, str]:
        return self._headers | ({VERSION_HEADER: version} if version else {})


async def pause(course: Course, failure: SpeechError, slot: Slot | None, *, sent: bool) -> None:
    """Wait until it is time to send again.

    Raises:
        SpeechError: the failure, if that time does not come.
    """
    start = anyio.current_time()
    wait_s = course.wait_s(failure, sent=sent, now=start)
    if wait_s is None:
        if course.queued is not None and isinstance(failure, APITimeoutError) and start >= course.deadline:
            failure = course.queued
        _tell_when(failure)
        raise failure
    if slot is not None and is_queue(failure):
        try:
            has_turn = await slot.refused(course.deadline)
        except TimeoutError:
            raise failure from None
        if has_turn:
            asked_s = failure.retry_after_s if isinstance(failure, APIError) else None
            wait_s = max(0.0, start + (asked_s or 0.0) - anyio.current_time())
    await anyio.sleep(wait_s)


def _check_key(key: str | None, variable: str) -> None:
    if key and not (key.isascii() and key.isprintable() and " " not in key):
        raise SettingsError(
            "The API key holds a space or another character that no key has.",
            variable=variable,
            hint="Copy it again from play.cartesia.ai/keys.",
        )


def _tell_when(failure: SpeechError) -> None:
    """Say when it is worth trying again, if the far end said so."""
    if isinstance(failure, APIError) and failure.retryable and failure.retry_after_s:
        failure.hint = f"Try again in {readable_wait(failure.retry_after_s)}."


async def _close(response: httpx.Response) -> None:
    with anyio.CancelScope(shield=True):
        await response.aclose()


async def _whole(response: httpx.Response) -> bytes:
    body = bytearray()
    async for piece in pieces_of(response):
        body += piece
        if len(body) > REPLY_MAX_BYTES:
            raise RemoteWireError("The answer of the speech service is larger than any answer should be.")
    return bytes(body)
