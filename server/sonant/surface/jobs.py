"""A tool's work as a job: its result if it is done within the call limit, else word of where to find it."""

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from mcp.server.mcpserver import Context
from mcp_types import CallToolResult

from sonant.surface.render import render
from sonant.surface.results import JobReport, answer
from sonant.workflows.jobs import Job, Progress
from sonant.workflows.state import State


async def run(
    ctx: Context[State], state: State, tool: str, work: Callable[[Progress], Awaitable[Any]]
) -> CallToolResult:
    """Do the work, telling progress. Cancelling the call within the limit cancels the work."""
    job = state.jobs.start(tool, work)
    try:
        return await report(ctx, state, job, state.settings.call_limit_s)
    except anyio.get_cancelled_exc_class():
        await state.jobs.cancel(job)
        raise


async def report(ctx: Context[State], state: State, job: Job, limit_s: float) -> CallToolResult:
    """The job's result, its failure raised, or how far it is."""

    async def tell(progress: Progress) -> None:
        await ctx.report_progress(progress.done, progress.total, progress.message)

    if limit_s > 0:
        await state.jobs.wait(job, limit_s, tell)
    if job.failure is not None:
        raise job.failure
    if job.state == "done":
        return render(state, job.result)
    if job.state == "cancelled":
        return answer(
            "The work was cancelled; it left no file." + _so_far(job),
            _report(job, "cancelled"),
            state=state,
        )
    done = f": {job.progress.message}" if job.progress.message else ""
    text = (
        f"Still at work after {job.running_s:.0f} s{done}. It goes on in the background as job {job.id}; "
        f"call get_job to wait for it, or to cancel it."
    ) + _so_far(job)
    return answer(text, _report(job, "running"), state=state)


def _so_far(job: Job) -> str:
    return f"\n\nSo far:\n\n{job.progress.so_far}" if job.progress.so_far else ""


def _report(job: Job, status: str) -> JobReport:
    return JobReport(status=status, job_id=job.id, so_far=job.progress.so_far or None)
