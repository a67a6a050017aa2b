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

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.phonemes import BILABIALS, SILENCE, VOWELS, Phone
from training.ranking import area_under_curve
from training.report.intervals import Span, reduce_spans, spans_apart, spans_of
from training.report.table import Target
from training.report.tracks import Tracks

Array = NDArray[np.float64]
Spoken = Sequence[tuple[Tracks, Sequence[Phone]]]
"""Tracks and phones of several recordings."""

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
    """The figures over all recordings; they must hold p b m and vowels."""
    shut, open_ = partial(smallest_in, spoken, "aperture"), partial(smallest_in, spoken, "gap")
    both = ((BILABIALS, _wide), (VOWELS, _apart))
    aperture = [shut(labels, spans) for labels, spans in both]
    gap = [open_(labels, spans) for labels, spans in both]
    strict = [shut(labels, _written) for labels in (BILABIALS, VOWELS)]
    equal = [shut(labels, _middles) for labels in (BILABIALS, VOWELS)]
    gap_strict = [open_(labels, _written) for labels in (BILABIALS, VOWELS)]
    return Closures(
        area=area_under_curve(-aperture[0], -aperture[1]),
        area_strict=area_under_curve(-strict[0], -strict[1]),
        area_equal=area_under_curve(-equal[0], -equal[1]),
        area_gap=area_under_curve(-gap[0], -gap[1]),
        touching=touching(gap[0]),
        touching_strict=touching(gap_strict[0]),
        touching_vowels=touching(gap[1]),
        touching_vowels_strict=touching(gap_strict[1]),
        median_closures=float(np.median(aperture[0])),
        median_vowels=float(np.median(aperture[1])),
        closures=len(aperture[0]),
        vowels=len(aperture[1]),
    )


def smallest_in(spoken: Spoken, track: str, labels: Sequence[str], spans: Any) -> Array:
    """The smallest value of a track in every span that ``spans(phones, labels)`` names."""
    found = [reduce_spans(getattr(tracks, track), spans(phones, labels), np.min) for tracks, phones in spoken]
    return np.array([value for values in found for value in values])


def touching(gaps: Array) -> float:
    """Share of smallest gaps (mm) at which the lips touch."""
    return float(np.mean(gaps <= TOUCHING))


def _wide(phones: Sequence[Phone], labels: Sequence[str]) -> list[Span]:
    return spans_of(phones, labels)


def _apart(phones: Sequence[Phone], labels: Sequence[str]) -> list[Span]:
    return spans_apart(phones, labels, (*BILABIALS, SILENCE))


def _written(phones: Sequence[Phone], labels: Sequence[str]) -> list[Span]:
    return spans_of(phones, labels, 0.0)


def _middles(phones: Sequence[Phone], labels: Sequence[str]) -> list[Span]:
    middles = [(start + end) / 2 for start, end in _written(phones, labels)]
    return [(middle - EQUAL, middle + EQUAL) for middle in middles]
