"""The command `sonant`: argv and environment in, one of serve, call, engine, doctor. Owns the signals of all four."""

import argparse
import asyncio
import io
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NoReturn

import anyio

from sonant import __version__

if TYPE_CHECKING:
    from sonant.settings import Settings
    from sonant.workflows.state import State

CLOSING_S = 1.0
"""Seconds a signalled process may take to clean up."""

FAULTS_GRAMMAR = (
    "a list such as latency=200ms,429=5%%,500=2%%,cut=3%%,drop=1%%,seed=7. latency: before an answer (or 100ms-2s); a "
    "status: refuse with it; cut: break off a body; drop: break off a socket; without a share: always. A path in front, "
    "as in /tts/bytes:500=10%%, limits one to it. retry-after=2s: a header on 429 and 503. header: requests may ask for "
    "their own, as in `Sonant-Fault: 500`. The same seed gives the same faults"
)
"""For `--help`; engine/faults.py reads it."""

HOSTS = ("claude-desktop", "cursor", "vscode", "claude-code")


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command and leave the process."""
    for number in (signal.SIGINT, signal.SIGTERM):  # until there is a loop whose work can be cancelled
        signal.signal(number, lambda got, _: os._exit(128 + got))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of voices and files are not always ASCII
    args = parser().parse_args(argv)
    from sonant.errors import OutputError, SpeechError

    try:
        code = args.run(args)
    except SpeechError as failure:
        print(f"sonant: {failure}", file=sys.stderr)
        code = 1 if isinstance(failure, OutputError) else 2
    _leave(code)


def _leave(code: int) -> NoReturn:
    """End at once: interpreter teardown costs 0.1 s, and a thread that waits for stdin must not hold us."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # the reader is gone
            code = code or 1
    os._exit(code)


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sonant",
        description="Speech for assistants: an MCP server that speaks, listens and edits recordings. "
        "Without a command it serves MCP over stdin and stdout, which is how a host such as Claude Desktop starts it.",
        epilog="Settings come from the environment; `sonant doctor` shows them.",
    )
    parser.add_argument("--version", action="version", version=f"sonant {__version__}")
    parser.set_defaults(run=_serve, transport="stdio")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    serve = commands.add_parser(
        "serve",
        help="serve MCP to a host",
        description="Serve MCP to a host: over stdin and stdout to one that starts this command itself, or at an "
        "address for those that connect to one. Beyond this machine, set SONANT_HTTP_TOKEN too.",
    )
    serve.add_argument("--transport", choices=("stdio", "http", "sse"), default="stdio",
                       help="stdio (the default), Streamable HTTP at /mcp, or SSE at /sse")  # fmt: skip
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on; default: this machine only")
    serve.add_argument("--port", type=_port, default=8000, help="port for http and sse; 0 picks a free one")
    serve.add_argument("--allowed-host", action="append", default=[], metavar="NAME",
                       help="host name requests may use; required beyond this machine, may be repeated")  # fmt: skip
    serve.add_argument("--allowed-origin", action="append", default=[], metavar="ORIGIN",
                       help="web origin whose pages may call; `none` for none; required beyond this machine")  # fmt: skip
    serve.add_argument("--allow-local-paths", action="store_true",
                       help="let callers over HTTP name files of this machine, and be told their paths")  # fmt: skip
    serve.add_argument("--public-url", metavar="URL", help="where this server is reached, if behind a proxy")
    serve.set_defaults(run=_serve)

    call = commands.add_parser(
        "call",
        help="run one tool and print its result",
        description="Run one tool through an MCP client and print its result.",
        epilog='Example: sonant call text_to_speech transcript="Hello there" voice=Katie. '
        "A value of - is read from stdin.",
    )
    call.add_argument("tool", help="name of the tool; `list` lists them")
    call.add_argument("arguments", nargs="*", metavar="name=value", help="arguments of the tool")
    call.add_argument("--json", action="store_true", help="print the typed result instead of the text")
    call.set_defaults(run=_call)

    engine = commands.add_parser(
        "engine",
        help="serve the embedded Cartesia API alone",
        description="Serve the embedded Cartesia API alone and print its base URL. Point any Cartesia program at it.",
    )
    engine.add_argument("--host", default="127.0.0.1", help="address to listen on; default: this machine only")
    engine.add_argument("--port", type=_port, default=0, help="port; 0, the default, picks a free one")
    engine.add_argument("--api-key", metavar="KEY", help="the only key to accept; on this machine any will do")
    engine.add_argument("--allow-origin", action="append", default=[], metavar="ORIGIN",
                        help="web origin whose pages may call; may be repeated")  # fmt: skip
    engine.add_argument("--any-voice", action="store_true", help="answer unknown voice ids with the default voice")
    engine.add_argument("--tts-concurrency", type=_at_least_one, default=256, metavar="N",
                        help="generations at once before one more is answered with 429; default 256")  # fmt: skip
    engine.add_argument("--stt-concurrency", type=_at_least_one, default=256, metavar="N",
                        help="transcriptions at once before one more is answered with 429; default 256")  # fmt: skip
    engine.add_argument("--credits", type=_credits, metavar="N",
                        help="credits to spend before requests are answered with 402, counted from this start; "
                        "no end by default")  # fmt: skip
    engine.add_argument(
        "--faults", metavar="SPEC", help=f"failures on request, to test a program with: {FAULTS_GRAMMAR}"
    )
    engine.set_defaults(run=_engine)

    doctor = commands.add_parser(
        "doctor",
        help="say what is configured, what works, and what to mend",
        description="Say in plain words what is configured, what is reachable, where files go and what to mend.",
    )
    doctor.add_argument("--config", choices=HOSTS, help="print a ready configuration block for that host instead")
    doctor.set_defaults(run=_doctor)
    return parser


def _port(word: str) -> int:
    """Larger numbers would silently wrap around to another port."""
    port = int(word)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{word} is not a port; use 0 to 65535")
    return port


def _at_least_one(word: str) -> int:
    number = int(word)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{word} is not 1 or more")
    return number


def _credits(word: str) -> float:
    credits = float(word)
    if not 0 <= credits < float("inf"):
        raise argparse.ArgumentTypeError(f"{word} is not 0 or more")
    return credits


def _settings() -> "Settings":
    import logging

    from sonant.settings import load

    settings = load(os.environ)
    logging.basicConfig(level=settings.log_level, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    for chatty in ("httpx", "httpcore", "httpx2", "httpcore2"):
        logging.getLogger(chatty).setLevel(logging.WARNING)  # at DEBUG they would print the key
    return settings


class Signals:
    """SIGINT and SIGTERM cancel the work; what has not closed a second later is left behind."""

    def __init__(self, scope: anyio.CancelScope) -> None:
        self.code = 0
        """The exit status once a signal has come."""
        self._scope = scope

    def listen(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                loop.add_signal_handler(number, self._end, number)
            except NotImplementedError:  # Windows
                signal.signal(number, lambda got, _: loop.call_soon_threadsafe(self._end, got))

    def _end(self, number: int) -> None:
        self.code = 128 + number
        timer = threading.Timer(CLOSING_S, _leave, [self.code])
        timer.daemon = True
        timer.start()
        self._scope.cancel()


def _serve(args: argparse.Namespace) -> int:
    import gc

    gc.disable()  # nothing of what is imported is garbage: 40 ms less until the tools are listed
    settings = _settings()
    if args.transport == "stdio":
        if sys.stdin.isatty():
            print("sonant waits for a host on stdin; see `sonant --help`. Ctrl-C ends it.", file=sys.stderr)
        from sonant.app import build_server, open_state

        async def work(signals: Signals) -> int:
            @asynccontextmanager
            async def opened() -> "AsyncIterator[State]":
                try:
                    async with open_state(settings) as state:
                        yield state
                finally:
                    if signals.code:  # the SDK would go on waiting for a line on stdin
                        _leave(signals.code)

            await build_server(settings, opened).run_stdio_async()
            return 0
    else:
        from sonant.web import WebOptions, serving

        options = WebOptions(
            transport=args.transport,
            host=args.host,
            port=args.port,
            allowed_hosts=tuple(args.allowed_host),
            allowed_origins=tuple(args.allowed_origin),
            allow_local_paths=args.allow_local_paths,
            public_url=args.public_url,
        )

        async def work(signals: Signals) -> int:
            async with serving(settings, options) as base_url:
                path = "/mcp" if options.transport == "http" else "/sse"
                print(f"sonant serves at {base_url}{path}", file=sys.stderr, flush=True)
                await anyio.sleep_forever()
            return 0

    gc.enable()
    gc.freeze()
    return _run(work)


def _call(args: argparse.Namespace) -> int:
    from sonant.calling import call, parse_arguments

    given = parse_arguments(args.arguments)
    settings = _settings()
    return _run(lambda _: call(settings, args.tool, given, as_json=args.json))


def _engine(args: argparse.Namespace) -> int:
    from sonant.engine.faults import read_faults
    from sonant.engine.options import EngineOptions
    from sonant.engine.serving import run_engine

    options = EngineOptions(
        data_dir=_settings().data_dir,
        api_key=args.api_key,
        host=args.host,
        allow_origins=tuple(args.allow_origin),
        any_voice=args.any_voice,
        tts_concurrency=args.tts_concurrency,
        stt_concurrency=args.stt_concurrency,
        credits=args.credits,
        faults=None if args.faults is None else read_faults(args.faults),
    )

    if options.faults:
        print("sonant engine: requests will fail on purpose, as --faults says", file=sys.stderr, flush=True)

    async def work(_: Signals) -> int:
        await run_engine(options, args.port, lambda base_url: print(base_url, flush=True))
        return 0

    return _run(work)


def _doctor(args: argparse.Namespace) -> int:
    from sonant.doctor import examine, host_block

    if args.config:
        print(host_block(args.config))
        return 0
    settings = _settings()
    return _run(lambda _: examine(settings))


def _run(work: Callable[[Signals], Awaitable[int]]) -> int:
    async def run() -> int:
        with anyio.CancelScope() as scope:
            signals = Signals(scope)
            signals.listen()
            return _leave(await work(signals))
        return signals.code

    return anyio.run(run)
