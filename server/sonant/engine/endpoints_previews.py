"""`GET /voices/{id}/preview`: where `preview_file_url` leads. Source: contract §6.1."""

from starlette.requests import Request
from starlette.responses import Response

from sonant.audio.formats import AudioFormat
from sonant.engine.answers import add_headers
from sonant.engine.machinery import Machinery, machinery_of
from sonant.engine.previews import Preview
from sonant.engine.sounding import body_of, sound_of
from sonant.engine.synthesis import Utterance
from sonant.wire.notices import SYNTHETIC_NOTICE

_FORMAT = AudioFormat("mp3", 44100, bit_rate=128000)


async def get_preview(request: Request) -> Response:
    """Free, and the same each time until the voice is changed."""
    machinery = machinery_of(request)
    voice = await machinery.voice(request.path_params["id"])
    preview = Preview(voice.timbre, voice.language)
    audio_bytes = await machinery.previews.get(preview, lambda: _spoken(preview, machinery))
    response = Response(audio_bytes, media_type=_FORMAT.mime_type)
    add_headers(response.headers, request.scope, (SYNTHETIC_NOTICE, *voice.confessions()))
    return response


async def _spoken(preview: Preview, machinery: Machinery) -> bytes:
    synthesiser = await machinery.synthesiser()
    sound = sound_of(synthesiser.speak(Utterance(preview.transcript, preview.timbre, preview.language)))
    return b"".join([part async for part in body_of(sound, _FORMAT, machinery.threads)])
