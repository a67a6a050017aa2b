# SPDX-License-Identifier: GPL-3.0-or-later
"""Stretches of time around phones, and the frames in them.

Phone times are right to ±20 or 30 ms, so a phone that must show something (a closure, a bite) is given 30
ms more on both sides. Those 30 ms then belong to it and to nobody else: the phones beside it that are to
show the opposite give them up, or they would be blamed for a closure that is only measured a little early
or late. A short phone keeps at least the frame that is nearest to its middle.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.phonemes import Phone
from training.ranking import area_under_curve
from training.report.tracks import FRAME_RATE

Array = NDArray[np.float64]
Span = tuple[float, float]

TOLERANCE = 0.03
"""Seconds by which a phone's times may be wrong."""


def spans_of(phones: Sequence[Phone], labels: Collection[str], tolerance: float = TOLERANCE) -> list[Span]:
    """Start and end in seconds of every phone with one of the labels, wider by ``tolerance`` on both
    sides."""
    return [(p.start - tolerance, p.end + tolerance) for p in phones if p.label in labels]


def spans_apart(
    phones: Sequence[Phone],
    labels: Collection[str],
    apart_from: Collection[str],
    tolerance: float = TOLERANCE,
) -> list[Span]:
    """Start and end of every phone with one of ``labels``, less the ``tolerance`` that a neighbour among
    ``apart_from`` was given."""
    found = []
    for index, phone in enumerate(phones):
        if phone.label not in labels:
            continue
        before = phones[index - 1].label if index else ""
        after = phones[index + 1].label if index + 1 < len(phones) else ""
        start = phone.start + tolerance * (before in apart_from)
        end = phone.end - tolerance * (after in apart_from)
        middle = (phone.start + phone.end) / 2
        found.append((start, end) if start < end else (middle, middle))
    return found


def frames_in(span: Span, count: int) -> slice:
    """Frames of ``count`` that lie in a span of seconds; the one nearest to its middle where none does."""
    first = max(int(np.ceil(span[0] * FRAME_RATE - 1e-6)), 0)
    last = min(int(np.floor(span[1] * FRAME_RATE + 1e-6)), count - 1)
    if first > last:
        first = last = min(max(round((span[0] + span[1]) / 2 * FRAME_RATE), 0), count - 1)
    return slice(first, last + 1)


def reduce_spans(values: Array, spans: Sequence[Span], reduce: Callable[[Array], Any]) -> list[float]:
    """``reduce`` (a smallest, a median) of the values ``(T,)`` in every span."""
    return [float(reduce(values[frames_in(span, len(values))])) for span in spans]


def area_below(small: Array, large: Array) -> float:
    """Area under the ROC curve of values that should be small against those that should be large: the chance
    that they are in this order. NaN where either side is empty."""
    return area_under_curve(-small, -large) if len(small) and len(large) else float("nan")


def share(flags: NDArray[Any]) -> float:
    """Share in 0 … 1 of flags that are set; NaN for none at all."""
    return float(np.mean(flags)) if len(flags) else float("nan")
