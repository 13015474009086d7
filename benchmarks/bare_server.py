"""As many tools as Sonant offers by default, on the SDK's MCPServer and nothing else: what starting costs anybody."""

from mcp.server import MCPServer

server = MCPServer("bare")


@server.tool()
async def text_to_speech(transcript: str, voice: str = "", speed: float = 1.0) -> str:
    """Speak a text."""
    return ""


@server.tool()
async def transcribe(audio: str, language: str = "en") -> str:
    """Turn a recording into text."""
    return ""


@server.tool()
async def list_voices(query: str = "", limit: int = 20) -> str:
    """Find voices."""
    return ""


@server.tool()
async def clone_voice(audio: str, name: str) -> str:
    """Make a voice from a clip."""
    return ""


@server.tool()
async def localize_voice(voice: str, language: str) -> str:
    """Make a voice of the same speaker in another language."""
    return ""


@server.tool()
async def infill(transcript: str, before: str = "", after: str = "") -> str:
    """Speak words between two recordings."""
    return ""


@server.tool()
async def get_job(job_id: str, action: str = "") -> str:
    """Wait for work."""
    return ""


@server.tool()
async def get_voice(voice: str) -> str:
    """Look at a voice."""
    return ""


@server.tool()
async def update_voice(voice: str, name: str = "", description: str = "") -> str:
    """Change a voice."""
    return ""


@server.tool()
async def delete_voice(voice: str, confirm: bool = False) -> str:
    """Delete a voice."""
    return ""


@server.tool()
async def mix_voices(voices: str, name: str) -> str:
    """Mix voices."""
    return ""


@server.tool()
async def list_accents(language: str = "") -> str:
    """List accents."""
    return ""


@server.tool()
async def add_accent(voice: str, accent: str) -> str:
    """Add an accent."""
    return ""


@server.tool()
async def remove_accent(voice: str, accent: str) -> str:
    """Remove an accent."""
    return ""


@server.tool()
async def change_voice(audio: str, voice: str, format: str = "") -> str:
    """Change the voice of a recording."""
    return ""


@server.tool()
async def list_pronunciations(dictionary: str = "") -> str:
    """List dictionaries."""
    return ""


@server.tool()
async def save_pronunciations(words: str, dictionary: str = "") -> str:
    """Teach words."""
    return ""


@server.tool()
async def delete_pronunciations(dictionary: str, words: str = "") -> str:
    """Delete words."""
    return ""


if __name__ == "__main__":
    server.run()
