"""An https:// link into a file: only from the public internet, and only audio.

The name is looked up once, every address it has must be public, and the connection goes to the very address that
was checked, while the certificate is still checked against the name: a name that changes its answer between the
check and the connection gains nothing. Each redirect starts again from the beginning.
"""

import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from socket import SOCK_STREAM, gaierror
from typing import BinaryIO
from urllib.parse import unquote

import anyio
import httpx
from anyio import to_thread

from sonant import __version__
from sonant.audio.sniff import sniff
from sonant.errors import AudioInputError, InputError
from sonant.library.addresses import Address, AddressRule, is_public
from sonant.library.files import output_error
from sonant.library.inputs import AUDIO_HINT, too_large
from sonant.library.names import shown

Resolver = Callable[[str, int], Awaitable[Sequence[Address]]]
"""(name or address, port) → its addresses, the preferred first."""

MAX_REDIRECTS = 5
CONNECT_S = 10.0
"""Seconds for each address a name has."""
SILENCE_S = 20.0
"""Seconds without a byte after which the other side is taken to be gone."""
CHUNK_BYTES = 64 * 1024
MIN_SNIFF_BYTES = 4096

REDIRECTS = (301, 302, 303, 307, 308)
DOWNLOAD_HINT = "Check the link, or download the file and give its path."


@dataclass(frozen=True)
class Fetched:
    """What a link led to."""

    name: str
    """The last part of the link, one printable line."""
    size: int
    """Bytes."""
    extension: str
    """By content, without the dot."""


async def resolve(host: str, port: int) -> list[Address]:
    """Ask the system for the addresses of a name."""
    found = await anyio.getaddrinfo(host, port, type=SOCK_STREAM)
    return list(dict.fromkeys(ip_address(socket_address[0]) for *_, socket_address in found))


async def fetch(
    url: str,
    into: BinaryIO,
    *,
    max_bytes: int,
    deadline_s: float,
    silence_s: float = SILENCE_S,
    may_connect: AddressRule = is_public,
    resolver: Resolver = resolve,
    tls: ssl.SSLContext | None = None,
) -> Fetched:
    """Download a recording.

    Args:
        url: https:// only.
        into: where its bytes go; not closed, and of no use if this fails.
        deadline_s: seconds for all of it.
        silence_s: seconds for any single read.
        may_connect: asked about every address of every name on the way.
        tls: whom to trust; None: the usual authorities, or those of SSL_CERT_FILE.

    Raises:
        AudioInputError: what came is empty, too large, or not audio.
        InputError: the link is not one that is followed, or it did not answer well.
        OutputError: no room for it here.
    """
    try:
        with anyio.fail_after(deadline_s):
            trusted = tls if tls is not None else await to_thread.run_sync(_usual_authorities)
            link = _link(url)
            for _ in range(MAX_REDIRECTS + 1):
                hop = _Hop(link, await _checked_addresses(link, may_connect, resolver), silence_s, trusted)
                outcome = await hop.get(into, max_bytes)
                if isinstance(outcome, Fetched):
                    return outcome
                link = _link(str(outcome), redirected=True)
    except TimeoutError:
        raise InputError(f"{_name(url)} did not arrive within {deadline_s:.0f} s.", hint=DOWNLOAD_HINT) from None
    raise InputError(f"The link redirects more than {MAX_REDIRECTS} times.", hint=DOWNLOAD_HINT)


def _usual_authorities() -> ssl.SSLContext:
    return httpx.create_ssl_context()  # reads a file of certificates: 20 ms


def _link(url: str, *, redirected: bool = False) -> httpx.URL:
    """The address taken apart and found fit to follow."""
    subject = "The link redirects to an address that" if redirected else "The link"
    try:
        link = httpx.URL(url)
    except httpx.InvalidURL:
        link = None
    if link is None or (link.port or 443) > 65535:
        raise InputError(f"{subject} is not a web address.", hint=DOWNLOAD_HINT)
    if link.scheme != "https":
        raise InputError(f"{subject} does not begin with https://; only such are opened.", hint=DOWNLOAD_HINT)
    if link.userinfo:
        raise InputError(f"{subject} holds a user name or password; such are not opened.", hint=DOWNLOAD_HINT)
    if not link.host:
        raise InputError(f"{subject} names no server.", hint=DOWNLOAD_HINT)
    return link


async def _checked_addresses(link: httpx.URL, may_connect: AddressRule, resolver: Resolver) -> Sequence[Address]:
    host = shown(link.host)
    try:
        addresses = await resolver(link.raw_host.decode("ascii"), link.port or 443)
    except (gaierror, UnicodeError):
        addresses = []
    if not addresses:
        raise InputError(f"There is no server called {host}.", hint=DOWNLOAD_HINT)
    if not all(map(may_connect, addresses)):
        raise InputError(
            f"{host} is not on the public internet; links into private networks or this computer are not opened.",
            hint="Download the file and give its path.",
        )
    return addresses


class _Hop:
    """One request, to addresses that were checked."""

    def __init__(self, link: httpx.URL, addresses: Sequence[Address], silence_s: float, tls: ssl.SSLContext) -> None:
        self._link = link
        self._addresses = addresses
        self._silence_s = silence_s
        self._tls = tls

    async def get(self, into: BinaryIO, max_bytes: int) -> Fetched | httpx.URL:
        """The file, or where the server says it is."""
        host = shown(self._link.host)
        # The transport alone, without httpx's client: proxies and cookies have no part in this, and the client
        # logs whole links, which may be signed.
        async with httpx.AsyncHTTPTransport(verify=self._tls, trust_env=False) as transport:
            try:
                response = await self._connected(transport)
                try:
                    return await self._answer(response, into, max_bytes)
                finally:
                    await response.aclose()
            except httpx.TimeoutException:
                raise InputError(f"{host} stopped answering.", hint=DOWNLOAD_HINT) from None
            except (httpx.TransportError, httpx.InvalidURL) as failure:
                raise InputError(f"{host} {_trouble(failure)}.", hint=DOWNLOAD_HINT) from None

    async def _connected(self, transport: httpx.AsyncHTTPTransport) -> httpx.Response:
        for address in self._addresses[:-1]:
            try:
                return await transport.handle_async_request(self._request(address))
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue  # such as IPv6 where there is none
        return await transport.handle_async_request(self._request(self._addresses[-1]))

    def _request(self, address: Address) -> httpx.Request:
        name = self._link.raw_host.decode("ascii").rstrip(".")
        wait = httpx.Timeout(self._silence_s, connect=min(CONNECT_S, self._silence_s))
        return httpx.Request(
            "GET",
            self._link.copy_with(host=str(address), fragment=None),
            headers={
                "Host": self._link.netloc.decode("ascii"),
                "User-Agent": f"Sonant/{__version__}",
                "Accept": "audio/*, video/*;q=0.9, */*;q=0.1",
                "Accept-Encoding": "identity",  # what is counted is what is kept
            },
            extensions={"sni_hostname": name, "timeout": wait.as_dict()},
        )

    async def _answer(self, response: httpx.Response, into: BinaryIO, max_bytes: int) -> Fetched | httpx.URL:
        if response.status_code in REDIRECTS and "Location" in response.headers:
            return self._link.join(response.headers["Location"])
        if not response.is_success:
            raise InputError(
                f"{shown(self._link.host)} answered {response.status_code} {shown(response.reason_phrase, 40)}".rstrip()
                + " instead of a file.",
                hint=DOWNLOAD_HINT,
            )
        return await self._save(response, into, max_bytes)

    async def _save(self, response: httpx.Response, into: BinaryIO, max_bytes: int) -> Fetched:
        name = _name(str(self._link))
        announced = response.headers.get("Content-Length", "")
        if announced.isdecimal() and int(announced) > max_bytes:
            raise too_large(name, max_bytes)
        size, head = 0, b""
        async for chunk in response.aiter_raw(CHUNK_BYTES):
            size += len(chunk)
            if size > max_bytes:
                raise too_large(name, max_bytes)
            if len(head) < MIN_SNIFF_BYTES:  # not all of a web page, to find out that it is one
                head += chunk
                if len(head) >= MIN_SNIFF_BYTES:
                    _extension(name, head)
            try:
                await to_thread.run_sync(into.write, chunk)
            except OSError as error:
                raise output_error(error, "Sonant's data folder", variable="SONANT_DATA_DIR") from error
        if not size:
            raise AudioInputError(f"{name} is empty.", hint=DOWNLOAD_HINT)
        return Fetched(name, size, _extension(name, head))


def _extension(name: str, head: bytes) -> str:
    extension = sniff(head)
    if extension is None:
        what = "a web page" if head.lstrip()[:1] == b"<" else "not audio"
        raise AudioInputError(f"{name} is {what}, going by what came.", hint=f"Give the direct link. {AUDIO_HINT}")
    return extension


def _trouble(failure: httpx.TransportError | httpx.InvalidURL) -> str:
    match failure:
        case httpx.ConnectError() if "CERTIFICATE" in str(failure):
            return "did not prove that it is who it says: its certificate does not hold"
        case httpx.ConnectError():
            return "cannot be reached"
        case httpx.InvalidURL():
            return "redirects to something that is not a web address"
        case _:
            return "broke off before the file was complete"


def _name(url: str) -> str:
    """What to call the file in a sentence: never the query, which may hold a signature."""
    path = url.split("#")[0].split("?")[0].partition("://")[2]
    host, _, rest = path.partition("/")
    return shown(unquote(rest.rstrip("/").rpartition("/")[2]), 100) or shown(host.rpartition("@")[2], 100) or "The link"
