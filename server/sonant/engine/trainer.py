"""Fine-tunes, one after the other, in the background: from `created` to `completed` or `failed`. Source: contract §9.

What is to be done stands in the records, not in memory: an engine that was killed takes it up at its next start, and
of several engines on one data folder the one that holds the claim does it.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID, uuid5

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup
from starlette.types import Scope

from sonant.engine.accents import find_accent
from sonant.engine.claim import Claim
from sonant.engine.credentials import Caller
from sonant.engine.records import Body
from sonant.engine.timbre import Timbre
from sonant.engine.voices import EngineVoice
from sonant.errors import EngineError, SpeechError
from sonant.wire.costs import TRAINING_CREDITS
from sonant.wire.training import UNFINISHED

if TYPE_CHECKING:
    from sonant.engine.machinery import Machinery

_log = logging.getLogger(__name__)

_LOOK_AGAIN_S = 1.0
"""While another engine has the claim."""
_TRIES = 3
"""A training that took the whole engine down so often is given up."""
_VOICES = UUID("5f1c7e0a-6c0b-4f4e-9c4b-3a0c9d1c2b77")
"""Name space of the ids of trained voices: trained again after a kill, they are the same voices, not four more."""

Result = TypeVar("Result")


@dataclass
class _Current:
    fine_tune_id: str
    scope: anyio.CancelScope


class Trainer:
    """Belongs to the machinery, whose tasks it runs in."""

    def __init__(self, machinery: "Machinery") -> None:
        self._machinery = machinery
        self._claim = Claim(machinery.options.training_claim_path)
        self._tasks: TaskGroup | None = None
        self._current: _Current | None = None
        self._is_running = False
        self._is_woken = False

    async def start(self, tasks: TaskGroup) -> None:
        """Take up what an engine before us left unfinished."""
        self._tasks = tasks
        try:
            unfinished = await self._in_thread(self._unfinished)
        except SpeechError as error:  # of the records; whoever asks for a fine-tune is told
            _log.warning("trainings were not looked for: %s", error)
            return
        if unfinished:
            self.wake()

    def wake(self) -> None:
        """There is something to train, or may be: look."""
        self._is_woken = True
        if self._tasks is not None and not self._is_running:
            self._is_running = True
            self._tasks.start_soon(self._run)

    def cancel(self, fine_tune_id: str) -> None:
        """Stop training this one, if it is being trained here. Its record decides elsewhere."""
        if self._current is not None and self._current.fine_tune_id == fine_tune_id:
            self._current.scope.cancel()

    async def _run(self) -> None:
        try:
            while self._is_woken:
                self._is_woken = False
                await self._work_off()
        except SpeechError as error:
            _log.warning("training stopped: %s", error)
        finally:
            self._is_running = False

    async def _work_off(self) -> None:
        with self._claim:
            while waiting := await self._in_thread(self._unfinished):
                if await self._in_thread(self._claim.take):
                    for fine_tune_id in waiting:
                        await self._train(fine_tune_id)
                    self._claim.release()
                else:
                    await anyio.sleep(_LOOK_AGAIN_S)

    def _unfinished(self) -> list[str]:
        """Oldest first."""
        entries = self._machinery.records.entries("fine_tune")
        return [fine_tune_id for fine_tune_id, body in reversed(entries) if body and body["status"] in UNFINISHED]

    async def _train(self, fine_tune_id: str) -> None:
        body = await self._update(fine_tune_id, _begin)
        if body is None or body["status"] not in UNFINISHED:  # deleted, or done by another engine meanwhile
            return
        try:
            with anyio.CancelScope() as scope:
                self._current = _Current(fine_tune_id, scope)
                if body["tries"] > _TRIES:
                    raise EngineError("The training ended the engine each time it was tried.")
                await self._conclude(fine_tune_id, body, await self._result(body))
        except EngineError as error:
            await self._update(fine_tune_id, _failed([_engine_failed(str(error))]))
        except SpeechError:
            raise
        except Exception:  # noqa: BLE001 - our bug must neither end the engine nor leave it training for ever
            _log.exception("a training failed")
            await self._update(fine_tune_id, _failed([_engine_failed("This is a fault of Sonant's.")]))
        finally:
            self._current = None

    async def _result(self, body: Body) -> Body:
        """What training.train_job answers."""
        from sonant.engine.training import TRAINING_LIMIT_S
        from sonant.engine.workbench import Workbench

        files = await self._in_thread(lambda: self._files(body["dataset"]))
        async with Workbench() as bench:
            details, _ = await bench.run("train", {"files": files}, [], within_s=TRAINING_LIMIT_S)
        return details

    def _files(self, dataset_id: str) -> list[dict[str, str]]:
        """Name and path, in the order they came."""
        entries = self._machinery.records.entries("dataset_file", dataset_id)
        return [
            {"name": body["filename"], "path": str(self._machinery.blobs.path(file_id))}
            for file_id, body in reversed(entries)
            if body is not None
        ]

    async def _conclude(self, fine_tune_id: str, body: Body, result: Body) -> None:
        with anyio.CancelScope(shield=True):
            if not result["voices"]:
                await self._update(fine_tune_id, _failed(result["user_errors"]))
                return
            voices = [_voice(fine_tune_id, body, made) for made in result["voices"]]
            for voice in voices:
                await self._in_thread(partial(self._machinery.store.put, voice))
            told = {
                "status": "completed",
                "user_errors": result["user_errors"],
                "notices": result["notices"],
                "voices": [voice.id for voice in voices],
            }
            if await self._update(fine_tune_id, lambda body: body | told) is None:  # deleted before it was done
                for voice in voices:
                    await self._in_thread(partial(self._machinery.store.delete, voice.id))
                return
            await self._machinery.charge(_paid_by(body), "fine_tune", TRAINING_CREDITS, model=body["model_id"])

    async def _update(self, fine_tune_id: str, change: Callable[[Body], Body]) -> Body | None:
        return await self._in_thread(lambda: self._machinery.records.update("fine_tune", fine_tune_id, change))

    async def _in_thread(self, function: Callable[[], Result]) -> Result:
        return await to_thread.run_sync(function, limiter=self._machinery.threads)


def _paid_by(body: Body) -> Scope:
    """What Machinery.charge wants of a request; the one that began the training is long over."""
    caller = Caller("key", body["caller"]) if body["caller"] else None
    return {"state": {"caller": caller}}


def _begin(body: Body) -> Body:
    if body["status"] not in UNFINISHED:
        return body
    return body | {"status": "training", "tries": body.get("tries", 0) + 1}


def _failed(user_errors: list[dict[str, Any]]) -> Callable[[Body], Body]:
    return lambda body: body | {"status": "failed", "user_errors": user_errors}


def _engine_failed(message: str) -> dict[str, str]:
    return {"code": "engine_failed", "message": f"{message} Nothing was charged; train again."}


def _voice(fine_tune_id: str, body: Body, made: Body) -> EngineVoice:
    """One of the voices of a training."""
    manner, accent = made["manner"], body["accent"]
    return EngineVoice(
        id=str(uuid5(_VOICES, f"{fine_tune_id} {manner}")),
        name=f"{body['name']} ({manner})" if manner else body["name"],
        tagline=made["tagline"],
        description=" ".join(part for part in (body["description"], made["description"]) if part),
        gender=None, language=body["speaks"], accent=find_accent(accent) if accent else None,
        timbre=Timbre.from_dict(made["timbre"]), origin="fine_tune", notices=tuple(made["notices"]),
        is_owner=True, access="private", created_at=datetime.now(UTC),
        supported_model_ids=tuple(body["supported_model_ids"]),
    )  # fmt: skip
