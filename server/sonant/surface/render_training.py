"""Trainings as answers. Registers with `render` when imported."""

from mcp_types import CallToolResult

from sonant.library.names import shown
from sonant.surface import results
from sonant.surface.render import render, renders, row_of
from sonant.surface.results import answer, fresh_notices, seconds, sentences
from sonant.surface.results_training import Training, TrainingRow, Trainings
from sonant.wire.costs import TRAINING_CREDITS
from sonant.wire.training import FineTune
from sonant.workflows.state import State
from sonant.workflows.training import TrainingBegun, TrainingDeleted, TrainingSeen, TrainingsFound

__all__ = ["render"]


def _called(fine_tune: FineTune) -> str:
    return shown(fine_tune.name) or fine_tune.id


@renders.register
def _begun(made: TrainingBegun, state: State) -> CallToolResult:
    fine_tune = made.fine_tune
    embedded = state.settings.embedded
    lasting = f" of {seconds(made.duration_s)} in all" if made.duration_s is not None else ""
    cost = "free, seconds to minutes" if embedded else f"{TRAINING_CREDITS:,} credits if it succeeds, hours"
    notices = fresh_notices(state, fine_tune.notices or ())
    text = sentences(
        f"Sent {made.recordings} recording{'s' if made.recordings > 1 else ''}{lasting}, and began to train the voice "
        f"{_called(fine_tune)} as {fine_tune.id} ({cost}).",
        "See with get_training how it goes; its voices are there once it is completed.",
        *notices,
    )
    return answer(text, _data(fine_tune, notices), state=state)


@renders.register
def _seen(made: TrainingSeen, state: State) -> CallToolResult:
    fine_tune = made.fine_tune
    notices = fresh_notices(state, fine_tune.notices or ())
    problems = [shown(error.message, 300) for error in fine_tune.user_errors if error.message]
    standing = {
        "created": "waits to be begun",
        "training": "is under way",
        "completed": "is completed",
        "failed": "failed, and cost nothing",
    }.get(fine_tune.status, f"stands at {shown(fine_tune.status, 40)}")
    lines = [f"\n- {shown(voice.name) or voice.id}: {voice.id}" for voice in made.voices]
    use = "\nUse one with text_to_speech.\n" if lines else ""
    text = sentences(
        f"The training {_called(fine_tune)} ({fine_tune.id}) {standing}." + "".join(lines) + use,
        "The recordings:" if problems else "",
        *problems,
        *notices,
    )
    data = _data(fine_tune, notices).model_copy(
        update={"problems": problems, "voices": [row_of(voice) for voice in made.voices]}
    )
    return answer(text, data, state=state)


@renders.register
def _found(made: TrainingsFound, state: State) -> CallToolResult:
    rows = [TrainingRow(training_id=one.id, name=_called(one), status=shown(one.status, 40)) for one in made.fine_tunes]
    head = (
        f"{len(rows)} training{'s' if len(rows) > 1 else ''}"
        if rows
        else "There is no training; train_voice begins one."
    )
    lines = [f"- {row.name}: {row.status}, {row.training_id}" for row in rows]
    more = f"\nMore with cursor={made.cursor}" if made.cursor else ""
    return answer("\n".join([head, *lines]) + more, Trainings(trainings=rows, next_cursor=made.cursor), state=state)


@renders.register
def _deleted(made: TrainingDeleted, state: State) -> CallToolResult:
    fine_tune = made.fine_tune
    text = sentences(
        f"Deleted the training {_called(fine_tune)}",
        "and the recordings sent for it." if made.dataset_deleted
        else f"alone: its recordings, the dataset {fine_tune.dataset}, serve another training.",
        f"Its {made.voices_left} voices are still there." if made.voices_left else "",
    )  # fmt: skip
    return answer(text, results.Deleted(deleted=True, id=fine_tune.id), state=state)


def _data(fine_tune: FineTune, notices: list[str]) -> Training:
    return Training(
        training_id=fine_tune.id,
        name=_called(fine_tune),
        status=fine_tune.status,
        language=fine_tune.language or None,
        dataset_id=fine_tune.dataset or None,
        models=fine_tune.supported_model_ids,
        notices=notices,
    )
