"""Jobs: work that may outlive the call that began it."""

import anyio
import pytest

from sonant.errors import InputError
from sonant.workflows.jobs import KEPT_JOBS, Jobs, Progress
from sonant.workflows.tasks import task_group


async def quiet(_: Progress) -> None:
    """Nobody listens to the progress."""


async def test_a_job_runs_to_its_result() -> None:
    """Rule: waiting gives back whether it has ended."""
    async with task_group() as tasks:
        jobs = Jobs(tasks)

        async def work(progress: Progress) -> int:
            progress.report(1, 2, "half")
            return 7

        job = jobs.start("t", work)
        assert await jobs.wait(job, 5, quiet)
        assert (job.state, job.result, job.failure) == ("done", 7, None)
        assert jobs.get(job.id) is job


async def test_waiting_ends_at_the_limit_and_the_job_goes_on() -> None:
    """Rule: the limit bounds the call, not the work."""
    async with task_group() as tasks:
        jobs, go_on = Jobs(tasks), anyio.Event()

        async def work(_: Progress) -> str:
            await go_on.wait()
            return "done"

        job = jobs.start("t", work)
        assert not await jobs.wait(job, 0.01, quiet)
        assert job.state == "running"
        go_on.set()
        assert await jobs.wait(job, 5, quiet)
        assert job.result == "done"


async def test_a_failure_is_kept_and_harms_nobody_else() -> None:
    """Rule: a job that fails is a result of that job alone."""
    async with task_group() as tasks:
        jobs = Jobs(tasks)

        async def fail(_: Progress) -> None:
            raise InputError("No.")

        async def succeed(_: Progress) -> int:
            return 1

        bad, good = jobs.start("t", fail), jobs.start("t", succeed)
        await jobs.wait(bad, 5, quiet)
        await jobs.wait(good, 5, quiet)
        assert isinstance(bad.failure, InputError)
        assert (bad.state, good.state) == ("failed", "done")


async def test_cancelling_waits_until_all_is_cleaned_up() -> None:
    """Rule: when cancel returns, the work has left nothing."""
    async with task_group() as tasks:
        jobs, cleaned = Jobs(tasks), []

        async def work(_: Progress) -> None:
            try:
                await anyio.sleep_forever()
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.lowlevel.checkpoint()
                    cleaned.append(1)

        job = jobs.start("t", work)
        await anyio.wait_all_tasks_blocked()
        await jobs.cancel(job)
        assert (job.state, cleaned) == ("cancelled", [1])
        await jobs.cancel(job)


async def test_a_job_cancelled_before_it_began_never_does() -> None:
    """Rule: cancelling works at any moment."""
    async with task_group() as tasks:
        jobs, begun = Jobs(tasks), []

        async def work(_: Progress) -> None:
            await anyio.lowlevel.checkpoint()
            begun.append(1)

        job = jobs.start("t", work)
        await jobs.cancel(job)
        assert (job.state, begun) == ("cancelled", [])


async def test_progress_is_told_as_it_changes() -> None:
    """Rule: whoever waits hears the newest progress, and not more often than it changes."""
    async with task_group() as tasks:
        jobs, heard = Jobs(tasks), []
        told = anyio.Event()

        async def listen(progress: Progress) -> None:
            heard.append((progress.done, progress.message))
            told.set()

        async def work(progress: Progress) -> None:
            nonlocal told
            for number in range(3):
                told = anyio.Event()
                progress.report(number, 3, f"step {number}")
                await told.wait()

        job = jobs.start("t", work)
        await jobs.wait(job, 5, listen)
        assert heard == [(0, "step 0"), (1, "step 1"), (2, "step 2")]


async def test_old_jobs_are_forgotten_and_running_ones_are_not() -> None:
    """Rule: memory is bounded; what still runs is never lost."""
    async with task_group() as tasks:
        jobs = Jobs(tasks)

        async def work(_: Progress) -> None:
            return None

        running = jobs.start("t", lambda _: anyio.sleep_forever())
        first = jobs.start("t", work)
        await jobs.wait(first, 5, quiet)
        for _ in range(KEPT_JOBS):
            await jobs.wait(jobs.start("t", work), 5, quiet)
        assert jobs.get(running.id) is running
        with pytest.raises(InputError, match="no such job"):
            jobs.get(first.id)
        tasks.cancel_scope.cancel()
