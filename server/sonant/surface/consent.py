"""Asking a person before something of theirs is deleted.

A tool that deletes takes `confirm: p.Confirm = None` and a last parameter no model sees:

    consent: Annotated[Consent, asks(_doomed_voice)]

where `async def _doomed_voice(voice: str, ctx: Ctx) -> Doomed` looks the thing up from the tool's own arguments. If
`consent.given` the thing is deleted; else `results.answer(consent.told, results.Deleted(deleted=False, …))`.

Both protocol eras ask: the SDK sends a request in the midst of the call to older clients, and answers newer ones with
the question, to be called again with the answer. Where the client cannot ask, only `confirm=true` is consent.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

from mcp.server.mcpserver import Context, Elicit, ElicitationResult, Resolve
from pydantic import BaseModel, Field

from sonant.surface.boundary import reports_errors


@dataclass(frozen=True)
class Doomed:
    """What a call would delete."""

    id: str
    what: str
    """In words a person knows it by: `the voice Ann`."""
    loses: str = "It cannot be had back."
    """What they would lose, a sentence."""


class Form(BaseModel):
    """What a person is shown under the question; accepting it as it is deletes."""

    delete: bool = Field(default=True, description="Untick to keep it")


@dataclass(frozen=True)
class Consent:
    """What came of asking."""

    doomed: Doomed
    given: bool
    asked: bool
    """A person was asked, and this is their answer."""

    @property
    def told(self) -> str:
        """Why nothing was deleted, and how it would be."""
        if self.asked:
            return f"Nothing was deleted: the person was asked, and keeps {self.doomed.what}."
        return (
            f"Nothing was deleted yet: this would delete {self.doomed.what}, so ask the person, and if they agree "
            "call again with confirm=true."
        )


def asks(find: Callable[..., Awaitable[Doomed]]) -> Resolve:
    """Fills a tool's parameter with the `Consent` of the person.

    Args:
        find: what would be deleted, by the tool's arguments of the same names and `ctx`; what it raises is the
            call's failure, before anybody is asked.
    """
    found = Resolve(reports_errors(find))

    async def ask(doomed: Annotated[Doomed, found], ctx: Context[Any]) -> Elicit[Form] | None:
        return Elicit(f"Delete {doomed.what}? {doomed.loses}", Form) if _can_ask(ctx) else None

    # None, not a form, where nobody could be asked.
    async def consent(
        doomed: Annotated[Doomed, found],
        reply: Annotated[ElicitationResult[Form], Resolve(ask)],
        confirm: bool | None,
    ) -> Consent:
        if reply.action != "accept":
            return Consent(doomed, given=False, asked=True)
        form: Form | None = reply.data
        if form is None:
            return Consent(doomed, given=bool(confirm), asked=False)
        return Consent(doomed, given=form.delete, asked=True)

    return Resolve(consent)


def _can_ask(ctx: Context[Any]) -> bool:
    """Whether the client shows forms: a bare `elicitation: {}` says so too, one that only opens addresses does not."""
    capabilities = ctx.client_capabilities
    elicitation = capabilities.elicitation if capabilities else None
    if elicitation is None or (elicitation.form is None and elicitation.url is not None):
        return False
    # An older client can be asked only where the connection carries requests back: not over stateless HTTP.
    return ctx.protocol_version is None or ctx.protocol_version >= "2026-07-28" or ctx.session.can_send_request
