"""`audio://` and `transcript://`: what was made, read back with its right type, also after a restart."""

import anyio.to_thread
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError

from sonant.audio.formats import MIME_TYPES, TRANSCRIPT_MIME_TYPES
from sonant.errors import InputError, SpeechError
from sonant.surface.boundary import state_of
from sonant.surface.results import where
from sonant.workflows.state import State

READ_MAX_BYTES = 8 * 1024 * 1024
"""A resource is one base64 string in memory at both ends: larger files are named, not sent."""


def add_resources(server: MCPServer[State]) -> None:
    """Register one template a file ending, since a template has one fixed MIME type."""
    for extension, mime_type in MIME_TYPES.items():
        _add(server, f"audio://{{id}}.{extension}", f"{extension} audio", mime_type)
    for extension, mime_type in TRANSCRIPT_MIME_TYPES.items():
        _add(server, f"transcript://{{id}}.{extension}", f"{extension} transcript", mime_type)


def _add(server: MCPServer[State], uri: str, name: str, mime_type: str) -> None:
    scheme, _, extension = uri.partition("://{id}.")
    kinds = ("transcript",) if scheme == "transcript" else ("audio", "upload")

    @server.resource(uri, name=name, description=f"A file of type {extension} by its id", mime_type=mime_type)
    async def read(id: str, ctx: Context[State]) -> bytes | str:
        try:
            state = state_of(ctx)
            entry = await state.library.find(id)
            if entry.kind not in kinds or entry.extension != extension:
                raise ResourceNotFoundError(f"{scheme}://{id} is not a {extension} file; it is {entry.uri}.")
            size = entry.path.stat().st_size
            if size > READ_MAX_BYTES:
                told = f"That file is {size / 1e6:.0f} MB, too large to send here; it is at {where(state, entry)}"
                raise ResourceError(told)
            content = await anyio.to_thread.run_sync(entry.path.read_bytes)
        except InputError as failure:
            raise ResourceNotFoundError(str(failure)) from None
        except SpeechError as failure:
            raise ResourceError(str(failure)) from None
        return content.decode() if scheme == "transcript" else content
