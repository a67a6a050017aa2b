# SPDX-License-Identifier: GPL-3.0-or-later
"""The frames that a take has of the user's Action: what is between two of its sounds is the user's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ..take_props import MeshTalkTakeObject

Spans = Sequence[tuple[float, float]]
"""First and last frame of each run of sounds, in order of time."""


def spans_of(item: MeshTalkTakeObject) -> Spans:
    """Where a take is on one object; none where it isn't in its Action now."""
    if item.first >= item.last:
        return ()
    kept = json.loads(item.spans) if item.spans else [(item.first, item.last)]
    return tuple((float(first), float(last)) for first, last in kept)


def note_spans(item: MeshTalkTakeObject, spans: Spans) -> None:
    """Keep where a take was written."""
    item.spans = json.dumps([list(span) for span in spans])


def within(frames: NDArray[Any], spans: Spans, *, ends: bool = True) -> NDArray[np.bool_]:
    """Which of frames (K,) lie in these spans, their `ends` included or not."""
    inside = np.zeros(len(frames), bool)
    for first, last in spans:
        inside |= (frames >= first) & (frames <= last) if ends else (frames > first) & (frames < last)
    return inside
