"""The guides as resources, and as a prompt for hosts that show no resources."""

from typing import Annotated

import anyio.to_thread
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS
from pydantic import Field

from sonant.errors import InputError, SpeechError, UnknownVoiceError
from sonant.surface.boundary import state_of
from sonant.workflows.state import State

_NAMES = "livekit, pipecat, twilio, rasa, thoughtly, browser"


def add_guides(server: MCPServer[State]) -> None:
    """Register both."""

    @server.resource(
        "guide://{integration}{?voice,language,format}",
        name="guide",
        description=f"How to speak with a voice from other software: {_NAMES}",
        mime_type="text/markdown",
    )
    async def read_guide(
        ctx: Context[State], integration: str, voice: str = "", language: str = "", format: str = ""
    ) -> str:
        try:
            return await _guide(state_of(ctx), integration, voice, language, format)
        except UnknownVoiceError as failure:
            raise ResourceError(str(failure)) from None
        except InputError as failure:
            raise ResourceNotFoundError(str(failure)) from None
        except SpeechError as failure:
            raise ResourceError(str(failure)) from None

    @server.prompt(
        title="Integrate a voice", description=f"Speak with a voice from {_NAMES.replace('browser', 'a browser')}"
    )
    async def integrate(
        ctx: Context[State],
        integration: Annotated[str, Field(description=_NAMES)],
        voice: Annotated[str, Field(description="Name or id; default: the usual one")] = "",
        language: Annotated[str, Field(description="Such as fr; default: the voice's")] = "",
    ) -> str:
        try:
            text = await _guide(state_of(ctx), integration, voice, language, "")
        except SpeechError as failure:
            raise MCPError(INVALID_PARAMS, str(failure)) from None
        return f"Set this up in my project. Keep keys in the environment, never in code.\n\n{text}"


async def _guide(state: State, integration: str, voice: str, language: str, format: str) -> str:
    from sonant.surface.guides import check_integration, guide
    from sonant.workflows.voices import language_of, resolve

    name = check_integration(integration)
    spoken = language_of(language.strip() or None)
    found = await resolve(state, voice, spoken)
    return await anyio.to_thread.run_sync(guide, state.settings, name, found, spoken, format)
