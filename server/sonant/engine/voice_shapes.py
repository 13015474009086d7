"""A voice as each version of the API shows it. Source: contract §1.2, §6.1, §17."""

from typing import Any
from urllib.parse import quote

from starlette.requests import Request

from sonant.engine.answers import version_of
from sonant.engine.voices import EngineVoice
from sonant.wire.versions import EMBEDDINGS_UNTIL, VERSION_QUERY

_USER = "local"
"""Who owns what is made here, where a version names an owner."""

FIRST, PAGED, LOCALES, NESTED_ACCESS, NEWEST = "2024-06-10", "2024-11-13", "2025-04-16", "2026-03-01", "2026-08-14"
"""The versions at which the shape of a voice changed; 2025-11-04 is another name of 2025-04-16."""

_COMMON = ("id", "name", "description", "created_at", "language", "notices")
_NEWER = ("is_owner", "gender", "locales", "country", "accent")
_METADATA = (*_COMMON, "tagline", "access", "visibility")


def shown(voice: EngineVoice, request: Request) -> dict[str, Any]:
    """A Voice, with what `expand[]` of the query asks for."""
    version, asked = version_of(request.scope), expanded(request)
    whole = voice.to_wire().to_wire()
    if version >= NEWEST:
        body = whole
    elif version >= NESTED_ACCESS:
        body = _part(whole, *_COMMON, *_NEWER) | _is_public(whole) | _nested_access(whole)
    elif version >= LOCALES:
        body = _part(whole, *_COMMON, *_NEWER) | _is_public(whole)
    elif version >= PAGED:
        body = _part(whole, *_COMMON, "is_owner")
    else:
        body = _part(whole, *_COMMON) | _is_public(whole) | _owner(voice)
    if version < PAGED or (version <= EMBEDDINGS_UNTIL and "embedding" in asked):
        body["embedding"] = _embedding(voice)
    if "is_starred" in asked and version >= PAGED:
        body["is_starred"] = False  # nobody stars voices here
    if "preview_file_url" in asked and version >= LOCALES:
        body["preview_file_url"] = preview_url(voice, request)
    return body


def shown_new(voice: EngineVoice, request: Request) -> dict[str, Any]:
    """The VoiceMetadata that clone and localize answer; at first they answered the whole Voice."""
    version, whole = version_of(request.scope), voice.to_wire().to_wire()
    owner = {"user_id": _USER}
    if version >= NEWEST:
        return _part(whole, *_METADATA) | owner
    body = _part(whole, *_COMMON) | _is_public(whole) | owner
    if version >= NESTED_ACCESS:
        return body | _nested_access(whole)
    return body | ({"embedding": _embedding(voice)} if version < PAGED else {})


def expanded(request: Request) -> set[str]:
    return {*request.query_params.getlist("expand[]"), *request.query_params.getlist("expand")}


def preview_url(voice: EngineVoice, request: Request) -> str:
    """Where its preview is: takes the same key, and carries the version, which who fetches a file does not send."""
    base = str(request.base_url).rstrip("/")
    return f"{base}/voices/{quote(voice.id, safe='')}/preview?{VERSION_QUERY}={version_of(request.scope)}"


def _part(whole: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: whole[name] for name in names if name in whole}


def _is_public(whole: dict[str, Any]) -> dict[str, Any]:
    return {"is_public": whole["access"] == "public"}


def _nested_access(whole: dict[str, Any]) -> dict[str, Any]:
    return {"access": {"type": whole["access"], "visibility": whole["visibility"]}}


def _owner(voice: EngineVoice) -> dict[str, Any]:
    return {"user_id": _USER} if voice.is_owner else {}


def _embedding(voice: EngineVoice) -> list[float]:
    from sonant.engine.embeddings import embedding_of

    return embedding_of(voice.timbre)
