"""Nothing of a person's is deleted before they were asked, in either era."""

from typing import Annotated, Any

import pytest
from mcp import Client
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp_types import CallToolResult, ElicitRequestParams, ElicitResult, ToolAnnotations

from sonant.errors import InputError
from sonant.surface import params as p
from sonant.surface.boundary import make_tool
from sonant.surface.consent import Consent, Doomed, asks
from surface_kit import first_text, refused, text_of

ERAS = ("legacy", "2026-07-28")
HINTS = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True)


class Things:
    """A server with one tool that deletes, and what is left of its things."""

    def __init__(self) -> None:
        self.left = {"a": "Ann", "b": "Bob"}

        async def find(thing: str, ctx: Context[Any]) -> Doomed:
            if thing not in self.left:
                raise InputError(f"There is no thing {thing!r}.")
            return Doomed(thing, f"the thing {self.left[thing]}", "Its songs go too.")

        async def delete_thing(
            thing: str, confirm: p.Confirm = None, *, consent: Annotated[Consent, asks(find)], ctx: Context[Any]
        ) -> str:
            """Delete a thing."""
            if not consent.given:
                return consent.told
            del self.left[consent.doomed.id]
            return f"Deleted {consent.doomed.what}."

        self.server = MCPServer("things", tools=[make_tool(delete_thing, HINTS)])


@pytest.fixture
def things() -> Things:
    return Things()


class Person:
    """Somebody at a host, who answers what they are asked in one way."""

    def __init__(self, answer: ElicitResult) -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def __call__(self, context: Any, params: ElicitRequestParams) -> ElicitResult:
        self.asked.append(params.message)
        return self.answer


async def call(things: Things, era: str, person: Person | None, **arguments: Any) -> CallToolResult:
    async with Client(things.server, mode=era, elicitation_callback=person) as client:
        return await client.call_tool("delete_thing", arguments)


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("confirm", [None, True], ids=["unconfirmed", "confirmed by a model"])
@pytest.mark.parametrize(
    ("answer", "deleted"),
    [
        (ElicitResult(action="accept", content={"delete": True}), True),
        (ElicitResult(action="accept", content={}), True),
        (ElicitResult(action="accept", content={"delete": False}), False),
        (ElicitResult(action="decline"), False),
        (ElicitResult(action="cancel"), False),
    ],
    ids=["accepted", "accepted as shown", "unticked", "declined", "dismissed"],
)
async def test_a_person_who_can_be_asked_decides(
    things: Things, era: str, confirm: bool | None, answer: ElicitResult, deleted: bool
) -> None:
    """Rule: one question, that names the thing and the loss; only the person's yes deletes, whatever a model says."""
    person = Person(answer)
    result = await call(things, era, person, thing="a", confirm=confirm)
    assert person.asked == ["Delete the thing Ann? Its songs go too."]
    assert not result.is_error, text_of(result)
    assert ("a" not in things.left) is deleted
    assert first_text(result).startswith("Deleted the thing Ann." if deleted else "Nothing was deleted: the person")
    assert "b" in things.left


@pytest.mark.parametrize("era", ERAS)
async def test_where_nobody_can_be_asked_only_confirm_deletes(things: Things, era: str) -> None:
    """Rule: one sentence says what would go and how to go on; a false or a null is no consent."""
    for confirm in (None, False, "no"):
        told = first_text(await call(things, era, None, thing="a", confirm=confirm))
        assert "would delete the thing Ann" in told
        assert "confirm=true" in told
        assert things.left == {"a": "Ann", "b": "Bob"}
    assert first_text(await call(things, era, None, thing="a", confirm=True)) == "Deleted the thing Ann."
    assert things.left == {"b": "Bob"}


@pytest.mark.parametrize("era", ERAS)
async def test_what_is_not_there_is_refused_before_anybody_is_asked(things: Things, era: str) -> None:
    """Rule: the failure of looking the thing up is the call's, in its own words."""
    person = Person(ElicitResult(action="accept", content={"delete": True}))
    assert refused(await call(things, era, person, thing="z")) == "There is no thing 'z'."
    assert person.asked == []


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("content", [None, {"delete": "whatever"}], ids=["nothing", "not a form"])
async def test_an_answer_that_cannot_be_read_deletes_nothing(things: Things, era: str, content: Any) -> None:
    """Rule: a host that answers wrongly gets a sentence, not the SDK's words for its own parts."""
    result = await call(things, era, Person(ElicitResult(action="accept", content=content)), thing="a")
    assert "so nothing was done" in refused(result)
    assert "a" in things.left


async def test_the_question_is_no_argument_a_model_sees(things: Things) -> None:
    """Rule: the schema holds what a model may give, and no more."""
    async with Client(things.server) as client:
        tool = (await client.list_tools()).tools[0]
    assert list(tool.input_schema["properties"]) == ["thing", "confirm"]
    assert tool.input_schema["required"] == ["thing"]
