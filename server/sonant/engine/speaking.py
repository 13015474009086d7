"""A request for speech, checked against everything the contract says, as an utterance. Source: contract §2, §3."""

from dataclasses import dataclass

from anyio import to_thread

from sonant.audio.formats import BIT_RATES, SAMPLE_RATES, AudioFormat
from sonant.engine.accents import accent_of, find_accent
from sonant.engine.answers import refuse
from sonant.engine.dictionaries import dictionary_of
from sonant.engine.languages import speakable
from sonant.engine.lexicon import Lexicon
from sonant.engine.machinery import Machinery
from sonant.engine.synthesis import Utterance, notices
from sonant.engine.voices import EngineVoice
from sonant.errors import InputError
from sonant.wire.controls import EMOTIONS
from sonant.wire.costs import with_trained_voice
from sonant.wire.languages import normalise
from sonant.wire.markup import has_speech
from sonant.wire.models import LATE_LANGUAGES, LIVE_MODELS, REGIONAL_MODELS, RETIRED_MODELS, RETIRED_PREFIXES
from sonant.wire.notices import SYNTHETIC_NOTICE
from sonant.wire.tts import CONTAINERS, GenerationConfig, OutputFormat, SpeechRequest, VoiceEmbedding, VoiceReference
from sonant.wire.versions import EMBEDDINGS_UNTIL, REGIONS_SINCE, VERSION

FOREIGN_EMBEDDING = (
    "This embedding was not made by the offline engine, so the voice it gives here is not the one it was made from."
)


@dataclass(frozen=True)
class Order:
    """What is to be made of a request."""

    utterance: Utterance
    audio_format: AudioFormat
    notices: tuple[str, ...]
    voice_id: str | None = None
    """Of the voice that speaks, which with `--any-voice` need not be the one that was named; None of an embedding."""
    most_s: float | None = None
    """Seconds after which the speech is cut off."""
    is_pro: bool = False
    """Spoken by a trained voice."""

    def cost(self, credits: int) -> int:
        """Credits for speech that another voice would speak for so many."""
        return with_trained_voice(credits) if self.is_pro else credits

    @property
    def content_type(self) -> str:
        return content_type(self.audio_format)


def content_type(audio_format: AudioFormat) -> str:
    """Of a body in this format: headerless audio of any encoding is just bytes (contract §2.3)."""
    return "application/octet-stream" if audio_format.container == "raw" else audio_format.mime_type


async def read_order(
    wanted: SpeechRequest, machinery: Machinery, version: str = VERSION, *, open_ended: bool = False
) -> Order:
    """
    Args:
        wanted: the request.
        machinery: of the engine.
        version: the request's version date, on which it hangs what it may ask for.
        open_ended: more text will follow, so the transcript is not looked at.

    Raises:
        APIError, InputError, UnsupportedOfflineError: the request cannot be met; nothing was spoken.
    """
    wanted, ignored = _as_of(wanted, version)
    check_model(wanted.model_id)
    if not open_ended:
        check_transcript(wanted.transcript)
    if wanted.language and wanted.locale:
        raise refuse(400, "Give either `language` or `locale`, not both.")
    audio_format = check_format(wanted.output_format, version)
    _check_normalization(wanted.normalization, wanted.model_id)
    lexicon = await _lexicon(wanted.pronunciation_dict_id, wanted.model_id, machinery)
    manner = wanted.generation_config or GenerationConfig()
    if manner.emotion is not None and manner.emotion not in EMOTIONS:
        raise refuse(400, f"generation_config.emotion: use one of {', '.join(EMOTIONS)}.")
    voice = await _voice(wanted.voice, machinery, version)
    if voice.is_pro and wanted.model_id not in voice.supported_model_ids:
        raise refuse(
            400, f"The trained voice {voice.name} speaks with {', '.join(voice.supported_model_ids)} only.",
            "voice_model_mismatch",
        )  # fmt: skip
    language = _language(wanted.language or wanted.locale, wanted.accent, wanted.model_id, voice)
    utterance = Utterance(
        transcript=wanted.transcript,
        timbre=voice.timbre,
        language=language,
        speed=manner.speed or 1.0,
        volume=manner.volume or 1.0,
        emotion=manner.emotion,
        pronunciations=lexicon,
    )
    said = () if open_ended else await to_thread.run_sync(notices, utterance, limiter=machinery.threads)
    told = tuple(dict.fromkeys((SYNTHETIC_NOTICE, *voice.notices, *said, *ignored)))
    return Order(utterance, audio_format, told, voice.id or None, wanted.duration, voice.is_pro)


def _as_of(wanted: SpeechRequest, version: str) -> tuple[SpeechRequest, tuple[str, ...]]:
    """The request without the fields that its version does not know, and what there is to say of them."""
    if version >= REGIONS_SINCE:
        return wanted, ()
    unknown = [name for name in ("locale", "accent", "normalization") if getattr(wanted, name) is not None]
    told = tuple(f"`{name}` was ignored: speech takes it since version {REGIONS_SINCE}." for name in unknown)
    return wanted.model_copy(update=dict.fromkeys(unknown)), told


async def _lexicon(dictionary_id: str | None, model_id: str, machinery: Machinery) -> Lexicon | None:
    """Source: contract §8."""
    if not dictionary_id:
        return None

    def read() -> Lexicon:
        items = dictionary_of(machinery.records, dictionary_id).items
        return Lexicon(items, any_case=model_id in REGIONAL_MODELS)

    return await to_thread.run_sync(read, limiter=machinery.threads)


async def _voice(wanted: str | VoiceReference | VoiceEmbedding, machinery: Machinery, version: str) -> EngineVoice:
    if not isinstance(wanted, VoiceEmbedding):
        return await machinery.voice(wanted if isinstance(wanted, str) else wanted.id)
    if version > EMBEDDINGS_UNTIL:
        raise refuse(400, f"voice: embeddings ended with version {EMBEDDINGS_UNTIL}; give the id of a voice.")
    return await to_thread.run_sync(voice_of_embedding, wanted.embedding, limiter=machinery.threads)


def voice_of_embedding(numbers: list[float]) -> EngineVoice:
    """A voice nobody named, that speaks English until told otherwise.

    Raises:
        APIError: 400, not an embedding.
    """
    from sonant.engine.embeddings import is_ours, read_embedding, timbre_of

    try:
        embedding = read_embedding(numbers)
    except ValueError as error:
        raise refuse(400, f"embedding: {error}") from None
    accent = accent_of("en-US")
    return EngineVoice(
        id="", name="Embedding", tagline="", description="", gender=None, language="en-US", accent=accent,
        timbre=timbre_of(embedding), notices=() if is_ours(embedding) else (FOREIGN_EMBEDDING,),
    )  # fmt: skip


def check_transcript(transcript: str) -> None:
    if not transcript.strip():
        raise refuse(400, "The transcript is empty.")
    if not has_speech(transcript):
        raise refuse(400, "There is nothing to say in the transcript: no letter, no digit.")


def check_model(model_id: str) -> None:
    """Source: contract §2.1; names with a retired model's name in front are its dated snapshots."""
    if model_id in LIVE_MODELS:
        return
    if model_id in RETIRED_MODELS or model_id.startswith(RETIRED_PREFIXES):
        raise refuse(400, f"The model {model_id[:64]} has been retired; use sonic-3.6.", "model_sunsetted")
    raise refuse(404, f"There is no model {model_id[:64]!r}; use sonic-3.6.", "model_not_found")


def check_format(wanted: OutputFormat, version: str = VERSION) -> AudioFormat:
    """Source: contract §2.3."""
    if wanted.container not in CONTAINERS:
        raise refuse(400, f"output_format.container: use one of {', '.join(CONTAINERS)}.")
    if wanted.container == "raw" or (wanted.container == "wav" and version < REGIONS_SINCE):
        if wanted.encoding is None:
            raise refuse(400, f"output_format.encoding is required for {wanted.container} audio.")
        if "sample_rate" not in wanted.model_fields_set:
            raise refuse(400, f"output_format.sample_rate is required for {wanted.container} audio.")
    if wanted.sample_rate not in SAMPLE_RATES:
        raise refuse(400, f"output_format.sample_rate: use one of {', '.join(map(str, SAMPLE_RATES))}.")
    if wanted.container == "mp3" and wanted.bit_rate is not None and wanted.bit_rate not in BIT_RATES:
        raise refuse(400, f"output_format.bit_rate: use one of {', '.join(map(str, BIT_RATES))}.")
    return wanted.to_audio_format()


def check_language(language: str, model_id: str) -> str:
    """The wire's spelling of a language or locale the engine can speak."""
    known = normalise(language)
    try:
        code = speakable(known or language).code
    except InputError as error:
        raise refuse(400, str(error), "language_not_supported") from None
    if known is None:  # one of the engine's own, which only its voices name
        raise refuse(400, f"{language[:40]!r} is not a language of the API.", "language_not_supported")
    if model_id not in REGIONAL_MODELS:
        if "-" in code:
            raise refuse(400, f"Locales such as {code} need sonic-3.6; {model_id} takes languages such as {code[:2]}.")
        if code in LATE_LANGUAGES:
            raise refuse(400, f"The language {code} needs sonic-3.6.", "language_not_supported")
    return code


def _language(language: str | None, accent: str | None, model_id: str, voice: EngineVoice) -> str:
    """The voice's own variety, unless another language is asked for."""
    if accent:
        if model_id not in REGIONAL_MODELS:
            raise refuse(400, f"`accent` needs sonic-3.6; {model_id} takes a language only.")
        found = find_accent(accent)
        if found is None or (voice.accent != found and not found.is_localizable):
            raise refuse(400, f"The engine has no accent {accent[:64]!r}; GET /accents lists them.")
        return voice.language if voice.accent == found else found.speech_language
    if language is None:
        return voice.language
    code = check_language(language, model_id)
    return voice.variety(code) or code


def _check_normalization(normalization: str | None, model_id: str) -> None:
    """Source: contract §2.7. The engine reads numbers its own way whatever is pinned."""
    if normalization in (None, "auto", "off"):
        return
    if normalise(normalization or "") is None:
        raise refuse(400, "normalization: use auto, off, or a language or locale.")
    if model_id not in REGIONAL_MODELS:
        raise refuse(400, f"A language in `normalization` needs sonic-3.6; {model_id} takes auto or off.")
