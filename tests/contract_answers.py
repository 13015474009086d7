"""Every answer held against the OpenAPI file of the contract: status, content type, body.

`Witness` wraps the engine's application in the tests and notes what breaks the contract; `engine_fixture` fails the
test in whose time it happened. Answers of older versions have no such file and are left to tests of their own.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTRACT = Path(__file__).parent / "contract" / "cartesia-openapi-2026-08-14.yml"
_URI = "urn:contract"
_KEPT_BYTES = 4 * 1024 * 1024

OURS = frozenset({400, 401, 403, 404, 405, 413, 421, 429})
"""Refusals that need no word in the file: credentials, Host, method, size, plan."""


@cache
def contract() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load(
        CONTRACT.read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    )
    return loaded


@cache
def _validator(pointer: str) -> Draft202012Validator:
    registry: Registry[Any] = Registry().with_resource(_URI, Resource(contents=contract(), specification=DRAFT202012))
    return Draft202012Validator({"$ref": f"{_URI}#{pointer}"}, registry=registry)


@cache
def _template(path: str) -> str | None:
    """The path of the file that a request's path is an instance of; exact parts win over parameters."""
    parts = path.strip("/").split("/")
    fitting = [
        template
        for template in contract()["paths"]
        if len(mine := template.strip("/").split("/")) == len(parts)
        and all(part == own or own.startswith("{") for part, own in zip(parts, mine, strict=True))
    ]
    return min(fitting, key=lambda template: template.count("{"), default=None)


def faults_of(method: str, path: str, status: int, content_type: str, body: bytes) -> Iterator[str]:
    """What is wrong with an answer."""
    template = _template(path)
    operation = contract()["paths"].get(template, {}).get(method.lower())
    if operation is None:
        return
    known = operation["responses"]
    key = next((key for key in (str(status), f"{status // 100}XX", "default") if key in known), None)
    if key is None:
        if status not in OURS:
            yield f"status {status} is not in the contract"
        return
    content = known[key].get("content", {})
    kind = content_type.partition(";")[0].strip()
    if not content:
        if body:
            yield f"a body where the contract has none, status {status}"
        return
    named = next((name for name in (kind, "audio/*", "*/*") if name in content), None)
    if named is None:
        yield f"{kind or 'no content type'} with status {status}; the contract has {', '.join(content)}"
        return
    if kind not in ("application/json", "text/event-stream"):
        return
    pointer = "/".join(
        part.replace("~", "~0").replace("/", "~1")
        for part in ("", "paths", template or "", method.lower(), "responses", key, "content", named, "schema")
    )
    for message in _messages(kind, body):
        for error in _validator(pointer).iter_errors(message):
            yield f"{'.'.join(map(str, error.absolute_path)) or 'body'}: {error.message[:200]}"


def _messages(kind: str, body: bytes) -> Iterator[Any]:
    if kind == "application/json":
        yield json.loads(body)
        return
    for line in body.decode().splitlines():
        if line.startswith("data:"):
            yield json.loads(line[5:])


class Witness:
    """Pure ASGI, around the engine."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.faults: list[str] = []
        """Since they were last cleared."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, headers, body, is_whole = 0, Headers(), bytearray(), False

        async def seen(message: Message) -> None:
            nonlocal status, headers, is_whole
            if message["type"] == "http.response.start":
                status, headers = message["status"], Headers(raw=message["headers"])
            elif message["type"] == "http.response.body":
                if len(body) < _KEPT_BYTES:
                    body.extend(message.get("body", b""))
                is_whole = not message.get("more_body", False)
            await send(message)

        await self._app(scope, receive, seen)
        if is_whole and len(body) < _KEPT_BYTES and _version(scope) == contract()["info"]["version"]:
            where = f"{scope['method']} {scope['path']}"
            kind = headers.get("content-type", "")
            self.faults += [
                f"{where}: {fault}" for fault in faults_of(scope["method"], scope["path"], status, kind, bytes(body))
            ]


def _version(scope: Scope) -> str | None:
    return Headers(scope=scope).get("cartesia-version")
