"""The toolset `voices` as a host uses it: the embedded engine behind it, and a service that refuses."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from mcp import Client
from mcp_types import ElicitResult

from scripted import data
from sonant.engine import endpoints_cloning
from sonant.engine.cloning import Fit
from sonant.engine.timbre import Timbre
from sonant.errors import InputError
from sonant.surface.tools.voices import voices_tools
from sonant.workflows.voice_editing import read_mixture
from surface_kit import KATIE, KATIE_ROW, Home, Served, _server, first_text, refused, said, serve_scripted

ELSEWHERE = "00000000-0000-4000-8000-000000000001"


@pytest.fixture
async def mine(offline: Served, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """The id of an own clone; fitting it to the clip, two seconds, is tested elsewhere."""

    async def fit(*_: object) -> Fit:
        return Fit(Timbre(base_hz=99), ("Fitted.",))

    monkeypatch.setattr(endpoints_cloning, "fit_timbre", fit)
    spoken = said(await offline.call("text_to_speech", transcript="Good morning, everybody.", format="wav"))
    made = said(await offline.call("clone_voice", audio=spoken["uri"], name="Annabel"))
    yield made["voice_id"]
    await offline.call("delete_voice", voice=made["voice_id"], confirm=True)


async def test_a_voice_is_looked_at_by_name_or_id(offline: Served, era: str) -> None:
    """All of it, in words and in fields."""
    for given in ("Katie", KATIE):
        result = await offline.call("get_voice", era, voice=given)
        assert said(result)["id"] == KATIE
        assert said(result)["accents"] == ["general-american"]
        assert f"Katie (feminine, en-US): {KATIE}." in first_text(result)


async def test_a_voice_is_changed_and_found_under_its_new_name(offline: Served, mine: str) -> None:
    """Name, description, gender and accent; the old name is forgotten at once."""
    assert said(await offline.call("get_voice", voice="Annabel"))["id"] == mine
    result = await offline.call(
        "update_voice", voice="annabel", name=" Bella\n", description="Warm", gender="female", accent="british"
    )
    told = said(result)
    assert (told["name"], told["gender"], told["locale"], told["about"]) == ("Bella", "feminine", "en-GB", "Warm")
    assert first_text(result).startswith(
        "Changed the name and description and gender and accent. Bella (feminine, en-GB)"
    )
    assert said(await offline.call("get_voice", voice="Bella"))["id"] == mine
    assert "no voice named 'Annabel'" in refused(await offline.call("get_voice", voice="Annabel"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [({}, "Say what to change"), ({"name": "\u200b"}, "needs a name"), ({"accent": "martian"}, "No accent answers to"),
     ({"accent": "parisian"}, "not an accent of en"), ({"gender": "robot"}, "gender must be"),
     ({"voice": "Katie", "name": "Kate"}, "not a voice of yours"), ({"voice": "Nobody", "name": "x"}, "no voice named")],
)  # fmt: skip
async def test_a_change_that_cannot_be_made_is_told(
    offline: Served, mine: str, arguments: dict[str, Any], expected: str
) -> None:
    """In a sentence that says what to do; the voice stays."""
    assert expected in refused(await offline.call("update_voice", **{"voice": mine, **arguments}))
    assert said(await offline.call("get_voice", voice=mine))["name"] == "Annabel"


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_a_voice_is_deleted_when_the_person_agrees(offline: Served, mine: str, mode: str) -> None:
    """They are shown its name; a no keeps it; afterwards it is gone by name and id."""
    asked: list[str] = []
    answers = [ElicitResult(action="accept", content={"delete": True}), ElicitResult(action="decline")]

    async def person(_: Any, params: Any) -> ElicitResult:
        asked.append(params.message)
        return answers.pop()

    server, states = _server(offline.settings)
    for deleted in (False, True):
        states.append(offline.state)
        async with Client(server, mode=mode, elicitation_callback=person) as client:
            assert said(await client.call_tool("delete_voice", {"voice": "ANNABEL"})) == {
                "deleted": deleted,
                "id": mine,
            }
    assert asked == ["Delete the voice Annabel (en-US)? It cannot be had back."] * 2
    for given in ("Annabel", mine):
        assert "no voice" in refused(await offline.call("get_voice", voice=given))


async def test_where_nobody_is_asked_a_deletion_is_confirmed(offline: Served, mine: str, era: str) -> None:
    """First told what would go, then done; never by half a name, never somebody else's."""
    result = await offline.call("delete_voice", era, voice=mine)
    assert said(result) == {"deleted": False, "id": mine}
    assert "would delete the voice Annabel" in first_text(result)
    assert f"the nearest is Annabel ({mine})" in refused(
        await offline.call("delete_voice", era, voice="Anna", confirm=True)
    )
    assert "not a voice of yours" in refused(await offline.call("delete_voice", era, voice="Katie", confirm=True))
    assert (
        first_text(await offline.call("delete_voice", era, voice=mine, confirm=True))
        == "Deleted the voice Annabel (en-US)."
    )


async def test_accents_are_listed_added_spoken_and_removed(offline: Served, mine: str) -> None:
    """By id, name or locale; what was added is taken away again, the voice's own is not."""
    listed = said(await offline.call("list_accents", language="French"))["accents"]
    assert {"id": "parisian", "name": "Parisian French", "locale": "fr-FR"} in listed
    assert all(row["locale"].startswith("fr") for row in listed)
    added = await offline.call("add_accent", voice=mine, accent="Parisian")
    assert said(added)["accents"] == ["general-american", "parisian"]
    assert "text_to_speech with language=fr-FR" in first_text(added)
    assert not (await offline.call("text_to_speech", transcript="Bonjour.", voice=mine, language="fr-FR")).is_error
    assert "which stays" in refused(await offline.call("remove_accent", voice=mine, accent="en-US"))
    assert "to remove: parisian" in refused(await offline.call("remove_accent", voice=mine, accent="british"))
    assert said(await offline.call("remove_accent", voice=mine, accent="fr-FR"))["accents"] == ["general-american"]
    assert "not a voice of yours" in refused(await offline.call("add_accent", voice="Katie", accent="parisian"))


async def test_voices_are_mixed_into_a_new_one(offline: Served) -> None:
    """By name and by id, with weights; the new voice is an own one that speaks."""
    result = await offline.call("mix_voices", voices=f"{KATIE}: 70%, Ash = 30", name="Between")
    assert "Mixed Katie and Ash, in en-US." in first_text(result)
    made = said(result)["id"]
    assert said(await offline.call("get_voice", voice="Between"))["mine"] is True
    assert not (await offline.call("text_to_speech", transcript="Hello.", voice=made)).is_error
    assert "no voice named 'Nobody'" in refused(await offline.call("mix_voices", voices="Katie, Nobody", name="x"))
    assert said(await offline.call("delete_voice", voice=made, confirm=True))["deleted"] is True


@pytest.mark.parametrize(
    ("mixture", "parts"),
    [("Katie, Ash", [("Katie", 1), ("Ash", 1)]), ("Katie: 0.7; Me 2 = 0.3", [("Katie", 0.7), ("Me 2", 0.3)]),
     ("a:1+b:2\nc:3,", [("a", 1), ("b", 2), ("c", 3)]), ("Katie", None), ("", None), ("Katie: 1, Ash: 0", None),
     ("Katie: 1.2.3, Ash", None), (",".join("abcdefghi"), None), ("a: 1, b: " + "9" * 400, None)],
)  # fmt: skip
def test_a_mixture_is_read(mixture: str, parts: list[tuple[str, float]] | None) -> None:
    """Names with weights, as a person would write them; a refusal shows how."""
    if parts is None:
        with pytest.raises(InputError, match=r"Katie: 0\.7"):
            read_mixture(mixture)
    else:
        assert read_mixture(mixture) == parts


@pytest.mark.parametrize("status", [400, 404, 410])
async def test_a_service_that_mixes_no_more_is_told_in_a_sentence(tmp_path: Any, status: int) -> None:
    """Cartesia ended it: the refusal of an old version is no riddle, and the request names that version."""
    other = KATIE_ROW | {"id": ELSEWHERE, "name": "Ash"}
    routes = {
        f"GET /voices/{ELSEWHERE}": data(other),
        "POST /voices/mix": data({"title": "No", "message": "No."}, status=status),
    }
    async with serve_scripted(Home(tmp_path / "home"), routes=routes) as (served, upstream):
        told = refused(await served.call("mix_voices", voices=f"{KATIE}, {ELSEWHERE}", name="x"))
    assert "Cartesia stopped mixing voices" in told
    assert "clone_voice" in told
    sent = upstream.requests_to("/voices/mix")[0]
    assert sent.headers["cartesia-version"] == "2024-11-13"
    assert sent.json == {"voices": [{"id": KATIE, "weight": 1.0}, {"id": ELSEWHERE, "weight": 1.0}]}


def test_the_hints_are_true() -> None:
    """What only looks says so, and so does what cannot be undone."""
    hints = {tool.name: tool.annotations for tool in voices_tools()}
    assert {name for name, hint in hints.items() if hint and hint.read_only_hint} == {"get_voice", "list_accents"}
    assert {name for name, hint in hints.items() if hint and hint.destructive_hint} == {
        "update_voice", "delete_voice", "remove_accent",
    }  # fmt: skip
