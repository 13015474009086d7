"""Whatever a request of the contract's OpenAPI file holds, the engine answers as the file says and never fails.

A few examples an operation in every run; `SONANT_EXAMPLES=300 pytest tests/wire/test_engine_openapi.py` digs deeper.
"""

import os
from collections.abc import Callable
from functools import partial
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from contract_answers import CONTRACT
from engine_fixture import KATIE, VERSION, Engine

EXAMPLES = int(os.environ.get("SONANT_EXAMPLES", "3"))
KNOWN = {"voice": KATIE, "voice_id": KATIE, "voice[id]": KATIE, "model_id": "sonic-3.6", "model": "ink-whisper"}
"""Put in for what was drawn, every other time: a drawn id is one that nothing has."""


def test_no_request_of_the_contract_breaks_it(engine: Engine) -> None:
    """Rule: valid and invalid alike, no 5xx, and every answer has the status, type and schema of the file."""
    import schemathesis  # two seconds, which only the worker that runs this should pay
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks

    always = [
        not_a_server_error,
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_headers_conformance,
    ]
    failures = []
    for found in schemathesis.openapi.from_path(str(CONTRACT)).get_all_operations():
        operation = found.ok()
        key = f"sk_car_admin_{engine.api_key}" if operation.path.startswith("/usage") else engine.api_key
        headers = {"Authorization": f"Bearer {key}", **VERSION}
        # The file gives the schema of what an event's data holds, which the witness of the engine's answers checks.
        kept = always if operation.path.endswith("/sse") else [*always, checks.response_schema_conformance]
        ask = partial(_ask, base_url=engine.base_url, headers=headers, checks=kept)
        try:
            _tried(operation, schemathesis.GenerationMode, ask)
        except BaseException as failure:  # noqa: BLE001 - gathered, so that one run shows them all
            failures.append(f"{operation.label}: {failure!r} {failure}")
    assert not failures, "\n\n".join(failures)


def _ask(case: Any, **how: Any) -> None:
    case.call_and_validate(**how)


def _tried(operation: Any, modes: Any, ask: Callable[[Any], None]) -> None:
    """Ask with examples of the operation, half of them broken on purpose."""

    @given(case=st.one_of([operation.as_strategy(generation_mode=mode) for mode in modes]), is_known=st.booleans())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize="SONANT_EXAMPLES" not in os.environ,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
        database=None,
    )
    def holds(case: Any, is_known: bool) -> None:
        if is_known and isinstance(case.body, dict):
            case.body.update({name: value for name, value in KNOWN.items() if name in case.body})
        ask(case)

    holds()
