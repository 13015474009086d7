"""A WebSocket to the speech service: opened like an HTTP request, failing in the same words.

No text of websockets is passed on, nor does it log: its exceptions hold the address, and its log the headers, so the key.
"""

import json
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import anyio
import httpx

from sonant.api_client.bodies import json_object, unreadable
from sonant.api_client.failures import proxy_unusable, refusal, unreachable
from sonant.errors import APIConnectionError, APITimeoutError, LocalWireError, RemoteWireError, SpeechError

if TYPE_CHECKING:  # imported when the first socket is opened
    from websockets.asyncio.client import ClientConnection
    from websockets.exceptions import ConnectionClosed

MESSAGE_MAX_BYTES = 4 * 1024 * 1024
"""Of one message. A second of 48 kHz float audio is a quarter of a megabyte in base64."""
QUIET_S = 20.0
"""A far end that says nothing for so long is asked, by a ping, whether it is there."""

_QUEUE_FRAMES = 4
"""Frames held before reading stops: what is not taken waits in the TCP stream, and then at the far end."""
_FAREWELL_S = 0.5
"""What the closing handshake may take."""
_CLOSED_NORMALLY = 1000
_OURS_TO_COMPLAIN = (1002, 1003, 1007, 1009)
"""Close codes with which we end a connection that broke the protocol (RFC 6455 §7.4.1)."""


@dataclass(frozen=True)
class Handshake:
    """Where a socket leads, and what opens it. Its content is private and stays out of its repr."""

    base_url: str
    path: str
    params: Mapping[str, str | list[str]] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    """None: not encrypted, on loopback."""
    uses_proxy: bool = True
    open_s: float = 10.0
    """From the first packet to the end of the handshake."""
    silence_s: float = 20.0
    """What a message may need to leave, or a ping to be answered."""

    @property
    def host(self) -> str:
        return httpx.URL(self.base_url).netloc.decode("ascii")

    @property
    def url(self) -> str:
        scheme, _, rest = self.base_url.partition("://")
        query = f"?{urlencode(self.params, doseq=True)}" if self.params else ""
        return f"{'wss' if scheme == 'https' else 'ws'}://{rest}{self.path}{query}"


async def open_socket(handshake: Handshake, mask: Callable[[str], str]) -> "Socket":
    """Open a socket. The caller closes it.

    Raises:
        APIError: the far end refused, with the status and code of an HTTP answer.
        APIConnectionError, APITimeoutError: nobody answered.
        RemoteWireError: what answered speaks something else.
        SettingsError: the proxy that the environment names cannot be used.
    """
    from websockets.asyncio.client import connect
    from websockets.exceptions import InvalidHandshake, InvalidProxy, InvalidStatus, InvalidURI, ProxyError

    host = handshake.host
    proxy = _proxy_for(handshake) if handshake.uses_proxy else None
    tls: dict[str, Any] = {"ssl": handshake.tls} if handshake.tls else {}
    if proxy and proxy.startswith("https:") and handshake.tls:
        tls["proxy_ssl"] = handshake.tls
    try:
        connecting = connect(
            handshake.url,
            additional_headers=dict(handshake.headers),
            user_agent_header=None,
            compression=None,  # audio in base64 takes more time to squeeze than to send
            proxy=proxy,
            open_timeout=handshake.open_s,
            ping_interval=None,  # Socket.receive pings: only while it reads can it hear the answer
            close_timeout=_FAREWELL_S,
            max_size=MESSAGE_MAX_BYTES,
            max_queue=_QUEUE_FRAMES,
            logger=_silent(),
            **tls,
        )
        connecting.process_redirect = _no_redirect  # type: ignore[method-assign, assignment]
        return Socket(await connecting, handshake.silence_s)
    except TimeoutError:
        raise APITimeoutError(
            f"{host} did not open a connection within {handshake.open_s:g} seconds.",
            hint="Check the network connection and CARTESIA_BASE_URL, then try again.",
        ) from None
    except InvalidStatus as error:
        raise _refused(error.response.status_code, error.response.headers, bytes(error.response.body), mask) from None
    except (InvalidProxy, ImportError):
        raise proxy_unusable() from None
    except ProxyError:
        raise APIConnectionError(
            f"The proxy did not let the connection through to {host}.", hint="Check HTTPS_PROXY and NO_PROXY."
        ) from None
    except InvalidHandshake as error:
        if isinstance(error.__cause__, EOFError):
            raise APIConnectionError(
                "The connection was cut before the speech service answered.", hint="Try again."
            ) from None
        raise _not_a_socket() from None
    except InvalidURI:
        raise LocalWireError("CARTESIA_BASE_URL cannot be used for a lasting connection.") from None
    except OSError as error:
        raise unreachable(host, secure=isinstance(error, ssl.SSLError)) from None


class Socket:
    """An open WebSocket, messages in and out. One task may receive at a time; any may send.

    A reader who stops receiving stops the far end: beyond a few frames nothing is read from the connection.
    """

    def __init__(self, connection: "ClientConnection", silence_s: float) -> None:
        self._connection = connection
        self._silence_s = silence_s

    @property
    def is_open(self) -> bool:
        return self._connection.state.name == "OPEN"

    async def send(self, message: str | bytes | Mapping[str, Any]) -> None:
        """Send text, bytes, or an object as JSON.

        Raises:
            APIConnectionError: the connection has ended.
            APITimeoutError: the far end takes nothing.
        """
        from websockets.exceptions import ConnectionClosed

        data = json.dumps(message) if isinstance(message, Mapping) else message
        try:
            with anyio.fail_after(self._silence_s):
                await self._connection.send(data)
        except TimeoutError:
            raise APITimeoutError(
                f"The speech service took nothing for {self._silence_s:g} seconds.", hint="Try again."
            ) from None
        except ConnectionClosed as closed:
            raise _cut(closed) or _ended() from None

    async def receive(self) -> str | None:
        """The next message; None when the far end has closed the connection in order. Cancelling it loses nothing.

        Raises:
            APIConnectionError: the connection was cut.
            APITimeoutError: the far end is gone without a word.
            RemoteWireError: it sent what is no text, too much at once, or no WebSocket frame at all.
        """
        from websockets.exceptions import ConnectionClosed

        try:
            while True:
                with anyio.move_on_after(QUIET_S):
                    message = await self._connection.recv()
                    break
                await self.check()
        except ConnectionClosed as closed:
            failure = _cut(closed)
            if failure is None:
                return None
            raise failure from None
        if not isinstance(message, str):
            raise unreadable()
        return message

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        """Every message as the JSON object it is, until the far end closes in order."""
        while (message := await self.receive()) is not None:
            yield json_object(message)

    async def check(self, timeout_s: float | None = None) -> None:
        """Make sure that somebody is there.

        Raises:
            APIConnectionError, APITimeoutError: nobody is.
        """
        from websockets.exceptions import ConnectionClosed

        try:
            with anyio.fail_after(self._silence_s if timeout_s is None else timeout_s):
                await (await self._connection.ping())
        except TimeoutError:
            raise APITimeoutError(
                "The connection to the speech service is dead: it does not answer any more.", hint="Try again."
            ) from None
        except ConnectionClosed as closed:
            raise _cut(closed) or _ended() from None

    async def aclose(self) -> None:
        """Close it, taking leave for a moment at most."""
        with anyio.CancelScope(shield=True):
            await self._connection.close()


def _proxy_for(handshake: Handshake) -> str | None:
    """The proxy that httpx would take for the same base URL."""
    if proxy_bypass(handshake.host):
        return None
    proxies = getproxies()
    proxy = proxies.get(httpx.URL(handshake.base_url).scheme) or proxies.get("all")
    if not proxy:
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    try:
        httpx.Proxy(proxy)
        urlsplit(proxy).port  # noqa: B018 - read by websockets, and refused if out of range
    except (ValueError, httpx.InvalidURL):
        raise proxy_unusable() from None
    return proxy


def _silent() -> logging.Logger:
    logger = logging.Logger("sonant.api_client.sockets")
    logger.disabled = True
    return logger


def _no_redirect(error: Exception) -> Exception:
    """The key goes to no other address."""
    return error


def _refused(status_code: int, headers: Any, body: bytes, mask: Callable[[str], str]) -> SpeechError:
    response = httpx.Response(status_code, headers=list(headers.raw_items()))
    if status_code < 400 and not response.is_redirect:
        return _not_a_socket()
    return refusal(response, body, mask, "")


def _not_a_socket() -> RemoteWireError:
    return RemoteWireError(
        "What answers at the speech service's address does not open lasting connections.",
        hint="Check CARTESIA_BASE_URL, and that no sign-in page stands between you and the network.",
    )


def _cut(closed: "ConnectionClosed") -> SpeechError | None:
    """The failure behind the end of a connection; None when the far end closed it in order."""
    if closed.rcvd is not None and closed.rcvd.code == _CLOSED_NORMALLY:
        return None
    if closed.sent is not None and closed.sent.code in _OURS_TO_COMPLAIN and not closed.rcvd_then_sent:
        return unreadable()
    if closed.rcvd is None and closed.sent is not None and closed.sent.code == _CLOSED_NORMALLY:
        return None  # we closed, and the far end did not wait to agree
    return APIConnectionError("The connection to the speech service was cut.", hint="Try again.")


def _ended() -> APIConnectionError:
    return APIConnectionError("The speech service has ended the connection.", hint="Try again.")
