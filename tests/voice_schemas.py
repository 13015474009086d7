"""Answers about voices against the schemas of the contract."""

from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

_FILE = Path(__file__).parent / "contract" / "cartesia-openapi-2026-08-14.yml"


@cache
def _validator(name: str) -> jsonschema.Draft202012Validator:
    document = yaml.load(_FILE.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return jsonschema.Draft202012Validator({"$ref": f"#/components/schemas/{name}", **document})


def check(name: str, answer: Any) -> None:
    """The answer is a `name` of version 2026-08-14."""
    _validator(name).validate(answer)
