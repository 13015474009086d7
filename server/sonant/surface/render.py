"""What was made, as an answer. One function a kind of result."""

from functools import singledispatch
from typing import Any

from mcp_types import CallToolResult

from sonant.library.names import shown
from sonant.surface import results
from sonant.surface.results import NOWHERE, answer, fresh_notices, place, seconds, sentences, where
from sonant.wire.languages import NAMES, base_of
from sonant.wire.voices import Voice, VoiceMetadata
from sonant.workflows.changing import ChangeMade
from sonant.workflows.files import Downloaded
from sonant.workflows.filling import InfillMade
from sonant.workflows.speaking import SpeechMade
from sonant.workflows.state import State
from sonant.workflows.transcribing import TranscriptMade
from sonant.workflows.voices import FoundVoices, MadeVoice, describe, locale_of


def render(state: State, made: Any) -> CallToolResult:
    """The answer that tells of what a workflow made."""
    return renders(made, state)


@singledispatch
def renders(made: object, state: State) -> CallToolResult:
    """By the kind of what was made; other modules register their own."""
    raise TypeError(f"nothing renders a {type(made).__name__}")


def _name(voice: Voice | VoiceMetadata) -> str:
    """What a voice is called, as one line: anybody may have named it."""
    return shown(voice.name) or voice.id


def _cost(state: State, credits: int) -> str:
    return "free, made on this machine" if state.settings.embedded else f"about {credits} credits"


@renders.register
def _speech(made: SpeechMade, state: State) -> CallToolResult:
    notices = fresh_notices(state, made.notices)
    words = f"Word times: {where(state, made.words_entry)}." if made.words_entry else ""
    text = sentences(
        f"Saved {seconds(made.entry.duration_s)} of speech by {_name(made.voice)} to",
        f"{where(state, made.entry)} ({_cost(state, made.credits)}).",
        words,
        *notices,
    )
    data = results.Speech(
        **place(state, made.entry),
        duration_s=round(made.entry.duration_s or 0, 3),
        sample_rate=made.entry.sample_rate,
        voice=_name(made.voice),
        voice_id=made.voice.id,
        credits=0 if state.settings.embedded else made.credits,
        words_path=where(state, made.words_entry) if made.words_entry else None,
        notices=notices,
    )
    return answer(text, data, made.entry, made.words_entry, state=state)


@renders.register
def _infill(made: InfillMade, state: State) -> CallToolResult:
    notices = fresh_notices(state, made.notices)
    what = "the joined recording" if made.joined else "the inserted words alone"
    text = sentences(
        f"Saved {what}, {seconds(made.entry.duration_s)}, to {where(state, made.entry)}",
        f"({_cost(state, made.credits)}).",
        f"The new words run from {made.start_s:.2f} s for {made.middle_s:.2f} s." if made.joined else "",
        *notices,
    )
    data = results.Infill(
        **place(state, made.entry),
        duration_s=round(made.entry.duration_s or 0, 3),
        sample_rate=made.entry.sample_rate,
        voice=_name(made.voice),
        voice_id=made.voice.id,
        credits=0 if state.settings.embedded else made.credits,
        words_start_s=round(made.start_s, 3),
        words_duration_s=round(made.middle_s, 3),
        notices=notices,
    )
    return answer(text, data, made.entry, state=state)


@renders.register
def _changed(made: ChangeMade, state: State) -> CallToolResult:
    notices = fresh_notices(state, made.notices)
    text = sentences(
        f"Saved the recording with the voice of {_name(made.voice)}, {seconds(made.entry.duration_s)}, to",
        f"{where(state, made.entry)} ({_cost(state, made.credits)}).",
        *notices,
    )
    data = results.Sound(
        **place(state, made.entry),
        duration_s=round(made.entry.duration_s or 0, 3),
        sample_rate=made.entry.sample_rate,
        voice=_name(made.voice),
        voice_id=made.voice.id,
        credits=0 if state.settings.embedded else made.credits,
        notices=notices,
    )
    return answer(text, data, made.entry, state=state)


@renders.register
def _transcript(made: TranscriptMade, state: State) -> CallToolResult:
    notices = fresh_notices(state, made.notices)
    if not made.text:
        said = f"No speech was recognised in {seconds(made.duration_s)} of audio."
    else:
        rest = "" if made.whole else ", of which this is the beginning"
        said = f"{made.word_count} word{'s' if made.word_count > 1 else ''} in {seconds(made.duration_s)} of audio{rest}:\n\n{made.text}\n\n"
    saved = f"The whole is in {where(state, made.entry)}." if made.entry else ""
    text = sentences(said, saved, *notices)
    data = results.Transcript(
        **(place(state, made.entry) if made.entry else NOWHERE),
        text=made.text,
        whole=made.whole,
        duration_s=round(made.duration_s, 3),
        language=made.language,
        credits=0 if state.settings.embedded else made.credits,
        notices=notices,
    )
    return answer(text, data, made.entry, state=state)


@renders.register
def _downloaded(made: Downloaded, state: State) -> CallToolResult:
    name = shown(made.file.filename, 80) or made.file.id
    text = f"Saved {name}, {seconds(made.entry.duration_s)} of audio, to {where(state, made.entry)}."
    data = results.Sound(**place(state, made.entry), duration_s=round(made.entry.duration_s or 0, 3))
    return answer(text, data, made.entry, state=state)


@renders.register
def _voices(made: FoundVoices, state: State) -> CallToolResult:
    rows = [row_of(voice) for voice in made.voices]
    lines = [f"- {_name(voice)} ({describe(voice)}): {voice.id}{_about(voice)}" for voice in made.voices]
    head = f"{len(rows)} voice{'s' if len(rows) > 1 else ''}" if rows else "No voice fits; leave out a filter."
    more = f"\nMore with cursor={made.cursor}" if made.cursor else ""
    return answer("\n".join([head, *lines]) + more, results.Voices(voices=rows, next_cursor=made.cursor), state=state)


def row_of(voice: Voice) -> results.VoiceRow:
    """A voice in short."""
    about = shown(voice.tagline or voice.description, 80)
    return results.VoiceRow(
        id=voice.id,
        name=_name(voice),
        gender=voice.gender,
        locale=locale_of(voice) or None,
        about=about or None,
        mine=voice.is_owner or None,
    )


def _about(voice: Voice) -> str:
    about = shown(voice.tagline or voice.description, 80)
    return f" – {about}" if about else ""


@renders.register
def _new_voice(made: MadeVoice, state: State) -> CallToolResult:
    notices = fresh_notices(state, made.notices)
    language = base_of(made.voice.language or "")
    speaks = f" It speaks {NAMES[language]}." if language in NAMES else ""
    text = sentences(
        f"Made the voice {_name(made.voice)} with the id {made.voice.id}.{speaks}",
        f"Use it with text_to_speech, voice={made.voice.id}.",
        *notices,
    )
    data = results.NewVoice(
        voice_id=made.voice.id, name=_name(made.voice), language=made.voice.language, notices=notices
    )
    return answer(text, data, state=state)
