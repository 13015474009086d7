"""How the far end is reached: certificates, proxies and the HTTP client, each made on first use."""

import ipaddress
import ssl
from dataclasses import dataclass

import anyio
import anyio.to_thread
import httpx

import sonant
from sonant.api_client.failures import proxy_unusable
from sonant.errors import SettingsError

USER_AGENT = f"sonant/{sonant.__version__}"
KEEPALIVE_S = 30.0
"""How long a connection nobody uses is trusted to be there still."""


@dataclass(frozen=True)
class Deadlines:
    """How long to wait for each step, in seconds."""

    connect_s: float = 10.0
    first_byte_s: float = 30.0
    """From the last byte of the request to the first of the answer."""
    silence_s: float = 20.0
    """Between two bytes, in either direction."""


class Transport:
    """The way to one base URL. Opens nothing before it is asked."""

    def __init__(self, base_url: str, deadlines: Deadlines) -> None:
        url = httpx.URL(base_url)
        self.host = url.netloc.decode("ascii")
        self.uses_proxy = not _is_loopback(url.host)  # a proxy has no business between two ends of one machine
        self._is_secure = url.scheme == "https"
        self._deadlines = deadlines
        self._opening = anyio.Lock()
        self._tls: ssl.SSLContext | None = None
        self._http: httpx.AsyncClient | None = None
        self._is_closed = False

    async def aclose(self) -> None:
        """Close every connection; calls after this are a mistake."""
        self._is_closed = True
        if self._http is not None:
            with anyio.CancelScope(shield=True):
                await self._http.aclose()

    async def http(self) -> httpx.AsyncClient:
        """The client, made on first use: reading the system's certificates takes tens of milliseconds."""
        tls = await self.tls()
        if self._http is None:
            self._http = self._client(tls or False)
        return self._http

    async def tls(self) -> ssl.SSLContext | None:
        """What requests and sockets check the far end with; None where nothing is encrypted."""
        if self._is_closed:
            raise RuntimeError("the connection has been closed")
        if self._is_secure and self._tls is None:
            async with self._opening:
                self._tls = self._tls or await _certificates()
        return self._tls

    def _client(self, verify: ssl.SSLContext | bool) -> httpx.AsyncClient:
        deadlines = self._deadlines
        try:
            return httpx.AsyncClient(
                verify=verify,
                trust_env=self.uses_proxy,
                follow_redirects=False,  # the key goes to no other address
                timeout=httpx.Timeout(
                    connect=deadlines.connect_s,
                    pool=deadlines.connect_s,
                    write=deadlines.silence_s,
                    read=None,  # watched in Connection and Incoming, which know what they wait for
                ),
                limits=httpx.Limits(keepalive_expiry=KEEPALIVE_S),
                headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
            )
        except (ImportError, ValueError, httpx.InvalidURL):
            raise proxy_unusable() from None


async def _certificates() -> ssl.SSLContext:
    try:
        return await anyio.to_thread.run_sync(httpx.create_ssl_context)
    except OSError:
        raise SettingsError(
            "The certificates that SSL_CERT_FILE or SSL_CERT_DIR names cannot be read.",
            variable="SSL_CERT_FILE",
            hint="Correct it, or unset it to use the usual ones.",
        ) from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
