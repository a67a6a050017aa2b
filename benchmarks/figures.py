# SPDX-License-Identifier: GPL-3.0-or-later
"""What was measured, what it should be, and the clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One measured number; ``target`` is the most it may be, or the least where ``at_least``."""

    name: str
    value: float
    unit: str = ""
    target: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def verdict(self) -> str:
        """ "yes" or "no" where there is a target."""
        if self.target is None:
            return ""
        good = self.value >= self.target if self.at_least else self.value <= self.target
        return "yes" if good else "NO"


@dataclass(frozen=True)
class Times:
    """Seconds on the wall's clock and of all processors; on a busy machine the second is what it costs."""

    wall: float
    processor: float


def timed(work: Callable[[], Any], repeats: int = 1) -> Times:
    """The least of some runs, each clock on its own."""
    return least([_once(work) for _ in range(repeats)])


def in_turns(works: Sequence[Callable[[], Any]], rounds: int) -> list[Times]:
    """The least of some rounds of each work, after a first one that isn't counted: what disturbs the machine
    for a while disturbs all of them."""
    for work in works:
        work()
    runs = [[_once(work) for work in works] for _ in range(rounds)]
    return [least(each) for each in zip(*runs, strict=True)]


def least(runs: Sequence[Times]) -> Times:
    """The least of some runs, each clock on its own."""
    return Times(min(run.wall for run in runs), min(run.processor for run in runs))


def _once(work: Callable[[], Any]) -> Times:
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return Times(time.perf_counter() - wall, time.process_time() - processor)


def table(title: str, figures: Sequence[Figure]) -> str:
    """Figures as text, a line each."""
    lines = [title]
    for each in figures:
        least = ">=" if each.at_least else "<="
        target = "" if each.target is None else f"{least} {each.target:g}"
        lines.append(
            f"  {each.name:58s} {each.value:10.4g} {each.unit:6s} {target:>9s} {each.verdict:4s}{each.note}"
        )
    return "\n".join(lines)


def as_json(figures: Sequence[Figure]) -> list[dict[str, Any]]:
    """Figures as plain data."""
    return [asdict(each) | {"verdict": each.verdict} for each in figures]
