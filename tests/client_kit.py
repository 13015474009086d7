"""What tests of the API client share: a client at a scripted server, and one call of each kind."""

import io
from collections.abc import Awaitable, Callable

from scripted import ScriptedServer
from sonant.api_client.bodies import AudioBody, SpeechEvents, Upload
from sonant.api_client.client import APIClient
from sonant.api_client.connection import Connection, Deadlines, Retry
from sonant.wire.infill import InfillFields
from sonant.wire.tts import OutputFormat, SpeechEvent, SpeechRequest, StreamedSpeechRequest
from sonant.wire.voices import CloneFields, LocalizeRequest

KEY = "sk_car_PLANTED0123456789abcdef"
VOICE = "f786b574-daa5-4673-aa0c-cbe3e8534c02"
TRANSCRIPT = "The secret ingredient is nutmeg, and nobody may know."
WAV = OutputFormat(container="wav", encoding="pcm_s16le", sample_rate=44100)
RAW = OutputFormat(container="raw", encoding="pcm_s16le", sample_rate=22050)

SPEECH = SpeechRequest(model_id="sonic-3.6", transcript=TRANSCRIPT, voice=VOICE, output_format=WAV)
TIMED = StreamedSpeechRequest(
    model_id="sonic-3.6", transcript=TRANSCRIPT, voice=VOICE, output_format=RAW, add_timestamps=True
)
INFILL = InfillFields(language="en", transcript=TRANSCRIPT, voice_id=VOICE, output_format=WAV)
CLONE = CloneFields(name="Ada", language="en")
LOCALIZE = LocalizeRequest(voice_id=VOICE, name="Ada in Paris", accent="parisian")

QUICK = Deadlines(connect_s=0.3, first_byte_s=0.2, silence_s=0.2)
"""For tests that see a deadline pass."""
EAGER = Retry(base_s=0.001, cap_s=0.002)


def client_for(
    server: ScriptedServer | str,
    *,
    api_key: str | None = KEY,
    deadlines: Deadlines | None = None,
    retry: Retry = EAGER,
    deadline_s: float = 10.0,
) -> APIClient:
    base_url = server if isinstance(server, str) else server.base_url
    return APIClient(Connection(base_url, api_key, deadlines=deadlines, retry=retry, deadline_s=deadline_s))


def clip(audio_bytes: bytes = b"RIFF....WAVE", name: str = "clip.wav") -> Upload:
    return Upload(io.BytesIO(audio_bytes), name, "audio/wav")


async def all_bytes(body: AudioBody) -> bytes:
    return b"".join([piece async for piece in body])


async def speak(client: APIClient) -> bytes:
    async with client.speak(SPEECH) as body:
        return await all_bytes(body)


async def speak_with_times(client: APIClient) -> tuple[list[SpeechEvent], SpeechEvents]:
    async with client.speak_with_times(TIMED) as stream:
        return [event async for event in stream], stream


async def infill(client: APIClient) -> bytes:
    async with client.infill(INFILL, left=clip(), right=None) as body:
        return await all_bytes(body)


PAYING: dict[str, Callable[[APIClient], Awaitable[object]]] = {
    "speak": speak,
    "speak_with_times": speak_with_times,
    "infill": infill,
    "transcribe": lambda client: client.transcribe(clip()),
}
CHANGING: dict[str, Callable[[APIClient], Awaitable[object]]] = {
    "clone_voice": lambda client: client.clone_voice(CLONE, clip()),
    "localize_voice": lambda client: client.localize_voice(LOCALIZE),
    "delete_voice": lambda client: client.delete_voice(VOICE),
}
READING: dict[str, Callable[[APIClient], Awaitable[object]]] = {
    "status": lambda client: client.status(),
    "list_voices": lambda client: client.list_voices(),
    "get_voice": lambda client: client.get_voice(VOICE),
    "list_accents": lambda client: client.list_accents(),
}
CALLS = PAYING | CHANGING | READING
