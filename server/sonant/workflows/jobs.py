"""Work that may outlive the call that started it.

A host drops a call after about a minute. Every call therefore runs as a job; one that is not done within the call
limit goes on inside the process, and `get_job` picks it up. Jobs end with the process.
"""

import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import anyio
from anyio.abc import TaskGroup

from sonant.errors import InputError
from sonant.workflows.tasks import task_group

KEPT_JOBS = 100
"""Finished jobs that can still be read; older ones are forgotten."""

JobState = Literal["running", "done", "failed", "cancelled"]


@dataclass
class Progress:
    """How far a job is, in words and numbers. `report` is what the work calls."""

    done: float = 0.0
    total: float | None = None
    message: str = ""
    so_far: str = ""
    """What there is of the result already."""
    changed: anyio.Event = field(default_factory=anyio.Event)

    def report(self, done: float, total: float | None = None, message: str = "") -> None:
        """Tell how much is done, out of how much, in the same unit."""
        self.done, self.total, self.message = done, total, message
        self.changed.set()
        self.changed = anyio.Event()


Work = Callable[[Progress], Awaitable[Any]]
OnProgress = Callable[[Progress], Awaitable[None]]


@dataclass(eq=False)
class Job:
    """One piece of work."""

    id: str
    tool: str
    """The tool whose result it will be."""
    progress: Progress = field(default_factory=Progress)
    state: JobState = "running"
    result: Any = None
    failure: Exception | None = None
    started: float = field(default_factory=time.monotonic)
    finished: anyio.Event = field(default_factory=anyio.Event)
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)

    @property
    def running_s(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.started


class Jobs:
    """The jobs of one process."""

    def __init__(self, tasks: TaskGroup) -> None:
        self._tasks = tasks
        self._jobs: dict[str, Job] = {}

    def start(self, tool: str, work: Work) -> Job:
        """Begin work in the background."""
        job = Job(secrets.token_hex(8), tool)
        self._forget_oldest()
        self._jobs[job.id] = job
        self._tasks.start_soon(self._run, job, work)
        return job

    def get(self, job_id: str) -> Job:
        """Raises InputError: there is no such job in this process."""
        job = self._jobs.get(job_id.strip())
        if job is None:
            raise InputError(
                "There is no such job in this server.",
                hint="Jobs end when the server ends; start the work again if its result is still wanted.",
            )
        return job

    async def wait(self, job: Job, limit_s: float, on_progress: OnProgress) -> bool:
        """Wait until the job has ended or `limit_s` seconds are over, telling progress; whether it has ended."""
        with anyio.move_on_after(limit_s):
            async with task_group() as tasks:
                tasks.start_soon(self._tell, job, on_progress)
                await job.finished.wait()
                tasks.cancel_scope.cancel()
        return job.finished.is_set()

    async def cancel(self, job: Job) -> None:
        """Stop the job and wait until it has cleaned up."""
        job.scope.cancel()
        with anyio.CancelScope(shield=True), anyio.move_on_after(5):
            await job.finished.wait()

    async def _run(self, job: Job, work: Work) -> None:
        try:
            with job.scope:
                job.result = await work(job.progress)
                job.state = "done"
            if job.state == "running":
                job.state = "cancelled"
        except Exception as failure:  # noqa: BLE001 - carried to whoever waits, and raised there
            job.failure, job.state = failure, "failed"
        finally:
            if job.state == "running":
                job.state = "cancelled"
            job.finished.set()

    async def _tell(self, job: Job, on_progress: OnProgress) -> None:
        while True:
            changed = job.progress.changed
            if job.progress.message:
                await on_progress(job.progress)
            await changed.wait()

    def _forget_oldest(self) -> None:
        ended = [job.id for job in self._jobs.values() if job.finished.is_set()]
        for job_id in ended[: max(0, len(self._jobs) - KEPT_JOBS + 1)]:
            del self._jobs[job_id]
