"""Finding a voice by what a person calls it, and making new ones."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sonant.errors import InputError, NotFoundError, RemoteWireError, ServerError, UnknownVoiceError
from sonant.library.names import shown
from sonant.wire.languages import NAMES, base_of, main_locale, normalise
from sonant.wire.voices import PUBLIC_VOICES, Accent, CloneFields, LocalizeRequest, Voice, VoiceMetadata, VoicePage
from sonant.workflows.clips import as_clip
from sonant.workflows.jobs import Progress
from sonant.workflows.state import State

_REMEMBERED_S = 600
"""How long a looked-up voice is believed; a voice deleted meanwhile is found out by the API's 404."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
NAME_CHARS = 200
"""A name is one printable line; it is told again wherever the voice is."""
_PAGE = 100
_MOST_PAGES = 20
_FIND = "Find one with list_voices."


def language_of(language: str | None) -> str | None:
    """The wire's spelling of a language; None stays None.

    Raises:
        InputError: there is no such language.
    """
    if language is None:
        return None
    found = normalise(language)
    if found is None:
        raise InputError(
            f"There is no language {language[:40]!r} here.",
            hint=f"Use a code such as {', '.join(list(NAMES)[:8])}, or a locale such as en-GB.",
        )
    return found


async def resolve(state: State, given: str | None, language: str | None = None) -> Voice:
    """The one voice meant by an id, a name, or nothing.

    Args:
        state: the process state.
        given: id or name, matched loosely; None for the default voice.
        language: code or locale the default voice should be native in.

    Raises:
        UnknownVoiceError: none or several answer to it.
    """
    wanted = (given or "").strip()
    if not wanted:
        return await _default(state, language)
    key = wanted.casefold()
    known = state.voices.get(key)
    if known and time.monotonic() - known[0] < _REMEMBERED_S:
        return known[1]
    voice = await (_by_id(state, wanted) if _UUID.fullmatch(wanted) else _by_name(state, wanted))
    state.voices[key] = (time.monotonic(), voice)
    return voice


@contextmanager
def noticing_deletion(state: State, voice: Voice) -> Iterator[None]:
    """Around what uses a voice: one the API no longer knows is forgotten here too, and told by its name.

    Raises:
        UnknownVoiceError: it was deleted since it was looked up.
    """
    try:
        yield
    except NotFoundError as failure:
        if failure.error_code != "voice_not_found":
            raise
        forget(state, voice.id)
        raise UnknownVoiceError(f"The voice {voice.name or voice.id} no longer exists.", hint=_FIND) from None


def forget(state: State, voice_id: str) -> None:
    """Look the voice up again next time, whatever it was called."""
    for key in [key for key, (_, known) in state.voices.items() if known.id == voice_id]:
        del state.voices[key]


@contextmanager
def may_be_made() -> Iterator[None]:
    """Around what makes a voice: after a failure at the far end nobody knows whether it was made, so look first."""
    try:
        yield
    except (ServerError, RemoteWireError) as failure:
        failure.hint = (
            "The voice may have been made all the same: look with list_voices, mine=true, before another try."
        )
        raise


async def _default(state: State, language: str | None) -> Voice:
    if state.settings.voice:
        return await resolve(state, state.settings.voice)
    if language is None or base_of(language) == "en":
        try:
            return await resolve(state, PUBLIC_VOICES["Katie"])
        except UnknownVoiceError:
            language = language or "en"
    key = f"first of {language}"
    known = state.voices.get(key)
    if known and time.monotonic() - known[0] < _REMEMBERED_S:
        return known[1]
    api = await state.api()
    for wanted in dict.fromkeys((language, base_of(language))):
        page = await api.list_voices(language=wanted, limit=_PAGE)
        public = [voice for voice in page.data if not voice.is_owner]
        native = [voice for voice in public if _is_native(voice, wanted)]
        if found := (native or public or page.data):
            state.voices[key] = (time.monotonic(), found[0])
            return found[0]
    raise UnknownVoiceError(f"There is no voice for {NAMES.get(base_of(language), language)}.", hint=_FIND)


def _is_native(voice: Voice, language: str) -> bool:
    accents = [accent for accent in (voice.accents or voice.locales or []) if accent.is_native]
    if not accents:
        return bool(voice.language) and base_of(voice.language or "") == base_of(language)
    locales = [accent.locale or "" for accent in accents]
    return any(locale == language if "-" in language else base_of(locale) == language for locale in locales)


async def _by_id(state: State, voice_id: str) -> Voice:
    try:
        return await (await state.api()).get_voice(voice_id)
    except NotFoundError:
        raise UnknownVoiceError(f"There is no voice with the id {voice_id}.", hint=_FIND) from None


async def _by_name(state: State, name: str) -> Voice:
    api = await state.api()
    page = await api.list_voices(q=name, limit=_PAGE)
    key = name.casefold()
    exact = [voice for voice in page.data if voice.name.casefold() == key or voice.id.casefold() == key]
    begins = [voice for voice in page.data if voice.name.casefold().startswith(key)]
    contains = [voice for voice in page.data if key in voice.name.casefold()]
    candidates = exact or begins or contains
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        told = "; ".join(f"{voice.name} ({describe(voice)}): {voice.id}" for voice in candidates[:8])
        raise UnknownVoiceError(f"Several voices answer to {name[:60]!r}: {told}.", hint="Name one by its id.")
    from rapidfuzz import fuzz, process

    names = {voice.id: voice.name for voice in (await api.list_voices(limit=_PAGE)).data}
    close = process.extract(name, names, scorer=fuzz.WRatio, limit=3, score_cutoff=60)
    hint = f"Did you mean {' or '.join(dict.fromkeys(match[0] for match in close))}? " if close else ""
    raise UnknownVoiceError(f"There is no voice named {name[:60]!r}.", hint=hint + _FIND)


def describe(voice: Voice) -> str:
    """`feminine, en-GB`: what tells two voices of one name apart."""
    return ", ".join(part for part in (voice.gender, locale_of(voice)) if part) or "no details"


def locale_of(voice: Voice) -> str:
    """The locale or language a voice is native in."""
    accents = voice.accents or voice.locales or []
    native = next((accent.locale for accent in accents if accent.is_native and accent.locale), None)
    return native or voice.language or ""


@dataclass(frozen=True)
class VoiceQuery:
    """What to look for; None matches all."""

    query: str | None = None
    language: str | None = None
    accent: str | None = None
    gender: str | None = None
    mine: bool | None = None
    limit: int = 20
    cursor: str | None = None


@dataclass(frozen=True)
class FoundVoices:
    voices: list[Voice]
    cursor: str | None
    """Where to go on; None at the end."""


async def search(state: State, wanted: VoiceQuery) -> FoundVoices:
    """Voices that match, in pages of `limit`."""
    language = language_of(wanted.language)
    api = await state.api()
    found: list[Voice] = []
    cursor = wanted.cursor
    # The wire has no filter by accent, so pages are read on until enough match.
    for _ in range(_MOST_PAGES):
        page: VoicePage = await api.list_voices(
            q=wanted.query,
            language=language,
            gender=wanted.gender,
            is_owner=wanted.mine,
            limit=_PAGE if wanted.accent else wanted.limit,
            starting_after=cursor,
        )
        for index, voice in enumerate(page.data):
            if wanted.accent and not _speaks(voice, wanted.accent):
                continue
            found.append(voice)
            if len(found) == wanted.limit:
                more = page.has_more or index + 1 < len(page.data)
                return FoundVoices(found, voice.id if more else None)
        if not page.data or not page.has_more:
            return FoundVoices(found, None)
        cursor = page.data[-1].id
    return FoundVoices(found, cursor)


def _speaks(voice: Voice, accent: str) -> bool:
    key = accent.casefold().replace("_", "-")
    accents = voice.accents or voice.locales or []
    names = [voice.accent or "", *(item.accent or "" for item in accents), *(item.locale or "" for item in accents)]
    return any(key.replace(" ", "-") in name.casefold() for name in names)


@dataclass(frozen=True)
class MadeVoice:
    voice: VoiceMetadata
    notices: tuple[str, ...]


async def clone(
    state: State, reference: str, name: str, language: str | None, description: str | None, progress: Progress
) -> MadeVoice:
    """A voice from a clip.

    Raises:
        InputError: the name is empty, or the clip is not usable.
    """
    title = shown(name, NAME_CHARS)
    if not title:
        raise InputError("A voice needs a name.", hint="Give `name`.")
    spoken = language_of(language) or "en"
    async with state.library.open_audio(reference) as opened, as_clip(opened) as (upload, notes):
        api = await state.api()
        progress.report(0, 1, "sending the clip")
        fields = CloneFields(name=title, language=base_of(spoken), description=shown(description or "", 500) or None)
        with may_be_made():
            made = await api.clone_voice(fields, upload)
    return MadeVoice(made, (*notes, *(made.notices or ())))


async def localize(state: State, voice: str, language: str | None, accent: str | None, name: str | None) -> MadeVoice:
    """The same speaker in another language or accent.

    Raises:
        InputError: neither or no such language or accent.
    """
    if not (language or accent):
        raise InputError("Say into what: `language` or `accent` is needed.", hint='Example: language="fr".')
    spoken = language_of(language)
    source = await resolve(state, voice)
    api = await state.api()
    target = choose_accent(await api.list_accents(), spoken, accent)
    title = shown(name or "", NAME_CHARS) or f"{source.name} ({target.name})"
    with noticing_deletion(state, source), may_be_made():
        made = await api.localize_voice(LocalizeRequest(voice_id=source.id, name=title, accent=target.id))
    return MadeVoice(made, tuple(made.notices or ()))


def choose_accent(catalogue: list[Accent], language: str | None, accent: str | None) -> Accent:
    """The one accent meant by a language, by an id, locale or name matched loosely, or by both.

    Raises:
        InputError: none or several answer to it.
    """
    usable = [item for item in catalogue if item.is_localizable]
    if accent:
        key = accent.casefold().replace(" ", "-").replace("_", "-")
        fitting = [item for item in usable if key in (item.id.casefold(), (item.locale or "").casefold())] or [
            item for item in usable if key in item.id.casefold() or key in item.name.casefold().replace(" ", "-")
        ]
    else:
        assert language is not None
        fitting = [item for item in usable if item.locale == language or item.language == base_of(language)]
        meant = language if "-" in language else main_locale(language)
        fitting.sort(key=lambda item: (item.locale != meant, not item.is_locale_default, item.id))
    if language:
        fitting = [item for item in fitting if item.language == base_of(language)]
    if not fitting or (accent and len(fitting) > 1):
        named = sorted({item.id for item in (fitting or usable)})
        wanted = " ".join(part for part in (accent, language) if part)[:60]
        raise InputError(
            f"{'Several accents answer' if fitting else 'No accent answers'} to {wanted!r}.",
            hint=f"Choose one of: {', '.join(named)}.",
        )
    return fitting[0]
