"""The ASGI application: the Cartesia API, answered on this machine. Source: contract."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any

from anyio import to_thread
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from sonant.engine.answers import error_response, on_error, refusal_of
from sonant.engine.credentials import Credentials
from sonant.engine.gate import Gate
from sonant.engine.hangup import HangUp
from sonant.engine.injection import FaultInjection
from sonant.engine.limits import Admission
from sonant.engine.machinery import Machinery
from sonant.engine.options import EngineOptions
from sonant.errors import SpeechError
from sonant.wire.versions import VERSION


def build_engine(options: EngineOptions) -> Starlette:
    """The application. Nothing runs before the first request that needs it; its lifespan ends the workers."""
    machinery = Machinery(options)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with machinery:
            yield

    app = Starlette(
        routes=_routes(),
        middleware=[
            Middleware(HangUp, idle_s=options.request_idle_s),
            Middleware(Gate, options=options, credentials=Credentials(options.api_key, machinery.tokens)),
            *([Middleware(FaultInjection, faults=options.faults)] if options.faults else []),
            Middleware(Admission, limits=machinery.limits, ledger=machinery.ledger),
        ],
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
    app.router.default = _nothing_here
    return app


_ROUTES = """
POST   /tts/bytes                        speech.speak_bytes
POST   /tts/sse                          speech.speak_events
SOCKET /tts/websocket                    contexts.speak_on_socket
POST   /infill/bytes                     infill.infill_bytes
POST   /voice-changer/bytes              changing.change_bytes
POST   /voice-changer/sse                changing.change_events
POST   /stt                              hearing.transcribe
POST   /audio/transcriptions             hearing.transcribe
SOCKET /stt/websocket                    listening.listen_on_socket
SOCKET /stt/turns/websocket              turns.listen_for_turns
GET    /voices                           voices.list_voices
POST   /voices                           embeddings.create_voice
POST   /voices/mix                       embeddings.mix_voices
POST   /voices/clone                     cloning.clone_voice
POST   /voices/clone/clip                embeddings.clone_clip
POST   /voices/localize                  voices.localize_voice
GET    /voices/{id}                      voices.get_voice
PATCH  /voices/{id}                      voices.update_voice
DELETE /voices/{id}                      voices.delete_voice
GET    /voices/{id}/preview              previews.get_preview
PATCH  /voices/{id}/accents              voices.add_accents
DELETE /voices/{id}/accents/{accent_id}  voices.remove_accent
GET    /accents                          voices.list_accents
GET    /pronunciation-dicts              dictionaries.list_dictionaries
POST   /pronunciation-dicts              dictionaries.create_dictionary
GET    /pronunciation-dicts/{id}         dictionaries.get_dictionary
PATCH  /pronunciation-dicts/{id}         dictionaries.update_dictionary
DELETE /pronunciation-dicts/{id}         dictionaries.delete_dictionary
POST   /pronunciation-dicts/{id}/pin     dictionaries.pin_dictionary
POST   /pronunciation-dicts/{id}/unpin   dictionaries.unpin_dictionary
GET    /datasets                         datasets.list_datasets
POST   /datasets                         datasets.create_dataset
GET    /datasets/{id}                    datasets.get_dataset
PATCH  /datasets/{id}                    datasets.update_dataset
DELETE /datasets/{id}                    datasets.delete_dataset
GET    /datasets/{id}/files              datasets.list_files
POST   /datasets/{id}/files              datasets.upload_file
DELETE /datasets/{id}/files/{file_id}    datasets.delete_file
GET    /fine-tunes                       fine_tunes.list_fine_tunes
POST   /fine-tunes                       fine_tunes.create_fine_tune
GET    /fine-tunes/{id}                  fine_tunes.get_fine_tune
DELETE /fine-tunes/{id}                  fine_tunes.delete_fine_tune
GET    /fine-tunes/{id}/voices           fine_tunes.list_voices
GET    /files                            files.list_files
POST   /files                            files.upload_file
DELETE /files/{id}                       files.delete_file
GET    /files/{id}/info                  files.get_file
GET    /files/{id}/download              files.download_file
POST   /access-token                     account.create_token
GET    /usage/credits                    account.get_credits
GET    /api-keys                         account.list_keys
GET    /api-keys/{id}                    account.get_key
"""
"""Method, path, and the function that answers, in `endpoints_….py`."""


def _routes() -> list[BaseRoute]:
    routes: list[BaseRoute] = [Route("/", _status, methods=["GET"])]
    for line in _ROUTES.split("\n")[1:-1]:
        method, path, function = line.split()
        module, _, name = function.partition(".")
        if method == "SOCKET":
            routes.append(WebSocketRoute(path, _lazily(module, name)))
        else:
            routes.append(Route(path, _lazily(module, name), methods=[method]))
    return routes


async def _status(_: Request) -> Response:
    """Source: contract §1.5."""
    return JSONResponse({"ok": True, "version": VERSION})


async def _nothing_here(scope: Scope, receive: Receive, send: Send) -> None:
    """For sockets, too, which Starlette would close with a bare 403."""
    await error_response(refusal_of(HTTPException(404)), scope)(scope, receive, send)


def _lazily(module: str, name: str) -> Callable[[Any], Awaitable[Any]]:
    """An endpoint whose module, with numpy and all, is imported on its first use, in a thread."""
    loaded: Callable[[Any], Awaitable[Any]] | None = None

    async def endpoint(connection: Any) -> Any:
        nonlocal loaded
        if loaded is None:
            loaded = getattr(await to_thread.run_sync(import_module, f"sonant.engine.endpoints_{module}"), name)
            assert loaded is not None
        return await loaded(connection)

    return endpoint
