"""Six tools on the SDK's MCPServer and nothing else: what starting costs anybody."""

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


if __name__ == "__main__":
    server.run()
