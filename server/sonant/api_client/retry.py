"""When a request may be sent again, and how long to wait first. Values and decisions only; nothing here waits.

A request is sent again only while no byte of an answer's body has been delivered, and within the operation's deadline:

                     never sent     sent, never answered     429     5xx
    READS            yes            yes                      yes     yes
    PAYS             yes            once                     yes     yes        failed requests cost nothing (contract §14)
    CHANGES          yes            no                       yes     no         a second voice must not appear

A 429 `concurrency_limited` is a queue, not a failure: waiting for a slot does not use up the attempts.
"""

import random
from dataclasses import dataclass
from enum import Enum

from sonant.errors import APIConnectionError, APIError, APITimeoutError, RateLimitError, SpeechError

SLOT_WAIT_CAP_S = 2.0
"""Slots come free as fast as sentences are spoken, so a queue is asked more often than a service in trouble."""


class Effect(Enum):
    """What a request does at the far end; decides how bold a resend may be."""

    READS = "reads"
    PAYS = "pays"
    CHANGES = "changes"


def is_queue(failure: SpeechError) -> bool:
    """Whether it says only that too much runs at once."""
    return isinstance(failure, RateLimitError) and failure.error_code == "concurrency_limited"


@dataclass(frozen=True)
class Retry:
    """How often, and after how long, a request is sent again."""

    attempts: int = 3
    base_s: float = 0.5
    cap_s: float = 8.0
    jitter: float = 0.5
    """The share of a wait that is left to chance."""

    def backoff_s(self, resends: int, cap_s: float | None = None) -> float:
        """Doubling from `base_s`, capped, the last `jitter` of it random."""
        whole: float = min(self.cap_s if cap_s is None else cap_s, self.base_s * 2 ** min(resends, 30))
        return whole * (1 - self.jitter * random.random())


@dataclass
class Course:
    """One operation from its first attempt to its last."""

    retry: Retry
    effect: Effect
    deadline: float
    """When an answer must have begun, on the clock of `anyio.current_time`."""
    first_byte_s: float
    """What an attempt needs to be worth starting after one that timed out."""
    resends: int = 0
    unanswered: int = 0
    slot_waits: int = 0
    queued: SpeechError | None = None
    """The last refusal for want of a slot: what to tell when the deadline cuts off the attempt after it."""

    def wait_s(self, failure: SpeechError, *, sent: bool, now: float) -> float | None:
        """Seconds to wait before the request is sent again; None when it must not be."""
        asked_s = failure.retry_after_s if isinstance(failure, APIError) else None
        if is_queue(failure):
            wait_s = self.retry.backoff_s(self.slot_waits, SLOT_WAIT_CAP_S) if asked_s is None else asked_s
            self.slot_waits += 1
            self.queued = failure
        elif self.resends + 1 < self.retry.attempts and self._may_resend(failure, sent):
            wait_s = self.retry.backoff_s(self.resends) if asked_s is None else asked_s
            self.resends += 1
        else:
            return None
        needed_s = self.first_byte_s if sent and isinstance(failure, APITimeoutError) else 0.0
        return wait_s if now + wait_s + needed_s < self.deadline else None

    def _may_resend(self, failure: SpeechError, sent: bool) -> bool:
        if not failure.retryable:
            return False
        if isinstance(failure, RateLimitError):
            return True
        if isinstance(failure, APIConnectionError):
            if not sent:
                return True
            self.unanswered += 1
            return self.effect is Effect.READS or (self.effect is Effect.PAYS and self.unanswered == 1)
        return self.effect is not Effect.CHANGES
