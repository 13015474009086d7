"""What integrations send although no documentation names it."""

import base64
import json

from websockets.sync.client import connect

from engine_fixture import KATIE, Engine


def test_rasa_ends_its_text_with_a_bare_flush(engine: Engine) -> None:
    """No transcript and no `continue`: what was said so far is spoken, and the context ends. Source: rasa-pro 3.21.0."""
    same = {
        "model_id": "sonic-3.6", "voice": {"mode": "id", "id": KATIE}, "language": "en", "context_id": "response-1",
        "output_format": {"container": "raw", "encoding": "pcm_mulaw", "sample_rate": 8000},
    }  # fmt: skip
    headers = {"Cartesia-Version": "2026-03-01", "X-API-Key": engine.api_key}
    frames = 0
    with connect(f"{engine.base_url.replace('http', 'ws', 1)}/tts/websocket", additional_headers=headers) as socket:
        socket.send(json.dumps(same | {"transcript": "How are you?", "continue": True, "add_timestamps": True}))
        socket.send(json.dumps(same | {"flush": True}))
        while (event := json.loads(socket.recv(timeout=30)))["type"] != "done":
            assert event["type"] != "error", event
            frames += len(base64.b64decode(event.get("data", "")))
    assert frames > 4000
