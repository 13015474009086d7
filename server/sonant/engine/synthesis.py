"""Text to speech on this machine: a transcript in, pieces of sound with their word times out, sentence by sentence."""

from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import anyio
import numpy as np
from anyio import to_thread

from sonant.engine import espeak
from sonant.engine.emotions import prosody_of
from sonant.engine.espeak import SAMPLE_RATE, EspeakPool, Speech
from sonant.engine.languages import Language, check_script, speakable
from sonant.engine.lexicon import Lexicon
from sonant.engine.markup import Inline, Manner
from sonant.engine.pieces import Piece, TimedPhoneme, TimedWord
from sonant.engine.pronounce import Pronouncer
from sonant.engine.scripts import foreign_script_notice
from sonant.engine.shaping import SPEECH_LEVEL_DBFS, apply_filter, speech_level_dbfs
from sonant.engine.speaker import Speaker, Spoken, Stretch
from sonant.engine.text import Script, Sentence, Silence, read_script, speakable_form
from sonant.engine.timbre import Timbre
from sonant.engine.timing import WordTimes, Written, split_at_events
from sonant.errors import InputError

__all__ = ["SAMPLE_RATE", "Piece", "Synthesiser", "TimedPhoneme", "TimedWord", "Utterance", "notices"]

_LEVEL_CHECK = "The boy was there when the sun rose, and a rod is used to catch pink salmon."
_LEVELS_KEPT = 256


@dataclass(frozen=True)
class Utterance:
    """What is to be said, by whom and how."""

    transcript: str
    timbre: Timbre
    language: str
    """Wire code or locale."""
    speed: float = 1.0
    """0.6 to 1.5."""
    volume: float = 1.0
    """0.5 to 2.0."""
    emotion: str | None = None
    pronunciations: Lexicon | None = None
    """Words to be said otherwise than they are written."""


def read_utterance(utterance: Utterance) -> tuple[Language, Script]:
    """Everything that can be refused without speaking, refused.

    Raises:
        InputError: nothing to say, unknown language or emotion.
        UnsupportedOfflineError: a script the engine cannot read.
    """
    language = speakable(utterance.language)
    prosody_of(utterance.emotion)
    manner = Manner(utterance.speed, utterance.volume, utterance.emotion)
    script = read_script(utterance.transcript, language.code[:2], manner, utterance.pronunciations)
    if not script.is_speakable:
        raise InputError("There is nothing to say in that transcript.", hint="Give at least one word.")
    check_script(language, script.plain)
    return language, script


def notices(utterance: Utterance) -> tuple[str, ...]:
    """What an answer must confess, as plain sentences; raises as read_utterance does. Pure, a few ms per 100 kB."""
    language, script = read_utterance(utterance)
    said = (language.note, foreign_script_notice(language, script.plain), *script.notices)
    return tuple(notice for notice in said if notice)


class Synthesiser:
    """Speaks in worker processes, several utterances at once. Use as an async context manager: leaving ends them."""

    def __init__(self, workers: int = 2) -> None:
        self._pool = EspeakPool(workers)
        self._pronouncer = Pronouncer(self._pool)
        self._threads = anyio.CapacityLimiter(workers)
        self._levels: OrderedDict[Timbre, float] = OrderedDict()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._pool.aclose()

    async def speak(self, utterance: Utterance) -> AsyncIterator[Piece]:
        """Say it, piece by piece; nothing is said ahead of what the caller has taken.

        Raises:
            InputError: nothing to say; unknown language, emotion or sound.
            EngineError: the synthesiser failed on a sentence, twice.
        """
        language, script = await to_thread.run_sync(read_utterance, utterance, limiter=self._threads)
        speaker = await self.speaker(utterance.timbre, language)
        for step in script.steps:
            if isinstance(step, Silence):
                for piece in speaker.pause(step.duration_s):
                    yield piece
            else:
                yield await self.say(Stretch(step), speaker)
        if (rest := speaker.finish()) is not None:
            yield rest

    async def speaker(self, timbre: Timbre, language: Language) -> Speaker:
        """One who says one thing after another in one sound."""
        return Speaker(timbre, language, await self._voice_db(timbre))

    async def say(self, stretch: Stretch, speaker: Speaker) -> Piece:
        """
        Raises:
            InputError: a sound nobody knows.
            EngineError: the synthesiser failed on it, twice.
        """
        spoken = await self._read(stretch.sentence, speaker.language, speaker.timbre)
        return await to_thread.run_sync(speaker.say, spoken, stretch.first, stretch.after, limiter=self._threads)

    async def _read(self, sentence: Sentence, language: Language, timbre: Timbre) -> Spoken:
        prosody = prosody_of(sentence.manner.emotion)
        text, flags, written = await self._render(sentence, language)
        speech = await self._pool.speak(
            language.espeak,
            timbre.felt(prosody).voice_lines(),
            text,
            wpm=timbre.wpm * sentence.manner.speed * prosody.pace,
            flags=flags,
        )
        times = WordTimes(written if language.spaced else split_at_events(written, text, speech), speech)
        alone: Mapping[str, str] = {}
        if lacking := list(dict.fromkeys(map(speakable_form, times.lacking))):
            ipa = await self._pool.phonemes(language.espeak, lacking)
            alone = dict(zip(lacking, ipa, strict=True))
        return Spoken(sentence.manner, speech, times.resolve(alone))

    async def _render(self, sentence: Sentence, language: Language) -> tuple[str, int, list[Written]]:
        """The text for the synthesiser, its flags, and where each word stands in it."""
        inlines = [part for token in sentence.tokens for part in token.parts if isinstance(part, Inline)]
        flags = (espeak.SSML if any(part.kind == "spell" for part in inlines) else 0) | (
            espeak.PHONEMES if any(part.kind == "ipa" for part in inlines) else 0
        )
        text = ""
        written = []
        for index, token in enumerate(sentence.tokens):
            start = len(text)
            for part in token.parts:
                text += await self._form(part, language, escaped=bool(flags & espeak.SSML))
            written.append(Written(token.word, start, len(text), index))
            text += " "
        return text, flags, written

    async def _form(self, part: str | Inline, language: Language, *, escaped: bool) -> str:
        if isinstance(part, Inline) and part.kind == "ipa":
            return await self._pronouncer.in_brackets(part.value, language)
        form = speakable_form(part if isinstance(part, str) else part.value)
        if escaped:
            form = form.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        if isinstance(part, Inline) and part.kind == "spell":
            return f'<say-as interpret-as="characters">{form}</say-as>'
        return form

    async def _voice_db(self, timbre: Timbre) -> float:
        """Gain that brings this voice to the level all voices have; measured once per voice, 5 ms."""
        if timbre not in self._levels:
            speech = await self._pool.speak("gmw/en-US", timbre.voice_lines(), _LEVEL_CHECK, wpm=timbre.wpm)
            level_dbfs = await to_thread.run_sync(_level_of, speech, timbre.fir, limiter=self._threads)
            self._levels[timbre] = SPEECH_LEVEL_DBFS - level_dbfs
            while len(self._levels) > _LEVELS_KEPT:
                self._levels.popitem(last=False)
        return self._levels[timbre]


def _level_of(speech: Speech, fir: tuple[float, ...] | None) -> float:
    samples = apply_filter(speech.samples, np.asarray(fir, np.float32)) if fir else speech.samples
    return speech_level_dbfs(samples, SAMPLE_RATE)
