# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures beside what was wanted of them, and tables of methods, as plain text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Comparison = Literal["at least", "at most"]


@dataclass(frozen=True)
class Target:
    """One figure and what it should be; a range takes two targets. A figure that is NaN misses its target."""

    name: str
    value: float
    wanted: float
    comparison: Comparison

    @property
    def met(self) -> bool:
        """Whether the figure is what was wanted."""
        if self.comparison == "at least":
            return self.value >= self.wanted
        return self.value <= self.wanted

    @property
    def verdict(self) -> str:
        """``PASS`` or ``short of``."""
        return "PASS" if self.met else "short of"

    def as_dict(self) -> dict[str, Any]:
        """For the JSON file."""
        return {
            "name": self.name,
            "value": self.value if math.isfinite(self.value) else None,
            "wanted": self.wanted,
            "comparison": self.comparison,
            "met": self.met,
        }


def targets_table(title: str, targets: Sequence[Target]) -> str:
    """One line a target under a title: name, figure, what was wanted, verdict."""
    rows = [
        (target.name, number(target.value), f"{target.comparison} {number(target.wanted)}", target.verdict)
        for target in targets
    ]
    return f"{title}\n{grid(('', 'figure', 'wanted', ''), rows)}"


def methods_table(figures: Mapping[str, Mapping[str, float]]) -> str:
    """Methods down, figures across; ``figures`` is method -> figure -> value, a dash where one is missing."""
    names = list(dict.fromkeys(name for row in figures.values() for name in row))
    rows = [(method, *(number(row.get(name)) for name in names)) for method, row in figures.items()]
    return grid(("method", *names), rows)


def grid(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their longest cell, the first to the left and the others to the right."""
    widths = [max(len(row[index]) for row in (header, *rows)) for index in range(len(header))]
    lines = [_line(header, widths), "  ".join("-" * width for width in widths)]
    return "\n".join(line.rstrip() for line in [*lines, *(_line(row, widths) for row in rows)])


def number(value: float | None) -> str:
    """Three decimals below 10, one above, a dash for nothing or NaN."""
    if value is None or math.isnan(value):
        return "-"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (cell for cell in cells)
    padded = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
    return "  ".join([first.ljust(widths[0]), *padded])
