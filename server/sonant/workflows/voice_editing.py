"""Looking closely at a voice, changing it, deleting it, its accents; and a voice mixed of others."""

import math
import re
from dataclasses import dataclass

from sonant.errors import AuthenticationError, InputError, InvalidRequestError, NotFoundError, UnknownVoiceError
from sonant.library.names import shown
from sonant.wire.voices import Accent, Gender, MixPart, MixRequest, Voice, VoiceFromEmbedding, VoiceUpdate
from sonant.workflows.state import State
from sonant.workflows.voices import (
    NAME_CHARS,
    choose_accent,
    forget,
    language_of,
    locale_of,
    may_be_made,
    noticing_deletion,
    resolve,
)

_DESCRIPTION_CHARS = 500
_MIX_MAX = 8
_WEIGHT = re.compile(r"(?P<voice>.+?)\s*[:=]\s*(?P<weight>[0-9.]+)\s*(?P<percent>%?)")
_MIXING_ENDED = "Cartesia stopped mixing voices for everyone on 1 June 2026"


@dataclass(frozen=True)
class SeenVoice:
    """A voice as it is now."""

    voice: Voice
    done: str = ""
    """What was done to it, a sentence; empty where it was only looked at."""


async def look_at(state: State, given: str) -> SeenVoice:
    """A voice by id or name, as the API tells of it now."""
    voice = await resolve(state, given)
    with noticing_deletion(state, voice):
        return SeenVoice(await (await state.api()).get_voice(voice.id))


@dataclass(frozen=True)
class VoiceChange:
    """What is to change; None leaves it."""

    name: str | None = None
    description: str | None = None
    gender: Gender | None = None
    accent: str | None = None


async def update(state: State, given: str, change: VoiceChange) -> SeenVoice:
    """
    Raises:
        InputError: nothing to change, or something that cannot be.
    """
    fields: dict[str, str] = {}
    if change.name is not None:
        fields["name"] = shown(change.name, NAME_CHARS)
        if not fields["name"]:
            raise InputError("A voice needs a name.", hint="Give `name`, or leave it out to keep it.")
    if change.description is not None:
        fields["description"] = shown(change.description, _DESCRIPTION_CHARS)
    if change.gender is not None:
        fields["gender"] = change.gender
    if not fields and change.accent is None:
        raise InputError("Say what to change: name, description, gender or accent.")
    voice = await own_voice(state, given)
    api = await state.api()
    if change.accent is not None:
        fields["accent"] = choose_accent(await _all_accents(state), None, change.accent).id
    with noticing_deletion(state, voice):
        changed = await api.update_voice(voice.id, VoiceUpdate(**fields))  # type: ignore[arg-type]
    forget(state, voice.id)
    return SeenVoice(changed, f"Changed the {' and '.join(fields)}.")


async def own_voice(state: State, given: str) -> Voice:
    """A voice that may be changed.

    Raises:
        InputError: it belongs to somebody else; UnknownVoiceError: there is none.
    """
    voice = await resolve(state, given)
    if not voice.is_owner:
        raise InputError(
            f"{_called(voice)} is not a voice of yours, so it cannot be changed or deleted.",
            hint="list_voices with mine=true shows yours.",
        )
    return voice


async def doomed_voice(state: State, given: str) -> Voice:
    """The own voice that is to be deleted: by its id or its whole name, for a near miss would be the wrong one.

    Raises:
        InputError: it belongs to somebody else; UnknownVoiceError: none is called just that.
    """
    voice = await own_voice(state, given)
    if given.strip().casefold() not in (voice.id.casefold(), voice.name.casefold()):
        raise UnknownVoiceError(
            f"No voice is called just {given.strip()[:60]!r}; the nearest is {_called(voice)} ({voice.id}).",
            hint="To delete that one, give its id.",
        )
    return voice


async def delete(state: State, voice_id: str) -> None:
    await (await state.api()).delete_voice(voice_id)
    forget(state, voice_id)


@dataclass(frozen=True)
class FoundAccents:
    accents: list[Accent]


async def accents(state: State, language: str | None) -> FoundAccents:
    """Those of the catalogue that a voice can be given, by language or locale."""
    code = language_of(language)
    api = await state.api()
    found = await api.list_accents(
        is_localizable=True,
        language=code if code and "-" not in code else None,
        locale=code if code and "-" in code else None,
    )
    return FoundAccents(found)


async def add_accent(state: State, given: str, accent: str) -> SeenVoice:
    """An own clone that also speaks with another accent."""
    voice = await own_voice(state, given)
    chosen = choose_accent(await _all_accents(state), None, accent)
    with noticing_deletion(state, voice):
        changed = await (await state.api()).add_accents(voice.id, [chosen.id])
    forget(state, voice.id)
    language = chosen.locale or chosen.language
    return SeenVoice(changed, f"It now also speaks {chosen.name}: text_to_speech with language={language}.")


async def remove_accent(state: State, given: str, accent: str) -> SeenVoice:
    voice = await own_voice(state, given)
    key = accent.strip().casefold().replace(" ", "-").replace("_", "-")
    with noticing_deletion(state, voice):
        api = await state.api()
        now = await api.get_voice(voice.id)
        own = [item for item in now.accents or [] if item.accent]
        match = next(
            (item for item in own if key in ((item.accent or "").casefold(), (item.locale or "").casefold())), None
        )
        if match is None or match.is_native:
            removable = ", ".join(item.accent or "" for item in own if not item.is_native) or "none"
            what = "is its own accent, which stays" if match else "is no accent of it"
            raise InputError(f"{accent[:40]} {what}.", hint=f"Accents of {_called(now)} to remove: {removable}.")
        changed = await api.remove_accent(voice.id, match.accent or "")
    forget(state, voice.id)
    return SeenVoice(changed, f"It no longer speaks {match.accent}.")


async def mix(state: State, mixture: str, name: str) -> SeenVoice:
    """A new voice between several.

    Raises:
        InputError: there are not two, or the service mixes none.
    """
    title = shown(name, NAME_CHARS)
    if not title:
        raise InputError("A voice needs a name.", hint="Give `name`.")
    parts = [(await resolve(state, given), weight) for given, weight in read_mixture(mixture)]
    heaviest, _ = max(parts, key=lambda part: part[1])
    api = await state.api()
    told = " and ".join(dict.fromkeys(_called(voice) for voice, _ in parts))
    try:
        mixed = await api.mix_voices(
            MixRequest(voices=[MixPart(id=voice.id, weight=weight) for voice, weight in parts])
        )
        with may_be_made():
            made = await api.create_voice_from_embedding(
                VoiceFromEmbedding(
                    name=title,
                    description=f"A mix of {told}.",
                    embedding=mixed.embedding,
                    base_voice_id=heaviest.id,
                )
            )
    except (InvalidRequestError, NotFoundError, AuthenticationError) as failure:
        if failure.status_code == 401:
            raise
        raise InputError(
            f"The voices were not mixed: {_MIXING_ENDED}, and this is a service that does not "
            f"({failure.status_code} {failure.title}).",
            hint="Make a voice with clone_voice instead, or unset CARTESIA_API_KEY to mix on the embedded engine.",
        ) from None
    locale = f", in {locale_of(heaviest)}" if locale_of(heaviest) else ""
    return SeenVoice(made, f"Mixed {told}{locale}. Use it with text_to_speech, voice={made.id}.")


def read_mixture(mixture: str) -> list[tuple[str, float]]:
    """`Katie: 0.7, Gemma: 0.3`; a voice without a weight has 1.

    Raises:
        InputError: fewer than two voices, or weights that say nothing.
    """
    hint = "Example: voices=Katie: 0.7, Gemma: 0.3."
    parts: list[tuple[str, float]] = []
    for text in filter(None, map(str.strip, re.split(r"[,;+\n]", mixture))):
        match = _WEIGHT.fullmatch(text)
        try:
            parts.append((match["voice"], float(match["weight"])) if match else (text, 1.0))
        except ValueError:
            raise InputError(f"{text[:60]!r} has no weight that is a number.", hint=hint) from None
    if not 2 <= len(parts) <= _MIX_MAX:
        raise InputError(f"Name 2 to {_MIX_MAX} voices to mix.", hint=hint)
    if not all(math.isfinite(weight) for _, weight in parts) or sum(weight > 0 for _, weight in parts) < 2:
        raise InputError("Give at least two of the voices a weight above 0.", hint=hint)
    return parts


async def _all_accents(state: State) -> list[Accent]:
    return await (await state.api()).list_accents()


def _called(voice: Voice) -> str:
    return shown(voice.name) or voice.id
