"""What a host is told of the tools, before it calls one."""

import json
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp_types import ListToolsResult, Tool

from scripted import ScriptedServer
from surface_kit import ERAS, Home, Served, first_text, refused, serve_scripted


@pytest.fixture(scope="module")
async def scripted(
    tmp_path_factory: pytest.TempPathFactory, anyio_backend: str
) -> AsyncIterator[tuple[Served, ScriptedServer]]:
    """A server at a scripted API, for calls that leave nothing behind but files."""
    async with serve_scripted(Home(tmp_path_factory.mktemp("scripted") / "home")) as both:
        yield both


SNAPSHOTS = Path(__file__).parent / "snapshots"
BUDGET_BYTES = 15_000
CORE = ("text_to_speech", "transcribe", "list_voices", "clone_voice", "localize_voice", "infill", "get_job")
VOICES = ("get_voice", "update_voice", "delete_voice", "mix_voices", "list_accents", "add_accent", "remove_accent")
PRONUNCIATION = ("list_pronunciations", "save_pronunciations", "delete_pronunciations")
TOOLS = (*CORE, *VOICES, "change_voice", *PRONUNCIATION)
LOOKING = ("list_voices", "get_voice", "list_accents", "list_pronunciations")


async def listed(served: Served, era: str) -> ListToolsResult:
    async with served.client(era) as client:
        return await client.list_tools()


def as_sent(tool: Tool) -> dict[str, Any]:
    return tool.model_dump(mode="json", by_alias=True, exclude_none=True)


@pytest.mark.parametrize("name", TOOLS)
async def test_a_tools_schema_changes_only_on_purpose(offline: Served, name: str) -> None:
    """Rule: the diff of a snapshot is what users of the tool will notice. Renew with RENEW_SNAPSHOTS=1."""
    tool = next(tool for tool in (await listed(offline, "auto")).tools if tool.name == name)
    now = json.dumps(as_sent(tool), indent=1, ensure_ascii=False) + "\n"
    file = SNAPSHOTS / f"{name}.json"
    if os.environ.get("RENEW_SNAPSHOTS"):
        file.write_text(now, encoding="utf-8")
    assert now == file.read_text(encoding="utf-8"), (
        f"the schema of {name} changed; if that is meant: RENEW_SNAPSHOTS=1 pytest tests/surface/test_schemas.py"
    )


async def test_both_eras_list_the_same_tools_in_the_same_order(offline: Served) -> None:
    """Rule: what a host sees does not depend on the age of its protocol."""
    first, second = [[as_sent(tool) for tool in (await listed(offline, era)).tools] for era in ERAS]
    assert first == second
    assert sorted(tool["name"] for tool in first) == sorted(TOOLS)


async def test_the_list_of_tools_stays_within_its_budget(offline: Served, era: str) -> None:
    """Rule: tools/list costs a model's tokens in every conversation: below 15,000 bytes as sent."""
    result = await listed(offline, era)
    sent = result.model_dump_json(by_alias=True, exclude_none=True).encode()
    assert len(sent) < BUDGET_BYTES


def subschemas(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for key, value in schema.items():
            for part in value.values() if key == "properties" else [value]:
                yield from subschemas(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from subschemas(part)


@pytest.mark.parametrize("name", TOOLS)
async def test_a_tool_says_all_that_a_host_needs(offline: Served, name: str) -> None:
    """Rule: four hints, a description of every parameter, flat types, no titles, unknown arguments excluded."""
    tool = next(tool for tool in (await listed(offline, "auto")).tools if tool.name == name)
    hints = tool.annotations
    assert hints is not None
    assert None not in (hints.read_only_hint, hints.destructive_hint, hints.idempotent_hint, hints.open_world_hint)
    assert hints.read_only_hint is (name in LOOKING)
    assert tool.description
    assert not any(line.startswith("    ") for line in tool.description.splitlines())
    assert tool.input_schema["additionalProperties"] is False
    for parameter, schema in tool.input_schema["properties"].items():
        assert schema["description"], parameter
        assert schema["type"] in ("string", "number", "integer", "boolean"), parameter
    assert tool.output_schema is not None
    for part in (*subschemas(tool.input_schema), *subschemas(tool.output_schema)):
        assert "anyOf" not in part
        assert "title" not in part
        assert part.get("default", 0) is not None


async def test_one_argument_is_enough_where_one_can_be(offline: Served) -> None:
    """Rule: only what cannot be guessed is required."""
    required = {tool.name: tool.input_schema.get("required", []) for tool in (await listed(offline, "auto")).tools}
    assert required == {
        "text_to_speech": ["transcript"],
        "transcribe": ["audio"],
        "list_voices": [],
        "clone_voice": ["audio", "name"],
        "localize_voice": ["voice"],
        "infill": ["transcript"],
        "get_job": ["job_id"],
        "list_pronunciations": [],
        "save_pronunciations": ["words"],
        "delete_pronunciations": ["dictionary"],
        "get_voice": ["voice"],
        "update_voice": ["voice"],
        "delete_voice": ["voice"],
        "mix_voices": ["voices", "name"],
        "list_accents": [],
        "add_accent": ["voice", "accent"],
        "remove_accent": ["voice", "accent"],
        "change_voice": ["audio", "voice"],
    }


WRONG = {
    "an unknown argument near a known one": ({"transcript": "Hi.", "sped": 1}, "Did you mean 'speed'?"),
    "an unknown argument near nothing": ({"transcript": "Hi.", "zzz": 1}, "It takes: transcript, voice"),
    "a missing argument": ({}, "'transcript' is missing"),
    "null where something is needed": ({"transcript": None}, "'transcript' is missing"),
    "a word for a number": ({"transcript": "Hi.", "speed": "fast"}, "speed must be"),
    "a number out of range": ({"transcript": "Hi.", "speed": 1.51}, "speed must be less than or equal to 1.5"),
    "a number below range": ({"transcript": "Hi.", "volume": 0.4}, "volume must be greater than or equal to 0.5"),
    "no number at all": ({"transcript": "Hi.", "speed": "nan"}, "speed must be"),
    "an unknown format": ({"transcript": "Hi.", "format": "m4a"}, "format must be 'mp3'"),
    "an unknown sample rate": ({"transcript": "Hi.", "sample_rate": 44000}, "sample_rate must be 8000"),
    "a list for a text": ({"transcript": ["Hi."]}, "transcript must be"),
    "a number for a text": ({"transcript": "Hi.", "voice": 7}, "voice must be"),
    "a word for yes or no": ({"transcript": "Hi.", "timestamps": "perhaps"}, "timestamps must be"),
    "a format that fixes its rate": ({"transcript": "Hi.", "format": "mulaw_8000", "sample_rate": 16000}, "8000 Hz"),
    "half a character": ({"transcript": "Hi \ud83d."}, "transcript holds half a character"),
    "half a character in a name": ({"transcript": "Hi.", "filename": "\udc00"}, "filename holds half a character"),
    "an unknown emotion": ({"transcript": "Hi.", "emotion": "hangry"}, "no emotion 'hangry'"),
    "an unknown language": ({"transcript": "Hi.", "language": "klingon"}, "no language 'klingon'"),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_wrong_argument_is_refused_in_a_sentence_before_anything_is_sent(
    scripted: tuple[Served, ScriptedServer], era: str, wrong: str
) -> None:
    """Rule: what can be checked is checked before the first request; the sentence names the argument."""
    arguments, expected = WRONG[wrong]
    served, upstream = scripted
    before = len(upstream.requests), served.home.files()
    told = refused(await served.call("text_to_speech", era, **arguments))
    assert expected in told
    assert (len(upstream.requests), served.home.files()) == before


NEAR_ENOUGH: dict[str, dict[str, Any]] = {
    "a number in quotes": {"speed": "1.2"},
    "a whole number in quotes": {"sample_rate": "16000", "format": "wav"},
    "a whole number as a float": {"sample_rate": 16000.0, "format": "wav"},
    "yes in quotes": {"timestamps": "false"},
    "capitals": {"format": "WAV"},
    "explicit nulls": {"voice": None, "speed": None, "format": None, "timestamps": None, "filename": None},
    "blank texts": {"voice": "", "language": "", "filename": "", "emotion": "", "model": ""},
    "a locale in another spelling": {"language": "en_gb"},
    "a language by its name": {"language": "English"},
}


@pytest.mark.parametrize("near", NEAR_ENOUGH)
async def test_what_is_clear_enough_is_accepted(scripted: tuple[Served, ScriptedServer], near: str) -> None:
    """Rule: models quote numbers, send nulls and vary case; none of that is worth a refusal."""
    result = await scripted[0].call("text_to_speech", transcript="Hello.", **NEAR_ENOUGH[near])
    assert not result.is_error, first_text(result)


async def test_a_transcript_that_looks_like_json_is_spoken_as_it_is(scripted: tuple[Served, ScriptedServer]) -> None:
    """Rule: the SDK parses JSON texts of other types; a text is never anything but text here."""
    served, upstream = scripted
    for transcript in ('{"a": 1}', "[1, 2]", "12", "null 0", '"quoted"'):
        assert not (await served.call("text_to_speech", transcript=transcript)).is_error
        assert upstream.requests_to("/tts/bytes")[-1].json["transcript"] == transcript
    for name in ("null", "[1]", '{"a": 1}', "12"):
        result = await served.call("text_to_speech", transcript="Hello.", filename=name)
        assert not result.is_error, first_text(result)
