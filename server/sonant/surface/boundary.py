"""Where our functions become tools: arguments checked, failures translated, once.

The SDK hides every exception but `ToolError` from the model, ignores unknown arguments, and answers a wrong one with
pydantic's text and the rejected value. A model recovers only from a sentence that says what to do next.
"""

import difflib
import errno
import functools
import inspect
import re
from collections.abc import Awaitable, Callable
from typing import Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import FuncMetadata
from mcp_types import ToolAnnotations
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sonant.errors import SpeechError
from sonant.workflows.state import State

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_HALF = re.compile("[\ud800-\udfff]")
"""Half of a surrogate pair, as a text cut in the wrong place holds."""

ToolFunction = Callable[..., Awaitable[Any]]


def state_of(ctx: Context[State]) -> State:
    """What the process holds.

    Raises:
        SettingsError: a setting is wrong; every call says so.
    """
    state: State = ctx.request_context.lifespan_context
    if state.settings.problem is not None:
        raise state.settings.problem
    return state


def reports_errors(function: ToolFunction) -> ToolFunction:
    """Turn a `SpeechError`, and a full disk, into a `ToolError`; let everything else be hidden as a bug of ours."""

    @functools.wraps(function)
    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return await function(*args, **kwargs)
        except SpeechError as failure:
            raise ToolError(str(failure)) from None
        except OSError as failure:  # of a temporary file; the library has words for its own
            if failure.errno not in _FULL:
                raise
            raise ToolError(
                "The disk for temporary files is full, so nothing was saved. Free some space, then try again."
            ) from None

    return wrapped


class SpeechTool(Tool):
    """A tool whose arguments are checked in words a model can act on."""

    async def run(self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False) -> Any:
        known, required = self.parameters["properties"], self.parameters.get("required", ())
        # An explicit null means the default; so does a blank where nothing is needed.
        given = {
            name: value
            for name, value in arguments.items()
            if not (value is None or (name not in required and isinstance(value, str) and not value.strip()))
        }
        for name in given:
            if name not in known:
                close = difflib.get_close_matches(name, known, 1, 0.5)
                meant = f"Did you mean {close[0]!r}?" if close else f"It takes: {', '.join(known)}."
                raise ToolError(f"{self.name} has no argument {name[:40]!r}. {meant}")
            if isinstance(given[name], str) and _HALF.search(given[name]):
                raise ToolError(f"{name} holds half a character, which nothing can carry. Leave it out.")
        try:
            self.fn_metadata.validate_arguments(given)
        except ValidationError as failure:
            raise ToolError(" ".join(_sentence(error) for error in failure.errors()[:3])) from None
        try:
            return await super().run(given, context, convert_result)
        except ToolError as failure:
            if not isinstance(failure.__cause__, ToolError):
                raise
            if str(failure.__cause__).startswith("Resolver "):  # the SDK's, of a question a host answered wrongly
                raise ToolError("The answer to a question could not be read, so nothing was done.") from None
            raise failure.__cause__ from None  # ours, behind "Error executing tool …"


class _AsGiven(FuncMetadata):
    """Arguments as they came. The SDK reads texts that hold JSON as lists and objects, which no tool here takes."""

    def pre_parse_json(self, data: dict[str, Any]) -> dict[str, Any]:
        return data


def _sentence(error: ErrorDetails) -> str:
    """What is wrong with one argument, without its value."""
    name = ".".join(str(part) for part in error["loc"] if isinstance(part, str)) or "argument"
    name = name.split(".")[0]
    if error["type"] == "missing":
        return f"The argument {name!r} is missing."
    told = error["msg"]
    if not told.startswith("Input should be "):  # what pydantic says of numbers too large to be read, for one
        return f"{name} is not something this argument can be."
    return f"{name} must be {told.removeprefix('Input should be ')}."


def make_tool(function: ToolFunction, hints: ToolAnnotations) -> Tool:
    """The tool a function is, with a schema that costs few tokens: no titles, no nulls, nothing but what is taken."""
    description = inspect.cleandoc(function.__doc__ or "")
    tool = SpeechTool.from_function(reports_errors(function), description=description, annotations=hints)
    tool.parameters = _slim(tool.parameters) | {"additionalProperties": False}
    tool.fn_metadata = _AsGiven.model_construct(**dict(tool.fn_metadata))
    tool.fn_metadata.output_schema = _slim(tool.fn_metadata.output_schema)
    return tool


def _slim(schema: Any) -> Any:
    """Without `title`, `default: null` and nullable unions."""
    if isinstance(schema, list):
        return [_slim(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    options = schema.get("anyOf")
    if isinstance(options, list) and {"type": "null"} in options and len(options) == 2:
        schema = {**next(option for option in options if option != {"type": "null"}), **schema}
        del schema["anyOf"]
    slim: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            slim[key] = {name: _slim(item) for name, item in value.items()}
        elif key == "title" or (key == "default" and value in (None, [])) or value == "":
            continue
        else:
            slim[key] = _slim(value)
    return slim
