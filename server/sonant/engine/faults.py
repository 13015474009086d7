"""Failures on request, so that people can test what their own programs do about them: `sonant engine --faults`.

A specification is a list such as `latency=200ms,429=5%,/tts/bytes:500=10%,cut=3%,drop=1%,seed=7`. What is named without
a share happens always; what is named with a path happens there alone, and wins over what is named without one.
"""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sonant.errors import SettingsError
from sonant.wire.errors import BY_STATUS

FAULT_HEADER = "Sonant-Fault"

_DURATION = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)(ms|s)", re.ASCII)
_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,4})?)%", re.ASCII)
_LONGEST_S = 600.0

Ending = Literal["cut", "drop"]


@dataclass(frozen=True)
class Wishes:
    """What may befall a request."""

    latency_s: tuple[float, float] | None = None
    """From and to."""
    retry_after_s: float | None = None
    shares: Mapping[int | Ending, float] | None = None
    """Status, `cut` or `drop` → how many of 1 request it befalls."""

    def over(self, other: "Wishes") -> "Wishes":
        """These, and of the others what these say nothing about."""
        return Wishes(
            self.latency_s or other.latency_s,
            other.retry_after_s if self.retry_after_s is None else self.retry_after_s,
            {**(other.shares or {}), **(self.shares or {})},
        )


@dataclass(frozen=True)
class Fate:
    """What does befall one."""

    latency_s: float = 0.0
    status: int | None = None
    ending: frozenset[Ending] = frozenset()
    after: float = 0.0
    """How far along it is broken off, from 0 to 1."""
    retry_after_s: float | None = None


@dataclass(frozen=True)
class Faults:
    """A specification that has been read."""

    by_path: Mapping[str, Wishes]
    """Beginning of a path, or the empty text, → what happens there."""
    seed: int = 0
    by_header: bool = False

    def fate(self, path: str, count: int) -> Fate:
        """Of the request to a path that is the `count`-th to be decided: always the same for the same seed."""
        return _draw(self.wishes(path), random.Random(f"{self.seed}/{count}"))

    def wishes(self, path: str) -> Wishes:
        """What is named for the path wins over what is named for a shorter one."""
        wishes = Wishes()
        for start in sorted(filter(path.startswith, self.by_path), key=len):
            wishes = self.by_path[start].over(wishes)
        return wishes


def read_faults(text: str) -> Faults:
    """
    Raises:
        SettingsError: it is no specification.
    """
    by_path: dict[str, Wishes] = {}
    seed, by_header = 0, False
    for item in filter(None, (part.strip() for part in text.split(","))):
        if item == "header":
            by_header = True
        elif item.startswith("seed="):
            seed = _seed(item)
        else:
            path, item = _path_of(item)
            by_path[path] = _read_item(item).over(by_path.get(path, Wishes()))
    if not by_path and not by_header:
        raise _wrong("It names no fault")
    faults = Faults(by_path, seed, by_header)
    for path in by_path:
        _check_sum(faults, path)
    return faults


def _path_of(item: str) -> tuple[str, str]:
    if not item.startswith("/"):
        return "", item
    path, colon, rest = item.partition(":")
    if not colon:
        raise _wrong(f"{item[:60]!r} names a path but no fault")
    return path.rstrip("/") or "/", rest


def _read_item(item: str) -> Wishes:
    name, equals, value = (part.strip() for part in item.partition("="))
    match name:
        case "latency":
            low, dash, high = value.partition("-")
            first = _seconds(low, item)
            last = _seconds(high, item) if dash else first
            if last < first:
                raise _wrong(f"{item[:60]!r} ends before it begins")
            return Wishes(latency_s=(first, last))
        case "retry-after":
            return Wishes(retry_after_s=_seconds(value, item))
        case "cut" | "drop":
            return Wishes(shares={name: _share(value, item) if equals else 1.0})
    if not name.isascii() or not name.isdigit() or int(name[:4]) not in BY_STATUS:
        known = ", ".join(str(status) for status in BY_STATUS)
        raise _wrong(f"{item[:60]!r} is no fault: use latency, retry-after, cut, drop, or one of {known}")
    return Wishes(shares={int(name): _share(value, item) if equals else 1.0})


def _seconds(text: str, item: str) -> float:
    found = _DURATION.fullmatch(text.strip())
    seconds = float(found[1]) * (0.001 if found[2] == "ms" else 1.0) if found else _LONGEST_S + 1
    if seconds > _LONGEST_S:
        raise _wrong(f"{item[:60]!r} needs a time such as 200ms or 1.5s, 10 minutes at most")
    return seconds


def _share(text: str, item: str) -> float:
    found = _SHARE.fullmatch(text)
    if not found or not 0 <= float(found[1]) <= 100:
        raise _wrong(f"{item[:60]!r} needs a share such as 5%")
    return float(found[1]) / 100


def _seed(item: str) -> int:
    value = item.removeprefix("seed=").strip()
    if not value.isascii() or not value.isdigit() or len(value) > 18:
        raise _wrong(f"{item[:60]!r} needs a whole number")
    return int(value)


def _check_sum(faults: Faults, path: str) -> None:
    shares = faults.wishes(path).shares or {}
    if sum(share for name, share in shares.items() if isinstance(name, int)) > 1 + 1e-9:
        raise _wrong(f"The statuses{f' at {path}' if path else ''} add up to more than 100%")


def _wrong(what: str) -> SettingsError:
    return SettingsError(f"The faults cannot be read. {what}.", variable="--faults", hint="See sonant engine --help.")


def _draw(wishes: Wishes, chance: random.Random) -> Fate:
    shares = wishes.shares or {}
    rest, status = chance.random(), None
    for name, share in shares.items():
        if isinstance(name, int) and status is None:
            status = name if rest < share else None
            rest -= share
    endings: tuple[Ending, ...] = ("cut", "drop")
    return Fate(
        latency_s=chance.uniform(*wishes.latency_s) if wishes.latency_s else 0.0,
        status=status,
        ending=frozenset(name for name in endings if chance.random() < shares.get(name, 0.0)),
        after=chance.random(),
        retry_after_s=wishes.retry_after_s,
    )
