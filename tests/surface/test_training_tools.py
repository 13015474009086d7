"""Training a voice from a chat: recordings go, voices come, and nothing half-made stays behind untold."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from scripted import Reply, ScriptedServer, Step, data, refusal
from surface_kit import KATIE, Home, check_schema, first_text, refused, said, serve, serve_scripted, text_of

TRAINING = {"SONANT_TOOLSETS": "core,training"}
DATASET, TUNE = "dataset_1", "fine_tune_1"
STANDING = {"id": TUNE, "name": "Me", "description": "", "language": "en", "dataset": DATASET, "status": "created"}


def noise(path: Path, seconds: float = 1.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, int(16000 * seconds)), 16000)
    return path


async def test_a_training_is_begun_followed_and_deleted(home: Home) -> None:
    """Rule: what one tool answers is what the next one takes; the training is the engine's, and really listens."""
    folder = home.root / "my recordings"
    noise(folder / "wind.wav")
    (folder / "notes.txt").write_text("No sound.")
    async with serve(home, **TRAINING) as served, served.client() as client:
        schemas = {tool.name: tool.output_schema for tool in (await client.list_tools()).tools}

        async def call(tool: str, **arguments: Any) -> dict[str, Any]:
            result = await client.call_tool(tool, arguments)
            told = said(result)
            check_schema(result, schemas[tool])
            return told

        made = await call("text_to_speech", transcript="A rod is used to catch pink salmon.", format="wav")
        samples, rate = soundfile.read(made["path"])
        soundfile.write(folder / "me.aiff", samples, rate)  # no container the wire takes
        begun = await call("train_voice", audio=str(folder), name="Me", language="en-GB", description="My own")
        assert begun["status"] == "created"
        assert len(list((home.data / "engine" / "files").iterdir())) == 2
        seen = await call("get_training", training="me", wait=True)
        assert seen["training_id"] == begun["training_id"]
        assert seen["status"] == "failed"
        assert seen["problems"][0].startswith("wind.wav: there is no voice in it")
        assert "hold 2 s of usable speech" in seen["problems"][1]
        assert [row["status"] for row in (await call("list_trainings"))["trainings"]] == ["failed"]
        kept = await client.call_tool("delete_training", {"training": "Me"})
        assert "confirm=true" in first_text(kept)
        assert (await call("delete_training", training="Me", confirm=True))["deleted"]
        assert (await call("list_trainings"))["trainings"] == []
        assert list((home.data / "engine" / "files").iterdir()) == []
        assert "no training 'Me'" in refused(await client.call_tool("get_training", {"training": "Me"}))


def routes(**more: Step) -> dict[str, Step]:
    known = {
        "POST /datasets/": data({"id": DATASET, "name": "Me", "description": "", "created_at": "2026-08-14T00:00:00Z"}),
        f"POST /datasets/{DATASET}/files": Reply(204),
        f"DELETE /datasets/{DATASET}": Reply(204),
        "POST /fine-tunes/": data(STANDING),
    }
    return known | more


def paths(upstream: ScriptedServer) -> list[str]:
    return [f"{request.method} {request.path}" for request in upstream.requests]


async def test_with_a_key_the_cost_is_told_and_agreed_to_first(home: Home) -> None:
    """Rule: a million credits are not spent on a model's word alone; nothing is sent before the yes."""
    clip = noise(home.root / "a.wav")
    async with serve_scripted(home, routes=routes(), **TRAINING) as (served, upstream):
        told = refused(await served.call("train_voice", audio=str(clip), name="Me"))
        assert "1,000,000 credits" in told
        assert "confirm=true" in told
        for wrong in ({"audio": f"{clip}\n{home.root / 'b.wav'}"}, {"audio": " \n"}, {"name": " "}, {"language": "xx"}):
            refused(await served.call("train_voice", **{"audio": str(clip), "name": "Me", "confirm": True} | wrong))
        hidden = noise(home.root / ".private" / "diary.wav").parent
        for folder in (str(hidden), "/etc", "~/.private"):
            assert "may not be read" in refused(await served.call("train_voice", audio=folder, name="Me", confirm=True))
        (home.root / "empty").mkdir()
        told = refused(await served.call("train_voice", audio=str(home.root / "empty"), name="Me", confirm=True))
        assert "no recording in the folder" in told
        assert paths(upstream) == []
        begun = said(await served.call("train_voice", audio=f"{clip}\n{clip}\n", name="Me", confirm=True))
        assert begun == {
            "training_id": TUNE,
            "name": "Me",
            "status": "created",
            "language": "en",
            "dataset_id": DATASET,
        }
        assert paths(upstream) == ["POST /datasets/", f"POST /datasets/{DATASET}/files", "POST /fine-tunes/"]
        sent = upstream.requests[1]
        assert {part.name: part.filename for part in sent.parts} == {"purpose": None, "file": "a.wav"}
        assert upstream.requests[2].json["dataset"] == DATASET


@pytest.mark.parametrize(
    ("broken", "deletes", "words"),
    [
        ({f"POST /datasets/{DATASET}/files": refusal(413, message="Too large.")}, True, "413"),
        ({"POST /fine-tunes/": refusal(403, message="Not in your plan.")}, True, "plan"),
        ({"POST /fine-tunes/": refusal(500, message="Oops.")}, False, f"may have begun all the same: look with list_trainings before another try. Its recordings are in the dataset {DATASET}"),
        ({f"POST /datasets/{DATASET}/files": refusal(400, message="No."), f"DELETE /datasets/{DATASET}": refusal(400, message="No.")}, True, f"The dataset {DATASET} with what was sent is left behind"),
    ],
    ids=["an upload fails", "the training is refused", "its answer is lost", "nothing can be undone"],
)  # fmt: skip
async def test_what_was_half_made_is_taken_back_or_named(
    home: Home, broken: dict[str, Step], deletes: bool, words: str
) -> None:
    """Rule: no recording of a person's is left at the far end without their knowing."""
    clip = noise(home.root / "a.wav")
    async with serve_scripted(home, routes=routes(**broken), **TRAINING) as (served, upstream):
        assert words in refused(await served.call("train_voice", audio=str(clip), name="Me", confirm=True))
        assert (f"DELETE /datasets/{DATASET}" in paths(upstream)) is deletes


async def test_a_failed_training_says_what_was_wrong_and_two_of_one_name_are_told_apart(home: Home) -> None:
    """Rule: the person learns which recording to mend; a name that fits two trainings is not guessed at."""
    failed = STANDING | {"status": "failed", "user_errors": [{"code": "silent", "message": "a.wav: it is silent."}]}
    page = {"data": [failed, STANDING | {"id": "fine_tune_2", "dataset": DATASET}], "has_more": False}
    known = {
        "GET /fine-tunes/": data(page),
        f"GET /fine-tunes/{TUNE}/voices": data({"data": [], "has_more": False}),
        f"DELETE /fine-tunes/{TUNE}": Reply(204),
    }
    async with serve_scripted(home, routes=known, **TRAINING) as (served, upstream):
        result = await served.call("get_training", training=TUNE)
        assert said(result)["problems"] == ["a.wav: it is silent."]
        assert "failed, and cost nothing" in text_of(result)
        told = refused(await served.call("get_training", training="ME"))
        assert TUNE in told
        assert "fine_tune_2" in told
        deleted = await served.call("delete_training", training=TUNE, confirm=True)
        assert "serve another training" in first_text(deleted)
        assert f"DELETE /datasets/{DATASET}" not in paths(upstream)


async def test_a_trained_voice_speaks_with_a_model_its_training_names(home: Home) -> None:
    """Rule: only dated models speak with it, and neither the person nor the model has to know; half as dear again."""
    mine = {"id": KATIE, "name": "Me", "language": "en", "is_owner": True, "is_pro": True}
    tune = STANDING | {"status": "completed", "supported_model_ids": ["sonic-3.6-2026-08-27", "sonic-3-2026-01-12"]}
    known = {
        f"GET /voices/{KATIE}": data(mine),
        "GET /fine-tunes/": data({"data": [STANDING | {"id": "other"}, tune], "has_more": False}),
        f"GET /fine-tunes/{TUNE}/voices": data({"data": [mine], "has_more": False}),
    }
    async with serve_scripted(home, routes=known, **TRAINING) as (served, upstream):
        spoken = [said(await served.call("text_to_speech", transcript="Hello, it is me.", voice=KATIE)) for _ in "12"]
        assert [told["credits"] for told in spoken] == [24, 24]
        await served.call("text_to_speech", transcript="Hello.", voice=KATIE, model="sonic-3-2026-01-12")
        await served.call("infill", transcript="and", before=spoken[0]["path"], voice=KATIE)
        sent = [request.json["model_id"] for request in upstream.requests_to("/tts/bytes")]
        assert sent == ["sonic-3.6-2026-08-27", "sonic-3.6-2026-08-27", "sonic-3-2026-01-12"]
        fields = {part.name: part.head for part in upstream.requests_to("/infill/bytes")[0].parts}
        assert fields["model_id"] == b"sonic-3-2026-01-12"
        assert len(upstream.requests_to("/fine-tunes/")) == 1, "asked once, then known"
        seen = said(await served.call("get_training", training=TUNE))
        assert [voice["id"] for voice in seen["voices"]] == [KATIE]


async def test_the_tools_say_what_a_host_needs_in_few_words(home: Home) -> None:
    """Rule: four hints, flat parameters with a description each, and few bytes."""
    async with serve(home, SONANT_TOOLSETS="training") as served, served.client() as client:
        listed = (await client.list_tools()).tools
    assert [tool.name for tool in listed] == ["train_voice", "get_training", "list_trainings", "delete_training"]
    assert [tool.annotations.destructive_hint for tool in listed if tool.annotations] == [False, False, False, True]
    for tool in listed:
        for schema in tool.input_schema["properties"].values():
            assert schema["description"]
            assert schema["type"] in ("string", "integer", "boolean")
    assert sum(len(tool.model_dump_json(by_alias=True, exclude_none=True)) for tool in listed) < 4500
