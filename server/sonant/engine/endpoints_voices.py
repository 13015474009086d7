"""`/voices` and `/accents`. Source: contract §6."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import get_args
from uuid import uuid4

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from sonant.engine.accents import CatalogueAccent, accents, find_accent
from sonant.engine.answers import add_headers, json_answer, refuse
from sonant.engine.catalogue import catalogue
from sonant.engine.machinery import Machinery, machinery_of
from sonant.engine.paging import boolean_of, page_of
from sonant.engine.uploads import read_json
from sonant.engine.voices import TAGLINE_MAX, EngineVoice
from sonant.wire.languages import base_of, normalise
from sonant.wire.voices import Accent, AccentList, Gender, LocalizeRequest, VoicePage


async def list_voices(request: Request) -> Response:
    """Own voices first, newest first; then those of the catalogue."""
    machinery = machinery_of(request)
    made = await to_thread.run_sync(machinery.store.entries, limiter=machinery.threads)
    entries: list[tuple[str, EngineVoice | None]] = [*made, *catalogue().items()]
    page = page_of(entries, request, _Filter(request).takes)
    body = VoicePage(
        data=[voice.to_wire() for _, voice in page.items], has_more=page.has_more, next_page=page.next_page
    ).to_wire()
    body.setdefault("next_page", None)
    _expand(request, body["data"])
    return json_answer(body, request.scope)


async def get_voice(request: Request) -> Response:
    voice = await machinery_of(request).voice(request.path_params["id"])
    body = voice.to_wire().to_wire()
    _expand(request, [body])
    return json_answer(body, request.scope)


async def update_voice(request: Request) -> Response:
    machinery = machinery_of(request)
    voice = await _own_voice(request, machinery)
    data = await read_json(request)
    changes: dict[str, object] = {}
    for name in ("name", "tagline", "description"):
        if name in data:
            if not isinstance(data[name], str):
                raise refuse(400, f"{name}: must be a string.")
            changes[name] = data[name]
    if "gender" in data:
        if data["gender"] not in (None, *get_args(Gender)):
            raise refuse(400, f"gender: use {', '.join(get_args(Gender))} or null.")
        changes["gender"] = data["gender"]
    if data.get("accent") is not None:
        changes["accent"] = required_accent(str(data["accent"]))
    elif "accent" in data:
        changes["accent"] = None
    if "access" in data:
        changes["access"] = check_access(data["access"])
    changed = replace(voice, **changes)  # type: ignore[arg-type]
    check_texts(changed.name, changed.tagline)
    await to_thread.run_sync(machinery.store.put, changed, limiter=machinery.threads)
    return json_answer(changed.to_wire().to_wire(), request.scope)


async def delete_voice(request: Request) -> Response:
    machinery = machinery_of(request)
    voice = await _own_voice(request, machinery)
    await to_thread.run_sync(machinery.store.delete, voice.id, limiter=machinery.threads)
    response = Response(status_code=204)
    add_headers(response.headers, request.scope, ())
    return response


async def localize_voice(request: Request) -> Response:
    """The same numbers, other reading rules: a new voice."""
    machinery = machinery_of(request)
    wanted = LocalizeRequest.model_validate(await read_json(request))
    check_texts(wanted.name, wanted.tagline)
    access = check_access(wanted.access)
    accent = required_accent(wanted.accent)
    if not accent.is_localizable:
        raise refuse(
            400, f"The engine cannot move a voice into {accent.id!r}; GET /accents?is_localizable=true lists where it can.",
            "language_not_supported",
        )  # fmt: skip
    source = await machinery.voice(wanted.voice_id)
    voice = replace(
        source,
        id=str(uuid4()), name=wanted.name.strip(), tagline=wanted.tagline or "",
        description=wanted.description or f"{source.name}, moved into {accent.name}. Synthetic.",
        language=accent.speech_language, accent=accent, origin="localized", is_owner=True, access=access,
        created_at=datetime.now(UTC),
    )  # fmt: skip
    await to_thread.run_sync(machinery.store.put, voice, limiter=machinery.threads)
    return json_answer(voice.to_metadata().to_wire(), request.scope, voice.confessions())


async def list_accents(request: Request) -> Response:
    language, locale = request.query_params.get("language"), request.query_params.get("locale")
    localizable = boolean_of(request, "is_localizable")
    found = [
        Accent(
            id=accent.id, name=accent.name, language=accent.language, locale=accent.locale,
            is_locale_default=accent.is_locale_default, is_localizable=accent.is_localizable,
        )
        for accent in accents().values()
        if (language is None or accent.language == base_of(language))
        and (locale is None or accent.locale.lower() == locale.lower().replace("_", "-"))
        and localizable in (None, accent.is_localizable)
    ]  # fmt: skip
    return json_answer(AccentList(accents=found).to_wire(), request.scope)


def required_accent(accent_id: str) -> CatalogueAccent:
    accent = find_accent(accent_id)
    if accent is None:
        raise refuse(400, f"There is no accent {accent_id[:64]!r}; GET /accents lists their ids.")
    return accent


def check_texts(name: str, tagline: str | None) -> None:
    if not name.strip():
        raise refuse(400, "name: a voice needs one.")
    if len(tagline or "") > TAGLINE_MAX:
        raise refuse(400, f"tagline: at most {TAGLINE_MAX} characters.")


def check_access(access: object) -> str:
    if access not in (None, "private", "public"):
        raise refuse(400, "access: use private or public.")
    return str(access or "private")


async def _own_voice(request: Request, machinery: Machinery) -> EngineVoice:
    voice = await machinery.voice(request.path_params["id"])
    if not voice.is_owner:
        raise refuse(403, f"{voice.name} comes with the engine; only voices made here can be changed or deleted.")
    return voice


class _Filter:
    """The query of a listing."""

    def __init__(self, request: Request) -> None:
        query = request.query_params
        self._text = query.get("q")
        self._is_owner = boolean_of(request, "is_owner")
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
            and self._gender in (None, voice.gender)
            and (self._language is None or voice.speaks(self._language))
            and (not self._text or voice.matches(self._text))
        )


def _expand(request: Request, voices: object) -> None:
    """Source: contract §6.1. The engine keeps no previews, and says so with null."""
    asked = request.query_params.getlist("expand[]") + request.query_params.getlist("expand")
    if "preview_file_url" in asked and isinstance(voices, list):
        for voice in voices:
            voice["preview_file_url"] = None
