"""`/voices`, each, their accents, and `/accents`, under every version. Source: contract §6."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, get_args
from uuid import uuid4

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sonant.engine.accents import CatalogueAccent, accents
from sonant.engine.answers import add_headers, json_answer, refuse, version_of
from sonant.engine.catalogue import catalogue
from sonant.engine.localizing import read_localization
from sonant.engine.machinery import machinery_of
from sonant.engine.paging import boolean_of, page_of
from sonant.engine.uploads import read_json
from sonant.engine.voice_changes import check_localizable, read_changes, with_accents, without_accent
from sonant.engine.voice_shapes import PAGED, shown, shown_new
from sonant.engine.voices import EngineVoice
from sonant.errors import UnknownVoiceError
from sonant.wire.languages import base_of, normalise
from sonant.wire.voices import Accent, AccentList, Gender

Change = Callable[[EngineVoice], EngineVoice]


async def list_voices(request: Request) -> Response:
    """Own voices first, newest first; then those of the catalogue. At first the list was a bare array of all."""
    machinery = machinery_of(request)
    made = await to_thread.run_sync(machinery.store.entries, limiter=machinery.threads)
    entries: list[tuple[str, EngineVoice | None]] = [*made, *catalogue().items()]
    takes = _Filter(request).takes
    if version_of(request.scope) < PAGED:
        found = [voice for _, voice in entries if voice is not None and takes(voice)]
        answer = JSONResponse(await to_thread.run_sync(_all_shown, found, request, limiter=machinery.threads))
        add_headers(answer.headers, request.scope, ())
        return answer
    page = page_of(entries, request, takes)
    data = await to_thread.run_sync(_all_shown, [voice for _, voice in page.items], request, limiter=machinery.threads)
    return json_answer({"data": data, "has_more": page.has_more, "next_page": page.next_page}, request.scope)


async def get_voice(request: Request) -> Response:
    voice = await machinery_of(request).voice(request.path_params["id"])
    return json_answer(shown(voice, request), request.scope)


async def update_voice(request: Request) -> Response:
    voice = await _own_voice(request)
    changes = read_changes(await read_json(request), version_of(request.scope))
    changed = await _change(request, voice, changes.applied)
    return json_answer(shown(changed, request), request.scope)


async def delete_voice(request: Request) -> Response:
    machinery = machinery_of(request)
    voice = await _own_voice(request)
    await to_thread.run_sync(machinery.store.delete, voice.id, limiter=machinery.threads)
    response = Response(status_code=204)
    add_headers(response.headers, request.scope, ())
    return response


async def localize_voice(request: Request) -> Response:
    """The same numbers, other reading rules: a new voice."""
    machinery = machinery_of(request)
    wanted = read_localization(await read_json(request), version_of(request.scope))
    check_localizable(wanted.accent)
    source = await machinery.voice(wanted.voice_id)
    if source.is_pro:
        raise refuse(
            400, f"{source.name} is a trained voice, and those cannot be localized; train one for {wanted.accent.id}."
        )
    voice = replace(
        source,
        id=str(uuid4()), name=wanted.name, tagline=wanted.tagline, gender=source.gender or wanted.gender,
        description=wanted.description or f"{source.name}, moved into {wanted.accent.name}. Synthetic.",
        language=wanted.accent.speech_language, accent=wanted.accent, added=(), origin="localized", is_owner=True,
        access=wanted.access, created_at=datetime.now(UTC),
    )  # fmt: skip
    await to_thread.run_sync(machinery.store.put, voice, limiter=machinery.threads)
    return json_answer(shown_new(voice, request), request.scope, voice.confessions())


async def add_accents(request: Request) -> Response:
    voice = await _own_voice(request)
    data = await read_json(request)
    changed = await _change(request, voice, lambda now: with_accents(now, data.get("accents")))
    notices = [note for accent in changed.added for note in changed.confessions(accent.speech_language)]
    return json_answer(shown(changed, request), request.scope, tuple(dict.fromkeys(notices)))


async def remove_accent(request: Request) -> Response:
    voice = await _own_voice(request)
    accent_id = request.path_params["accent_id"]
    changed = await _change(request, voice, lambda now: without_accent(now, accent_id))
    return json_answer(shown(changed, request), request.scope)


async def list_accents(request: Request) -> Response:
    language, locale = request.query_params.get("language"), request.query_params.get("locale")
    localizable = boolean_of(request, "is_localizable")
    found = [
        _to_wire(accent)
        for accent in accents().values()
        if (language is None or accent.language == base_of(language))
        and (locale is None or accent.locale.lower() == locale.lower().replace("_", "-"))
        and localizable in (None, accent.is_localizable)
    ]
    return json_answer(AccentList(accents=found).to_wire(), request.scope)


def _to_wire(accent: CatalogueAccent) -> Accent:
    return Accent(
        id=accent.id, name=accent.name, language=accent.language, locale=accent.locale,
        is_locale_default=accent.is_locale_default, is_localizable=accent.is_localizable,
    )  # fmt: skip


def _all_shown(voices: list[EngineVoice], request: Request) -> list[dict[str, Any]]:
    return [shown(voice, request) for voice in voices]


async def _own_voice(request: Request) -> EngineVoice:
    voice = await machinery_of(request).voice(request.path_params["id"])
    if not voice.is_owner:
        raise refuse(403, f"{voice.name} comes with the engine; only voices made here can be changed or deleted.")
    return voice


async def _change(request: Request, voice: EngineVoice, change: Change) -> EngineVoice:
    """The voice as changed, unless it was deleted meanwhile."""
    machinery = machinery_of(request)
    changed = await to_thread.run_sync(machinery.store.update, voice.id, change, limiter=machinery.threads)
    if changed is None:
        raise UnknownVoiceError(f"There is no voice {voice.id!r} here.")
    return changed


class _Filter:
    """The query of a listing."""

    def __init__(self, request: Request) -> None:
        query = request.query_params
        self._text = query.get("q")
        self._is_owner = boolean_of(request, "is_owner")
        self._is_starred = boolean_of(request, "is_starred")
        boolean_of(request, "include_archived")  # no voice ever is
        self._gender = query.get("gender")
        if self._gender not in (None, *get_args(Gender)):
            raise refuse(400, f"gender: use {', '.join(get_args(Gender))}.")
        self._language = query.get("language")
        if self._language is not None:
            known = normalise(self._language)
            if known is None:
                raise refuse(400, f"There is no language {self._language[:40]!r}.", "language_not_supported")
            self._language = known

    def takes(self, voice: EngineVoice) -> bool:
        return (
            self._is_owner in (None, voice.is_owner)
            and not self._is_starred
            and self._gender in (None, voice.gender)
            and (self._language is None or voice.speaks(self._language))
            and (not self._text or voice.matches(self._text))
        )
