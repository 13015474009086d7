"""Training a voice on many recordings: a dataset, its files, a fine-tune, and what comes of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import anyio.to_thread

from sonant.api_client.client import APIClient
from sonant.audio.codec import probe
from sonant.errors import APIConnectionError, InputError, NotFoundError, RemoteWireError, ServerError, SpeechError
from sonant.library.names import shown
from sonant.wire.costs import TRAINING_CREDITS
from sonant.wire.languages import base_of
from sonant.wire.training import (
    ADVISED_S,
    DATASET_FILE_MAX_BYTES,
    SNAPSHOTS,
    UNFINISHED,
    DatasetRequest,
    FineTune,
    FineTuneRequest,
)
from sonant.wire.voices import Voice
from sonant.workflows.clips import as_recording
from sonant.workflows.jobs import Progress
from sonant.workflows.state import State
from sonant.workflows.voices import NAME_CHARS, language_of

_MOST_RECORDINGS = 500
_PAGE = 100
_MOST_PAGES = 20
_DESCRIPTION_CHARS = 500
_CLEAN_UP_S = 10.0
_POLL_FIRST_S, _POLL_MOST_S = 0.2, 5.0
_FIND = "list_trainings shows those there are."


@dataclass(frozen=True)
class TrainingOrder:
    recordings: str
    """References, one a line."""
    name: str
    language: str | None = None
    description: str | None = None
    confirm: bool = False
    """The person agreed to the cost."""


@dataclass(frozen=True)
class TrainingBegun:
    fine_tune: FineTune
    recordings: int
    duration_s: float | None
    """Of all recordings; None where some were only fetched while they were sent."""


@dataclass(frozen=True)
class TrainingSeen:
    fine_tune: FineTune
    voices: list[Voice]


@dataclass(frozen=True)
class TrainingsFound:
    fine_tunes: list[FineTune]
    cursor: str | None


@dataclass(frozen=True)
class TrainingDeleted:
    fine_tune: FineTune
    dataset_deleted: bool
    voices_left: int


async def begin(state: State, order: TrainingOrder, progress: Progress) -> TrainingBegun:
    """Send the recordings and begin the training. Where it cannot begin, nothing is left behind, or it is named.

    Raises:
        InputError: no name, no usable recording, or the cost was not agreed to; nothing was sent.
        SpeechError: what stopped it.
    """
    title = shown(order.name, NAME_CHARS)
    if not title:
        raise InputError("A voice needs a name.", hint="Give `name`.")
    spoken = base_of(language_of(order.language) or "en")
    references = await _references(state, order.recordings)
    duration_s = await _check(state, references)
    if not state.settings.embedded and not order.confirm:
        told = f" They last {duration_s / 60:.0f} minutes." if duration_s is not None else ""
        raise InputError(
            f"Training on these {len(references)} recordings costs {TRAINING_CREDITS:,} credits if it succeeds, needs at "
            f"least {ADVISED_S // 60} minutes of them, and takes hours.{told}",
            hint="Ask the person, and if they agree call again with confirm=true.",
        )
    api = await state.api()
    progress.report(0, len(references), "sending the recordings")
    dataset = await api.create_dataset(DatasetRequest(name=title, description="Recordings sent by Sonant"))
    async with _undoing(api, dataset.id):
        for number, reference in enumerate(references):
            progress.report(number, len(references), f"sending recording {number + 1} of {len(references)}")
            async with (
                state.library.open_audio(reference) as opened,
                as_recording(opened, DATASET_FILE_MAX_BYTES) as recording,
            ):
                await api.upload_dataset_file(dataset.id, recording)
        wanted = FineTuneRequest(
            name=title, description=shown(order.description or "", _DESCRIPTION_CHARS), language=spoken,
            dataset=dataset.id, model_id=SNAPSHOTS[0],
        )  # fmt: skip
        fine_tune = await _create(api, wanted)
    return TrainingBegun(fine_tune, len(references), duration_s)


async def look(state: State, training: str, wait_s: float) -> TrainingSeen:
    """How a training stands, and its voices.

    Args:
        state: the process state.
        training: id or name.
        wait_s: how long to wait for its end.

    Raises:
        InputError: none, or several, answer to that.
    """
    api = await state.api()
    fine_tune = await find(state, training)
    pause_s = _POLL_FIRST_S
    with anyio.move_on_after(wait_s):
        while fine_tune.status in UNFINISHED and wait_s:
            await anyio.sleep(pause_s)
            pause_s = min(1.5 * pause_s, _POLL_MOST_S)
            fine_tune = await api.get_fine_tune(fine_tune.id)
    voices = await _voices(api, fine_tune) if fine_tune.status not in UNFINISHED else []
    return TrainingSeen(fine_tune, voices)


async def search(state: State, limit: int, cursor: str | None) -> TrainingsFound:
    """Newest first."""
    page = await (await state.api()).list_fine_tunes(limit=limit, starting_after=cursor)
    return TrainingsFound(page.data, page.data[-1].id if page.has_more and page.data else None)


async def find(state: State, training: str) -> FineTune:
    """The one training meant by an id or a name.

    Raises:
        InputError: none, or several, answer to it.
    """
    api = await state.api()
    wanted = training.strip()
    key = wanted.casefold()
    found = [one async for one in _all(api) if one.id == wanted or shown(one.name).casefold() == key]
    exact = [one for one in found if one.id == wanted] or found
    if len(exact) == 1:
        return exact[0]
    if not exact:
        raise InputError(f"There is no training {shown(wanted, 60)!r}.", hint=_FIND)
    told = "; ".join(f"{one.id} ({one.status})" for one in exact[:8])
    raise InputError(f"Several trainings answer to {shown(wanted, 60)!r}: {told}.", hint="Name one by its id.")


async def delete(state: State, fine_tune: FineTune) -> TrainingDeleted:
    """Delete a training, which ends it, and the recordings that were sent for it, unless another training has them."""
    api = await state.api()
    voices = await _voices(api, fine_tune)
    await api.delete_fine_tune(fine_tune.id)
    deleted = False
    if not [one async for one in _all(api) if one.dataset == fine_tune.dataset]:
        try:
            await api.delete_dataset(fine_tune.dataset)
            deleted = True
        except NotFoundError:
            deleted = True
    left = [voice for voice in voices if await _exists(api, voice.id)]
    return TrainingDeleted(fine_tune, deleted, len(left))


async def model_for(state: State, voice: Voice, preferred: str) -> str:
    """A model that speaks with a trained voice: only dated ones do, and its fine-tune says which (contract §2.1).

    Args:
        state: the process state.
        voice: a trained one.
        preferred: the model that would be used; its newest snapshot is taken where that will do.
    """
    if voice.id not in state.trained_with:
        state.trained_with[voice.id] = await _trained_with(await state.api(), voice.id)
    supported = state.trained_with[voice.id]
    if preferred in supported:
        return preferred
    return next((model for model in supported if model.startswith(f"{preferred}-20")), supported[0])


async def _trained_with(api: APIClient, voice_id: str) -> tuple[str, ...]:
    async for fine_tune in _all(api):
        if fine_tune.supported_model_ids and voice_id in [voice.id for voice in await _voices(api, fine_tune)]:
            return tuple(fine_tune.supported_model_ids)
    return SNAPSHOTS  # the fine-tune is gone; the voice's own refusal names its models


async def _references(state: State, text: str) -> list[str]:
    """What was named, folders opened up."""
    found: list[str] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        inside = await state.library.recordings_in(line)
        if inside == []:
            raise InputError(f"There is no recording in the folder {shown(line)}.", hint="Name another, or the files.")
        found += [line] if inside is None else inside
    found = list(dict.fromkeys(found))
    if not found:
        raise InputError("There is no recording to train on.", hint="Name them in `audio`, one a line, or a folder.")
    if len(found) > _MOST_RECORDINGS:
        raise InputError(f"Those are {len(found)} recordings; at most {_MOST_RECORDINGS} can be sent for a training.")
    return found


async def _check(state: State, references: list[str]) -> float | None:
    """Look at each recording before any is sent; how long they are together, if none has to be fetched for that."""
    total_s, is_whole = 0.0, True
    for reference in references:
        if reference.lower().startswith(("http://", "https://")):
            is_whole = False
            continue
        async with state.library.open_audio(reference) as opened:
            total_s += (await anyio.to_thread.run_sync(probe, opened.file)).duration_s
    return total_s if is_whole else None


@asynccontextmanager
async def _undoing(api: APIClient, dataset_id: str) -> AsyncIterator[None]:
    """Around what fills a dataset: if it fails or is cancelled the dataset goes again, or the failure names it."""
    try:
        yield
    except _MayHaveBegunError as unsure:
        raise unsure.failure from None
    except BaseException as failure:
        with anyio.CancelScope(shield=True), anyio.move_on_after(_CLEAN_UP_S) as clean_up:
            try:
                await api.delete_dataset(dataset_id)
            except SpeechError:
                clean_up.cancel()
        if clean_up.cancel_called and isinstance(failure, SpeechError):
            failure.hint = f"{failure.hint or ''} The dataset {dataset_id} with what was sent is left behind.".strip()
        raise


class _MayHaveBegunError(Exception):
    """Carries the failure of a request whose answer never came."""

    def __init__(self, failure: SpeechError) -> None:
        super().__init__()
        self.failure = failure


async def _create(api: APIClient, wanted: FineTuneRequest) -> FineTune:
    try:
        return await api.create_fine_tune(wanted)
    except (ServerError, RemoteWireError, APIConnectionError) as failure:
        # Its recordings stay: nobody knows whether it is under way, and it costs a fortune.
        failure.hint = (
            f"The training may have begun all the same: look with list_trainings before another try. Its recordings "
            f"are in the dataset {wanted.dataset}."
        )
        raise _MayHaveBegunError(failure) from None


async def _all(api: APIClient) -> AsyncIterator[FineTune]:
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        page = await api.list_fine_tunes(limit=_PAGE, starting_after=cursor)
        for fine_tune in page.data:
            yield fine_tune
        if not page.has_more or not page.data:
            return
        cursor = page.data[-1].id


async def _voices(api: APIClient, fine_tune: FineTune) -> list[Voice]:
    return (await api.list_fine_tune_voices(fine_tune.id, limit=_PAGE)).data


async def _exists(api: APIClient, voice_id: str) -> bool:
    try:
        await api.get_voice(voice_id)
    except NotFoundError:
        return False
    return True
