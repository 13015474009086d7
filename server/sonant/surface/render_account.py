"""What the tools of the account answer."""

from collections.abc import Iterator
from datetime import datetime

from mcp_types import CallToolResult

from sonant.library.names import shown
from sonant.surface.results import answer, sentences
from sonant.surface.results_account import ModelRow, Models, NewToken, UsageReport, UsageRow
from sonant.wire.models import HearingModel, SpeechModel
from sonant.workflows.account import KnownModels, MadeToken, SpentReport
from sonant.workflows.state import State

_NOTHING_PAID = "The embedded engine counts what Cartesia would charge; nothing is paid."


def render_usage(state: State, made: SpentReport) -> CallToolResult:
    start, end = made.start.date(), made.end.date()
    span = f"on {end}" if start == end else f"from {start} to {end}"
    head = sentences(
        f"{made.credits:,.0f} credits spent {span} (UTC).", _NOTHING_PAID if state.settings.embedded else ""
    )
    lines = [f"- {_label(share.label)}: {share.credits:,.0f}" for share in made.shares]
    rows = [
        UsageRow(
            id=share.id,
            label=_label(share.label) if share.label != share.id else None,
            credits=round(share.credits, 3),
        )
        for share in made.shares
    ]
    data = UsageReport(start=_time(made.start), end=_time(made.end), credits=round(made.credits, 3), rows=rows)
    return answer("\n".join([head, *lines]), data, state=state)


def _label(label: str) -> str:
    """As one line: anybody may have named a voice."""
    return shown(label, 60) or "?"


def render_token(state: State, made: MadeToken) -> CallToolResult:
    text = sentences(
        f"An access token that grants {' and '.join(made.grants)} until {_time(made.expires_at)}:",
        f"\n\n{made.token}\n\n",
        "It is a secret that spends the account's credits: give it to the person only, for a browser or an app of theirs,",
        "in place of the API key (`Authorization: Bearer …`, or `?access_token=` on a socket).",
    )
    data = NewToken(token=made.token, grants=list(made.grants), expires_at=_time(made.expires_at))
    return answer(text, data, state=state)


def render_models(state: State, made: KnownModels) -> CallToolResult:
    rows = [
        *(_row(model, "text to speech", _speech_abilities(model)) for model in made.speech),
        *(_row(model, "speech to text", _hearing_abilities(model)) for model in made.hearing),
    ]
    lines = [f"- {row.id} ({row.kind}): {row.about}{_also(row.snapshots)}" for row in rows]
    head = "The models Sonant knows of; the API has no list. In use unless another is named:"
    return answer("\n".join([f"{head} {state.settings.model}.", *lines]), Models(models=rows), state=state)


def _row(model: SpeechModel | HearingModel, kind: str, abilities: Iterator[str]) -> ModelRow:
    about = ", ".join([model.about, *abilities])
    return ModelRow(id=model.id, kind=kind, about=about, snapshots=list(model.snapshots))


def _speech_abilities(model: SpeechModel) -> Iterator[str]:
    yield "44 languages, locales and accents" if model.is_regional else "42 languages"


def _hearing_abilities(model: HearingModel) -> Iterator[str]:
    if model.batch:
        yield "used by transcribe"


def _also(snapshots: list[str]) -> str:
    return f"; dated: {', '.join(snapshots)}" if snapshots else ""


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
