"""The contract's AsyncAPI file as validators: of what a socket's client may send, and of what the server answers."""

from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator

_DOCUMENT = Path(__file__).parent / "contract" / "cartesia-asyncapi-2026-08-14.yml"

Channel = Literal["tts", "sttManual", "sttTurns"]


def check_event(channel: Channel, event: dict[str, Any]) -> None:
    """Hold an event of the server against the message of its `type`.

    Raises:
        AssertionError: the channel has no such event, or the event is not as the contract says.
    """
    _check(_of_types(channel, "Receive"), event)


def check_request(channel: Channel, name: str, message: dict[str, Any]) -> None:
    """The same for what a client sends, by the name of the message: `GenerationRequest`."""
    _check(_validators(channel, "Send"), message, name)


def _check(validators: dict[str, Validator], message: dict[str, Any], name: str | None = None) -> None:
    name = name or str(message.get("type"))
    assert name in validators, f"{name!r} is none of {sorted(validators)}"
    faults = [f"{fault.json_path}: {fault.message}" for fault in validators[name].iter_errors(message)]
    assert not faults, f"{name}: {'; '.join(faults)[:2000]}"


@cache
def _of_types(channel: Channel, direction: str) -> dict[str, Validator]:
    """By the value of their `type`."""
    found = {}
    for validator in _validators(channel, direction).values():
        schema = _resolved(validator.schema, _document())
        for kind in schema["properties"]["type"]["enum"]:
            found[kind] = validator
    return found


@cache
def _validators(channel: Channel, direction: str) -> dict[str, Validator]:
    """By the names of their messages."""
    document = _document()
    found: dict[str, Validator] = {}
    for reference in document["operations"][channel + direction]["messages"]:
        message = _resolved(reference, document)
        if message["contentType"] == "application/json":
            schema = {"components": document["components"], **message["payload"]}
            found[message["name"]] = Draft202012Validator(schema)
    return found


def _resolved(node: Any, document: Any) -> Any:
    """What a chain of local references ends at."""
    while "$ref" in node:
        found = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        node = found
    return node


@cache
def _document() -> Any:
    return yaml.load(_DOCUMENT.read_bytes(), yaml.CSafeLoader)
