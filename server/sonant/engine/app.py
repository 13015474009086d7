"""The ASGI application: the Cartesia API, answered on this machine. Source: contract, API 2026-08-14."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import import_module

from anyio import to_thread
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sonant.engine.answers import on_error
from sonant.engine.gate import Gate
from sonant.engine.hangup import HangUp
from sonant.engine.machinery import Machinery
from sonant.engine.options import EngineOptions
from sonant.errors import SpeechError
from sonant.wire.versions import VERSION

Endpoint = Callable[[Request], Awaitable[Response]]


def build_engine(options: EngineOptions) -> Starlette:
    """The application. Nothing runs before the first request that needs it; its lifespan ends the workers."""
    machinery = Machinery(options)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with machinery:
            yield

    app = Starlette(
        routes=_routes(),
        middleware=[Middleware(HangUp), Middleware(Gate, options=options)],
        exception_handlers={
            SpeechError: on_error,
            ValidationError: on_error,
            HTTPException: on_error,
            Exception: on_error,
        },
        lifespan=lifespan,
    )
    app.state.machinery = machinery
    app.router.redirect_slashes = False  # the gate has taken the slash off
    return app


def _routes() -> list[Route]:
    voices, speech = "endpoints_voices", "endpoints_speech"
    return [
        Route("/", _status, methods=["GET"]),
        Route("/tts/bytes", _lazily(speech, "speak_bytes"), methods=["POST"]),
        Route("/tts/sse", _lazily(speech, "speak_events"), methods=["POST"]),
        Route("/infill/bytes", _lazily("endpoints_infill", "infill_bytes"), methods=["POST"]),
        Route("/stt", _lazily("endpoints_hearing", "transcribe"), methods=["POST"]),
        Route("/voices", _lazily(voices, "list_voices"), methods=["GET"]),
        Route("/voices/clone", _lazily("endpoints_cloning", "clone_voice"), methods=["POST"]),
        Route("/voices/localize", _lazily(voices, "localize_voice"), methods=["POST"]),
        Route("/voices/{id}", _lazily(voices, "get_voice"), methods=["GET"]),
        Route("/voices/{id}", _lazily(voices, "update_voice"), methods=["PATCH"]),
        Route("/voices/{id}", _lazily(voices, "delete_voice"), methods=["DELETE"]),
        Route("/accents", _lazily(voices, "list_accents"), methods=["GET"]),
    ]


async def _status(_: Request) -> Response:
    """Source: contract §1.5."""
    return JSONResponse({"ok": True, "version": VERSION})


def _lazily(module: str, name: str) -> Endpoint:
    """An endpoint whose module, with numpy and all, is imported on its first use, in a thread."""
    loaded: Endpoint | None = None

    async def endpoint(request: Request) -> Response:
        nonlocal loaded
        if loaded is None:
            found: Endpoint = getattr(await to_thread.run_sync(import_module, f"sonant.engine.{module}"), name)
            loaded = found
        return await loaded(request)

    return endpoint
