"""Links into files: a real TLS server on loopback, which production would refuse to connect to."""

import io
import ssl
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from socket import gaierror
from typing import Any

import anyio
import anyio.abc
import pytest
import trustme
from anyio.streams.tls import TLSListener

from sonant.errors import AudioInputError, InputError, OutputError
from sonant.library.addresses import Address, is_public
from sonant.library.fetch import Fetched, fetch, resolve

AUTHORITY = trustme.CA()


def _wav() -> bytes:
    with io.BytesIO() as file:
        with wave.open(file, "wb") as sound:
            sound.setparams((1, 2, 8000, 0, "NONE", ""))
            sound.writeframes(bytes(40_000))
        return file.getvalue()


WAV = _wav()
Stream = anyio.abc.ByteStream
Handler = Callable[[Stream], Awaitable[None]]


def reply(body: bytes = b"", status: str = "200 OK", **headers: object) -> Handler:
    async def handle(stream: Stream) -> None:
        lines = {"Content-Length": len(body), "Connection": "close"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value is not None)
        await stream.send(f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body)

    return handle


def redirect(location: str, status: str = "302 Found") -> Handler:
    return reply(status=status, Location=location)


@dataclass
class Site:
    """A server that plays `pages`, and a resolver that sends every name to it."""

    port: int
    pages: dict[str, Handler] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    gone: anyio.Event = field(default_factory=anyio.Event)
    """The other side closed its socket while we were sending or waiting."""

    def url(self, path: str, host: str = "audio.example") -> str:
        return f"https://{host}:{self.port}{path}"

    async def resolve(self, host: str, port: int) -> list[Address]:
        self.names.append(host)
        return [ip_address("127.0.0.1")]

    async def get(self, url: str, into: io.BytesIO | None = None, **options: Any) -> Fetched:
        tls = ssl.create_default_context()
        AUTHORITY.configure_trust(tls)
        defaults = {
            "max_bytes": 10_000_000,
            "deadline_s": 10.0,
            "may_connect": lambda address: True,
            "resolver": self.resolve,
            "tls": tls,
        }
        return await fetch(url, into if into is not None else io.BytesIO(), **(defaults | options))

    async def handle(self, stream: Stream) -> None:
        try:
            head = b""
            while b"\r\n\r\n" not in head:
                head += await stream.receive()
            self.requests.append(head.decode())
            await self.pages[head.split()[1].decode().partition("?")[0]](stream)
            await stream.aclose()
        except (anyio.BrokenResourceError, anyio.EndOfStream):
            self.gone.set()


@asynccontextmanager
async def serving(**pages: Handler) -> AsyncIterator[Site]:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    AUTHORITY.issue_cert("audio.example", "other.example", "xn--exmple-cua.example").configure_cert(tls)
    tcp = await anyio.create_tcp_listener(local_host="127.0.0.1")
    site = Site(tcp.extra(anyio.abc.SocketAttribute.local_port))
    site.pages = {f"/{name.replace('__', '.')}": handler for name, handler in pages.items()}
    async with TLSListener(tcp, tls, standard_compatible=False) as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, site.handle)
        yield site
        tasks.cancel_scope.cancel()


async def test_a_recording_is_fetched_whole_and_named() -> None:
    """Bytes, size, kind by content and a readable name; the server is asked by its name, plainly."""
    async with serving(talk__mp3=reply(WAV)) as site:
        into = io.BytesIO()
        assert await site.get(site.url("/talk.mp3"), into) == Fetched("talk.mp3", len(WAV), "wav")
        assert into.getvalue() == WAV
        assert f"Host: audio.example:{site.port}\r\n" in site.requests[0]
        assert "cookie" not in site.requests[0].lower()


async def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    """A name is looked up once: an answer that changes afterwards (DNS rebinding) is never asked for."""
    answers = iter(["127.0.0.1", "10.0.0.1", "10.0.0.1"])
    checked: list[str] = []

    async def rebinding(host: str, port: int) -> list[Address]:
        return [ip_address(next(answers))]

    def may_connect(address: Address) -> bool:
        checked.append(str(address))
        return True

    async with serving(a=reply(WAV)) as site:
        await site.get(site.url("/a"), resolver=rebinding, may_connect=may_connect)
    assert checked == ["127.0.0.1"]
    assert next(answers) == "10.0.0.1"  # nobody asked a second time


async def test_the_certificate_is_checked_against_the_name() -> None:
    """Connecting by address must not weaken TLS: another name's certificate, or an unknown authority, is refused."""
    async with serving(a=reply(WAV)) as site:
        with pytest.raises(InputError, match="certificate does not hold"):
            await site.get(site.url("/a", host="elsewhere.example"))
        with pytest.raises(InputError, match="certificate does not hold"):
            await site.get(site.url("/a"), tls=ssl.create_default_context())
        assert site.requests == []
        assert (await site.get(site.url("/a", host="audio.example."))).size == len(WAV)
        assert (await site.get(site.url("/a", host="exämple.example"))).size == len(WAV)
        assert site.names[-1] == "xn--exmple-cua.example"


async def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    """A name may have an IPv6 address where there is no IPv6."""

    async def two(host: str, port: int) -> list[Address]:
        return [ip_address("::1"), ip_address("127.0.0.1")]

    async with serving(a=reply(WAV)) as site:
        assert (await site.get(site.url("/a"), resolver=two)).size == len(WAV)


@pytest.mark.parametrize(
    "url",
    """
        https://127.0.0.1/a https://localhost/a https://[::1]/a https://[::ffff:127.0.0.1]/ https://0x7f.1/
        https://2130706433/ https://169.254.169.254/latest/meta-data https://10.0.0.1:8443/a https://0/
    """.split(),
)
async def test_private_addresses_are_refused_however_they_are_written(url: str) -> None:
    """The rule and the resolver of production: nothing of this computer or its networks is reached."""
    with pytest.raises(InputError, match="not on the public internet"):
        await fetch(url, io.BytesIO(), max_bytes=1, deadline_s=10)


async def test_one_private_address_closes_the_name() -> None:
    """Every address must pass: which of them would be connected to is not for the name's owner to gamble on."""

    async def mixed(host: str, port: int) -> list[Address]:
        return [ip_address("8.8.8.8"), ip_address("10.0.0.1")]

    with pytest.raises(InputError, match=r"audio\.example is not on the public internet"):
        await fetch("https://audio.example/", io.BytesIO(), max_bytes=1, deadline_s=10, resolver=mixed)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://audio.example/a.mp3", "does not begin with https://"),
        ("ftp://audio.example/a.mp3", "does not begin with https://"),
        ("https://user:secret@audio.example/a", "user name or password"),
        ("https://secret@audio.example/a", "user name or password"),
        ("https:///a.mp3", "names no server"),
        ("https://[::1/a", "not a web address"),
        ("https://audio.example:99999/a", "not a web address"),
        ("https://a\0b/", "not a web address"),
    ],
)
async def test_only_plain_https_links_are_followed(url: str, words: str) -> None:
    """Each other kind is refused before anything is looked up, without repeating what it holds."""

    async def never(host: str, port: int) -> list[Address]:
        raise AssertionError("looked up")

    with pytest.raises(InputError, match=words) as caught:
        await fetch(url, io.BytesIO(), max_bytes=1, deadline_s=10, resolver=never)
    assert "secret" not in str(caught.value)


async def test_an_unknown_name_is_told() -> None:
    """What the system says in many ways is said in one."""

    async def nobody(host: str, port: int) -> list[Address]:
        raise gaierror(8, "nodename nor servname provided")

    with pytest.raises(InputError, match=r"no server called nothing\.example"):
        await fetch("https://nothing.example/a", io.BytesIO(), max_bytes=1, deadline_s=10, resolver=nobody)


async def test_resolving_gives_each_address_once() -> None:
    """getaddrinfo lists an address once per protocol."""
    assert await resolve("127.0.0.1", 443) == [ip_address("127.0.0.1")]


async def test_redirects_are_followed_and_checked_again() -> None:
    """Relative and absolute ones, to another name, up to five."""
    async with serving(a=redirect("/b"), d__wav=reply(WAV)) as site:
        site.pages["/b"] = redirect(f"//other.example:{site.port}/c", "307 Temporary Redirect")
        site.pages["/c"] = redirect("d.wav?signature=1", "301 Moved Permanently")
        fetched = await site.get(site.url("/a"))
        assert fetched.name == "d.wav"
        assert site.names == ["audio.example", "audio.example", "other.example", "other.example"]


async def test_endless_redirects_end() -> None:
    """A circle is left after five."""
    async with serving(a=redirect("/a")) as site:
        with pytest.raises(InputError, match="more than 5 times"):
            await site.get(site.url("/a"))
        assert len(site.requests) == 6


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("http://audio.example/b", "redirects to an address that does not begin with https://"),
        ("https://127.0.0.1/b", "not on the public internet"),
        ("https://10.0.0.1/b", "not on the public internet"),
        ("https://me:secret@audio.example/b", "user name or password"),
        ("file:///etc/passwd", "does not begin with https://"),
        ("https://audio.example:port/", "not a web address"),
    ],
)
async def test_a_redirect_leads_nowhere_a_link_may_not(location: str, words: str) -> None:
    """To http, to this computer, to a private network: refused as if it had been given."""

    async def system(host: str, port: int) -> list[Address]:
        return [ip_address("127.0.0.1")] if host == "audio.example" else await resolve(host, port)

    first: list[Address] = []

    def only_first(address: Address) -> bool:
        first.append(address)
        return len(first) == 1 or is_public(address)

    async with serving(a=redirect(location)) as site:
        with pytest.raises(InputError, match=words):
            await site.get(site.url("/a"), resolver=system, may_connect=only_first)


@pytest.mark.parametrize("announced", [True, False])
async def test_an_oversized_file_is_refused_as_soon_as_it_shows(announced: bool) -> None:
    """By its announced length before any of it is taken, else while it streams."""

    async def endless(stream: Stream) -> None:
        await stream.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + WAV)
        while True:
            await stream.send(bytes(65536))

    page = reply(WAV, Content_Length=10**12) if announced else endless
    async with serving(a__wav=page) as site:
        into = io.BytesIO()
        with pytest.raises(AudioInputError, match=r"a\.wav is larger than 0\.2 MB"):
            await site.get(site.url("/a.wav"), into, max_bytes=200_000)
        assert len(into.getvalue()) <= 200_000
        if not announced:
            with anyio.fail_after(5):
                await site.gone.wait()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "is empty"),
        (b"<!doctype html><title>Log in</title>", "is a web page"),
        (b"<html>" + b"x" * 100_000, "is a web page"),
        (b"root:x:0:0" * 1000, "is not audio"),
    ],
)
async def test_what_is_not_audio_is_refused_without_its_content(body: bytes, words: str) -> None:
    """By content, whatever the server calls it."""
    async with serving(a__mp3=reply(body, Content_Type="audio/mpeg")) as site:
        with pytest.raises(AudioInputError, match=words) as caught:
            await site.get(site.url("/a.mp3?signature=secret"))
    assert "secret" not in str(caught.value)
    assert "root:x" not in str(caught.value)


@pytest.mark.parametrize("status", ["404 Not Found", "403 Forbidden", "500 Oh\x07no", "304 Not Modified", "302 Found"])
async def test_an_answer_that_is_no_file_is_told_by_its_number(status: str) -> None:
    """Not found, forbidden, broken, or a redirect to nowhere."""
    async with serving(a=reply(WAV, status=status.replace("\x07", " "))) as site:
        with pytest.raises(InputError, match=f"audio.example answered {status[:3]}"):
            await site.get(site.url("/a"))


async def test_a_body_cut_short_is_told() -> None:
    """Fewer bytes than announced is not a file."""
    async with serving(a=reply(WAV[:20_000], Content_Length=len(WAV))) as site:
        with pytest.raises(InputError, match="broke off"):
            await site.get(site.url("/a"))


async def _silent(stream: Stream) -> None:
    await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n" + WAV)
    await stream.receive()


async def test_silence_ends_the_download() -> None:
    """A server that stops in the middle is given up on, and its socket closed."""
    async with serving(a=_silent) as site:
        with pytest.raises(InputError, match="stopped answering"):
            await site.get(site.url("/a"), silence_s=0.1)
        with anyio.fail_after(5):
            await site.gone.wait()


async def test_a_trickle_ends_at_the_deadline() -> None:
    """A byte now and then keeps a read alive, but not the whole."""

    async def trickle(stream: Stream) -> None:
        await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n" + WAV[:100])
        while True:
            await stream.send(b"\0")
            await anyio.sleep(0.01)

    async with serving(a=trickle) as site:
        with pytest.raises(InputError, match="did not arrive within"):
            await site.get(site.url("/a"), deadline_s=0.3)
        with anyio.fail_after(5):
            await site.gone.wait()


async def test_cancelling_closes_the_socket() -> None:
    """The server sees the connection end at once."""
    async with serving(a=_silent) as site:
        started = anyio.Event()

        async def announce(stream: Stream) -> None:
            started.set()
            await _silent(stream)

        site.pages["/a"] = announce
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(site.get, site.url("/a"))
            await started.wait()
            tasks.cancel_scope.cancel()
        with anyio.fail_after(5):
            await site.gone.wait()


async def test_a_refused_connection_is_told() -> None:
    """Nothing listens there."""
    async with serving() as site:
        pass
    with pytest.raises(InputError, match=r"audio\.example cannot be reached"):
        await site.get(site.url("/a"))


async def test_proxies_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would connect where nobody checked."""
    for name in ("HTTPS_PROXY", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with serving(a=reply(WAV)) as site:
        assert (await site.get(site.url("/a"))).size == len(WAV)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
async def test_no_room_for_the_download_is_told() -> None:
    """A full disk here is not the server's fault."""
    async with serving(a=reply(WAV)) as site:
        with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(OutputError, match="is full"):  # noqa: ASYNC230 — a device
            await site.get(site.url("/a"), full)
