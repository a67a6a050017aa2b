# SPDX-License-Identifier: GPL-3.0-or-later
"""Measurement 2: lips at the teeth on f v, round and spread mouths, lips that rest in pauses.

*Teeth.* The smallest distance of the lower lip from the upper incisors in every f v, widened by 30 ms,
against that in every other consonant (p b m among them), less what an f v beside it was given.

*Width.* The median distance of the mouth's corners in every UW OW W against that in every IY EH S, both with
their times as written: a median takes no advantage of a longer window, and a wider one only mixes in the
neighbours.

*Pauses.* Frames of silences over 150 ms, less 30 ms at both ends because phone times are no better. The
lips are closed where their vertical gap is at most 1 mm more than the face's at rest. ``settled`` leaves
out the last 100 ms before a word that doesn't begin with p b m f v, in which real speakers' lips part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.phonemes import BILABIALS, CONSONANTS, LABIODENTALS, SILENCE, Phone
from training.report.intervals import (
    TOLERANCE,
    Span,
    area_below,
    frames_in,
    reduce_spans,
    share,
    spans_apart,
    spans_of,
)
from training.report.lips import Spoken, smallest_in
from training.report.table import Target
from training.report.tracks import Tracks

Array = NDArray[np.float64]

ROUND, SPREAD = ("UW", "OW", "W"), ("IY", "EH", "S")
PAUSE = 0.15
"""Seconds; a longer silence is a pause."""

CLOSED = 1.0
"""Millimetres beyond the gap at rest that still look closed."""

PARTING = 0.1
"""Seconds before an open word in which real lips part."""


@dataclass(frozen=True)
class Shapes:
    """Areas under the curve, shares of frames in 0 … 1, counts; see the module for each."""

    teeth: float
    teeth_without_bilabials: float
    teeth_strict: float
    bites: int
    width: float
    width_widened: float
    round_phones: int
    spread_phones: int
    closed: float
    closed_settled: float
    pauses: int
    pause_frames: int

    def targets(self, where: str = "") -> list[Target]:
        """What the issue wants of them."""
        return [
            Target(f"2 lip at the teeth on f v, area under the curve{where}", self.teeth, 0.85, "at least"),
            Target(f"2 round against spread width, area{where}", self.width, 0.85, "at least"),
            Target(f"2 closed frames in pauses, %{where}", 100 * self.closed, 95.0, "at least"),
        ]

    def as_dict(self) -> dict[str, Any]:
        """For the JSON file."""
        return asdict(self)


def measure_shapes(spoken: Spoken) -> Shapes:
    """The figures over all recordings; NaN where they hold none of a kind."""
    others = [label for label in CONSONANTS if label not in LABIODENTALS]
    far = [label for label in others if label not in BILABIALS]
    bites = smallest_in(spoken, "teeth", LABIODENTALS, spans_of)
    strict = [smallest_in(spoken, "teeth", labels, _written) for labels in (LABIODENTALS, others)]
    round_, spread = widths(spoken, ROUND, 0.0), widths(spoken, SPREAD, 0.0)
    pauses = [_pauses(tracks, phones) for tracks, phones in spoken]
    closed, settled = (np.concatenate(parts) for parts in zip(*pauses, strict=True))
    return Shapes(
        teeth=area_below(bites, smallest_in(spoken, "teeth", others, _apart)),
        teeth_without_bilabials=area_below(bites, smallest_in(spoken, "teeth", far, _apart)),
        teeth_strict=area_below(*strict),
        bites=len(bites),
        width=area_below(round_, spread),
        width_widened=area_below(*(widths(spoken, labels, TOLERANCE) for labels in (ROUND, SPREAD))),
        round_phones=len(round_),
        spread_phones=len(spread),
        closed=share(closed),
        closed_settled=share(settled),
        pauses=sum(len(long_pauses(phones)) for _, phones in spoken),
        pause_frames=len(closed),
    )


def widths(spoken: Spoken, labels: Sequence[str], tolerance: float) -> Array:
    """The median width (mm) of the mouth in every phone with one of the labels."""
    found = [
        reduce_spans(tracks.width, spans_of(phones, labels, tolerance), np.median)
        for tracks, phones in spoken
    ]
    return np.array([value for values in found for value in values], np.float64)


def long_pauses(phones: Sequence[Phone]) -> list[tuple[Span, bool]]:
    """The spans (seconds) of pauses over 150 ms, less 30 ms at both ends, and whether an open word
    follows."""
    found = []
    for index, phone in enumerate(phones):
        if phone.label == SILENCE and phone.duration > PAUSE:
            after = phones[index + 1].label if index + 1 < len(phones) else SILENCE
            opens = after not in (*BILABIALS, *LABIODENTALS, SILENCE)
            found.append(((phone.start + TOLERANCE, phone.end - TOLERANCE), opens))
    return found


def _pauses(tracks: Tracks, phones: Sequence[Phone]) -> tuple[Array, Array]:
    """Whether the lips are closed (0 or 1) in every frame of the pauses, and in those less the parting."""
    shut = (tracks.gap <= tracks.resting_gap + CLOSED).astype(np.float64)
    whole, settled = [np.zeros(0)], [np.zeros(0)]
    for (start, end), opens in long_pauses(phones):
        whole.append(shut[frames_in((start, end), len(shut))])
        last = end - (PARTING - TOLERANCE) * opens
        if last > start:
            settled.append(shut[frames_in((start, last), len(shut))])
    return np.concatenate(whole), np.concatenate(settled)


def _apart(phones: Sequence[Phone], labels: Sequence[str]) -> list[Span]:
    return spans_apart(phones, labels, LABIODENTALS)


def _written(phones: Sequence[Phone], labels: Sequence[str]) -> list[Span]:
    return spans_of(phones, labels, 0.0)
