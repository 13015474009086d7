"""Every parameter of every tool, once: description, bounds, unit.

Optional ones are typed `X | None` so that an explicit null means the default, and shown flat: hosts stumble over
nullable unions, and they cost tokens.
"""

import json
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from sonant.audio.formats import PRESETS, SAMPLE_RATES
from sonant.wire.controls import SPEED_RANGE, VOLUME_RANGE


def flat(kind: str, description: str, **more: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": kind, **more, "description": description})


def text(description: str, **more: Any) -> WithJsonSchema:
    return flat("string", description, **more)


def lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def whole(value: object) -> object:
    return int(value) if isinstance(value, str) and value.strip().isdecimal() else value


def _gender(value: object) -> object:
    words = {
        "male": "masculine",
        "man": "masculine",
        "female": "feminine",
        "woman": "feminine",
        "neutral": "gender_neutral",
    }
    return words.get(value.strip().lower(), value.strip().lower()) if isinstance(value, str) else value


def _lines(value: object) -> object:
    """A list of lines, or an object of words, as the text it stands for."""
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "\n".join(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value


AUDIO_REFERENCE = "path, https:// URL or audio:// id"

Transcript = Annotated[
    str,
    text('Any length; may hold <break time="1s"/>, <spell>AB1</spell>, <speed ratio="0.8"/>, <emotion value="sad"/>'),
]
Missing = Annotated[str, text("The words to insert")]
Voice = Annotated[str | None, text("Name or id")]
RequiredVoice = Annotated[str, text("Name or id")]
Language = Annotated[str | None, text("Such as fr or en-GB; default: the voice's")]
SpokenLanguage = Annotated[str | None, text("Language spoken in it; default en")]
TargetLanguage = Annotated[str | None, text("Such as fr or en-GB")]
AccentFilter = Annotated[str | None, text("Accent such as british")]
LanguageFilter = Annotated[str | None, text("Code or locale")]
Format = Annotated[
    Literal["mp3", "wav", "flac", "ogg", "raw", "mulaw_8000", "alaw_8000"] | None,
    BeforeValidator(lower),
    text("Default mp3; the last three have no header", enum=list(PRESETS)),
]
SampleRate = Annotated[
    Literal[8000, 16000, 22050, 24000, 44100, 48000] | None,
    BeforeValidator(whole),
    flat("integer", "Hz; default 44100", enum=list(SAMPLE_RATES)),
]
Speed = Annotated[
    float | None,
    Field(ge=SPEED_RANGE[0], le=SPEED_RANGE[1]),
    flat("number", "1 is normal", minimum=SPEED_RANGE[0], maximum=SPEED_RANGE[1]),
]
Volume = Annotated[
    float | None,
    Field(ge=VOLUME_RANGE[0], le=VOLUME_RANGE[1]),
    flat("number", "1 is normal", minimum=VOLUME_RANGE[0], maximum=VOLUME_RANGE[1]),
]
Emotion = Annotated[str | None, text("neutral, calm, happy, sad, angry, excited, …")]
Model = Annotated[str | None, text("Rarely needed")]
DictionaryId = Annotated[str | None, text("Dictionary's name or id")]
Dictionary = Annotated[str | None, text("Name or id")]
RequiredDictionary = Annotated[str, text("Name or id")]
Words = Annotated[
    str,
    BeforeValidator(_lines),
    text("Lines: word = <<k|ɑ|ɹ>> (IPA, <<>> for each word) or text that sounds like it"),
]
WordsToDelete = Annotated[str | None, BeforeValidator(_lines), text("Only these, one a line")]
CaseSensitive = Annotated[bool | None, flat("boolean", "US is not us")]
Timestamps = Annotated[bool | None, flat("boolean", "Also save word times")]
Filename = Annotated[str | None, text("Without ending")]
Audio = Annotated[str, text(AUDIO_REFERENCE.capitalize())]
Before = Annotated[str | None, text(f"Recording before: {AUDIO_REFERENCE}")]
After = Annotated[str | None, text("Recording after")]
Join = Annotated[bool | None, flat("boolean", "One file: before, new words, after")]
Live = Annotated[bool | None, flat("boolean", "Wav or pipe being written")]
TranscriptFormat = Annotated[
    Literal["text", "srt", "vtt", "json"] | None,
    BeforeValidator(lower),
    text("Default text; json has word times", enum=["text", "srt", "vtt", "json"]),
]
Query = Annotated[str | None, text("In name or description")]
Gender = Annotated[
    Literal["masculine", "feminine", "gender_neutral"] | None,
    BeforeValidator(_gender),
    text("Of the voice", enum=["masculine", "feminine", "gender_neutral"]),
]
Mine = Annotated[bool | None, flat("boolean", "Only own voices")]
Limit = Annotated[int | None, Field(ge=1, le=100), flat("integer", "Default 20", minimum=1, maximum=100)]
Cursor = Annotated[str | None, text("next_cursor")]
NewName = Annotated[str, text("What to call the voice")]
OptionalName = Annotated[str | None, text("What to call the new voice")]
Description = Annotated[str | None, text("What it sounds like")]
Confirm = Annotated[bool | None, flat("boolean", "The person agreed")]
VoiceGender = Annotated[
    Literal["masculine", "feminine", "gender_neutral"] | None,
    BeforeValidator(_gender),
    text("Of the speaker", enum=["masculine", "feminine", "gender_neutral"]),
]
Mixture = Annotated[str, text("Such as Katie: 0.7, Gemma: 0.3")]
AccentId = Annotated[str, text("Such as british")]
OwnAccent = Annotated[str | None, text("Of the speaker, such as british")]
Recordings = Annotated[
    str,
    text(f"One a line: {AUDIO_REFERENCE}, or a folder. Half an hour or more of one speaker, clean and varied"),
]
TrainingDescription = Annotated[str | None, text("Of the voice")]
Training = Annotated[str, text("Id or name")]
Wait = Annotated[bool | None, flat("boolean", "Wait for its end, as long as a call may take")]
CostConfirm = Annotated[bool | None, flat("boolean", "The person agreed to the cost")]
JobId = Annotated[str, text("From the result that named it")]
JobAction = Annotated[
    Literal["wait", "read", "cancel"] | None,
    BeforeValidator(lower),
    text("Default wait", enum=["wait", "read", "cancel"]),
]
