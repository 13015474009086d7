"""Every parameter of every tool, once: description, bounds, unit.

Optional ones are typed `X | None` so that an explicit null means the default, and shown flat: hosts stumble over
nullable unions, and they cost tokens.
"""

import json
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, WithJsonSchema

from sonant.audio.formats import PRESETS, SAMPLE_RATES
from sonant.wire.account import TOKEN_LONGEST_S
from sonant.wire.files import Purpose
from sonant.wire.tts import SPEED_RANGE, VOLUME_RANGE


def _flat(kind: str, description: str, **more: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": kind, **more, "description": description})


def _text(description: str, **more: Any) -> WithJsonSchema:
    return _flat("string", description, **more)


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _whole(value: object) -> object:
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
    _text('Any length; may hold <break time="1s"/>, <spell>AB1</spell>, <speed ratio="0.8"/>, <emotion value="sad"/>'),
]
Missing = Annotated[str, _text("The words to insert")]
Voice = Annotated[str | None, _text("Name or id")]
RequiredVoice = Annotated[str, _text("Name or id")]
Language = Annotated[str | None, _text("Such as fr or en-GB; default: the voice's")]
SpokenLanguage = Annotated[str | None, _text("Language spoken in it; default en")]
TargetLanguage = Annotated[str | None, _text("Such as fr or en-GB")]
AccentFilter = Annotated[str | None, _text("Accent such as british")]
LanguageFilter = Annotated[str | None, _text("Code or locale")]
Format = Annotated[
    Literal["mp3", "wav", "flac", "ogg", "raw", "mulaw_8000", "alaw_8000"] | None,
    BeforeValidator(_lower),
    _text("Default mp3; the last three have no header", enum=list(PRESETS)),
]
SampleRate = Annotated[
    Literal[8000, 16000, 22050, 24000, 44100, 48000] | None,
    BeforeValidator(_whole),
    _flat("integer", "Hz; default 44100", enum=list(SAMPLE_RATES)),
]
Speed = Annotated[
    float | None,
    Field(ge=SPEED_RANGE[0], le=SPEED_RANGE[1]),
    _flat("number", "1 is normal", minimum=SPEED_RANGE[0], maximum=SPEED_RANGE[1]),
]
Volume = Annotated[
    float | None,
    Field(ge=VOLUME_RANGE[0], le=VOLUME_RANGE[1]),
    _flat("number", "1 is normal", minimum=VOLUME_RANGE[0], maximum=VOLUME_RANGE[1]),
]
Emotion = Annotated[str | None, _text("neutral, calm, happy, sad, angry, excited, …")]
Model = Annotated[str | None, _text("Rarely needed")]
DictionaryId = Annotated[str | None, _text("Dictionary's name or id")]
Dictionary = Annotated[str | None, _text("Name or id")]
RequiredDictionary = Annotated[str, _text("Name or id")]
Words = Annotated[
    str,
    BeforeValidator(_lines),
    _text("Lines: word = <<k|ɑ|ɹ>> (IPA, <<>> for each word) or text that sounds like it"),
]
WordsToDelete = Annotated[str | None, BeforeValidator(_lines), _text("Only these, one a line")]
CaseSensitive = Annotated[bool | None, _flat("boolean", "US is not us")]
Timestamps = Annotated[bool | None, _flat("boolean", "Also save word times")]
Filename = Annotated[str | None, _text("Without ending")]
Audio = Annotated[str, _text(AUDIO_REFERENCE.capitalize())]
Before = Annotated[str | None, _text(f"Recording before: {AUDIO_REFERENCE}")]
After = Annotated[str | None, _text("Recording after")]
Join = Annotated[bool | None, _flat("boolean", "One file: before, new words, after")]
Live = Annotated[bool | None, _flat("boolean", "Wav or pipe being written")]
TranscriptFormat = Annotated[
    Literal["text", "srt", "vtt", "json"] | None,
    BeforeValidator(_lower),
    _text("Default text; json has word times", enum=["text", "srt", "vtt", "json"]),
]
Query = Annotated[str | None, _text("In name or description")]
FileQuery = Annotated[str | None, _text("In its name")]
FilePurpose = Annotated[
    Purpose | None,
    BeforeValidator(_lower),
    _text("tts_generation is saved speech", enum=list(get_args(Purpose))),
]
FileId = Annotated[str, _text("From list_files")]
Gender = Annotated[
    Literal["masculine", "feminine", "gender_neutral"] | None,
    BeforeValidator(_gender),
    _text("Of the voice", enum=["masculine", "feminine", "gender_neutral"]),
]
Mine = Annotated[bool | None, _flat("boolean", "Only own voices")]
Limit = Annotated[int | None, Field(ge=1, le=100), _flat("integer", "Default 20", minimum=1, maximum=100)]
Cursor = Annotated[str | None, _text("next_cursor")]
NewName = Annotated[str, _text("What to call the voice")]
OptionalName = Annotated[str | None, _text("What to call the new voice")]
Description = Annotated[str | None, _text("What it sounds like")]
Confirm = Annotated[bool | None, _flat("boolean", "The person agreed")]
VoiceGender = Annotated[
    Literal["masculine", "feminine", "gender_neutral"] | None,
    BeforeValidator(_gender),
    _text("Of the speaker", enum=["masculine", "feminine", "gender_neutral"]),
]
Mixture = Annotated[str, _text("Such as Katie: 0.7, Gemma: 0.3")]
AccentId = Annotated[str, _text("Such as british")]
OwnAccent = Annotated[str | None, _text("Of the speaker, such as british")]
Recordings = Annotated[
    str,
    _text(f"One a line: {AUDIO_REFERENCE}, or a folder. Half an hour or more of one speaker, clean and varied"),
]
TrainingDescription = Annotated[str | None, _text("Of the voice")]
Training = Annotated[str, _text("Id or name")]
Wait = Annotated[bool | None, _flat("boolean", "Wait for its end, as long as a call may take")]
CostConfirm = Annotated[bool | None, _flat("boolean", "The person agreed to the cost")]
JobId = Annotated[str, _text("From the result that named it")]
JobAction = Annotated[
    Literal["wait", "read", "cancel"] | None,
    BeforeValidator(_lower),
    _text("Default wait", enum=["wait", "read", "cancel"]),
]

Period = Annotated[
    Literal["today", "week", "month", "year"] | None,
    BeforeValidator(_lower),
    _text("Up to now; default month, 30 days", enum=["today", "week", "month", "year"]),
]
GroupBy = Annotated[
    Literal["capability", "model", "voice", "api_key"] | None,
    BeforeValidator(_lower),
    _text("Tell apart by this", enum=["capability", "model", "voice", "api_key"]),
]
TokenGrants = Annotated[str | None, _text("tts, stt or both; default tts")]
TokenSeconds = Annotated[
    int | None,
    BeforeValidator(_whole),
    Field(ge=1, le=TOKEN_LONGEST_S),
    _flat("integer", "How long it is valid; default 60", minimum=1, maximum=TOKEN_LONGEST_S),
]
