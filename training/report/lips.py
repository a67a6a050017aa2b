# SPDX-License-Identifier: GPL-3.0-or-later
"""Measurement 1: do the lips meet on p b m, and only there?

*Score.* The smallest aperture in every p b m, widened by 30 ms on both sides, against the smallest in every
vowel, not widened and less the 30 ms beside a p b m or a silence, where the lips may close already or still
(``intervals.py`` says why). The area under the ROC curve is the chance that a p b m has the smaller one. A
longer window alone makes a smallest value smaller, so two more areas are kept: ``strict`` with the times as
they are written, and ``equal`` with the same 100 ms around every phone's middle.

*Touching.* The lips touch where the vertical gap of the middles of the inner lips, two vertices that face
each other, is 0; the template at rest is at 0.37 mm. A phone touches when that gap comes to 0.5 mm or less.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.phonemes import BILABIALS, SILENCE, VOWELS, Phone
from training.report.intervals import Span, area_below, reduce_spans, share, spans_apart, spans_of
from training.report.table import Target
from training.report.tracks import Tracks

Array = NDArray[np.float64]
Spoken = Sequence[tuple[Tracks, Sequence[Phone]]]
"""Tracks and phones of several recordings."""

Spans = Callable[[Sequence[Phone], Sequence[str]], list[Span]]
"""From phones and labels to stretches of time."""

TOUCHING = 0.5
"""Millimetres from touching that still count as touching."""

EQUAL = 0.05
"""Seconds on both sides of a phone's middle, for the areas from equal windows."""


@dataclass(frozen=True)
class Closures:
    """Areas under the curve (see above), shares in 0 … 1 whose lips touch, medians in mm, counts."""

    area: float
    area_strict: float
    area_equal: float
    area_gap: float
    touching: float
    touching_strict: float
    touching_vowels: float
    touching_vowels_strict: float
    median_closures: float
    median_vowels: float
    closures: int
    vowels: int

    def targets(self, where: str = "") -> list[Target]:
        """What the issue wants of them."""
        return [
            Target(f"1 closures, area under the curve{where}", self.area, 0.90, "at least"),
            Target(f"1 p b m that touch, %{where}", 100 * self.touching, 55.0, "at least"),
            Target(f"1 vowels that touch, %{where}", 100 * self.touching_vowels, 5.0, "at most"),
        ]

    def as_dict(self) -> dict[str, Any]:
        """For the JSON file."""
        return asdict(self)


def measure_closures(spoken: Spoken) -> Closures:
    """The figures over all recordings; NaN where they hold no p b m or no vowels."""
    aperture, gap = (_both_kinds(spoken, track, _wide, _apart) for track in ("aperture", "gap"))
    gap_strict = _both_kinds(spoken, "gap", _written, _written)
    return Closures(
        area=area_below(*aperture),
        area_strict=area_below(*_both_kinds(spoken, "aperture", _written, _written)),
        area_equal=area_below(*_both_kinds(spoken, "aperture", _middles, _middles)),
        area_gap=area_below(*gap),
        touching=touching(gap[0]),
        touching_strict=touching(gap_strict[0]),
        touching_vowels=touching(gap[1]),
        touching_vowels_strict=touching(gap_strict[1]),
        median_closures=float(np.median(aperture[0])) if len(aperture[0]) else float("nan"),
        median_vowels=float(np.median(aperture[1])) if len(aperture[1]) else float("nan"),
        closures=len(aperture[0]),
        vowels=len(aperture[1]),
    )


def _both_kinds(spoken: Spoken, track: str, closures: Spans, vowels: Spans) -> tuple[Array, Array]:
    """The smallest values in p b m and in vowels."""
    return smallest_in(spoken, track, BILABIALS, closures), smallest_in(spoken, track, VOWELS, vowels)


def smallest_in(spoken: Spoken, track: str, labels: Sequence[str], spans: Spans) -> Array:
    """The smallest value of a track in every span that ``spans(phones, labels)`` names."""
    found = [reduce_spans(getattr(tracks, track), spans(phones, labels), np.min) for tracks, phones in spoken]
    return np.array([value for values in found for value in values], np.float64)


def touching(gaps: Array) -> float:
    """Share of smallest gaps (mm) at which the lips touch."""
    return share(gaps <= TOUCHING)


def _wide(phones: Sequence[Phone], labels: Sequence[str]) -> list[Span]:
    return spans_of(phones, labels)


def _apart(phones: Sequence[Phone], labels: Sequence[str]) -> list[Span]:
    return spans_apart(phones, labels, (*BILABIALS, SILENCE))


def _written(phones: Sequence[Phone], labels: Sequence[str]) -> list[Span]:
    return spans_of(phones, labels, 0.0)


def _middles(phones: Sequence[Phone], labels: Sequence[str]) -> list[Span]:
    middles = [(start + end) / 2 for start, end in _written(phones, labels)]
    return [(middle - EQUAL, middle + EQUAL) for middle in middles]
