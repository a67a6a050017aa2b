# SPDX-License-Identifier: GPL-3.0-or-later
"""A dub inside a longer performance: what was there before and after it plays on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import smoothstep

Float32 = NDArray[np.float32]

HAND_OVER = 0.16
"""Seconds in which the mouth passes from the old performance to the new one before the sound begins, and back
after it."""


@dataclass(frozen=True, eq=False)
class Spliced:
    """Curves (N, K) from sample ``first`` on, counted from the new ones' first sample: 0 or before."""

    first: int
    curves: Float32


def splice(old: Float32, at: int, new: Float32, rate: float) -> Spliced:
    """Curves ``new`` (T, K) in place of what ``old`` (S, K) has from sample ``at`` on, at ``rate`` samples a
    second. Before and after them the old ones play, and what is different at both ends fades within
    HAND_OVER seconds; the old ones hold their first and last values beyond themselves."""
    fade = max(1, round(HAND_OVER * rate)) + 1  # of which the last one is the old again
    before = at  # where nothing plays before the sound, there is nothing to hand over
    last = at + len(new) - 1
    after = max(len(old) - 1 - last, fade if _differs(old, last, new[-1]) else 0)
    places = np.clip(np.arange(at - before, last + after + 1), 0, len(old) - 1)
    curves = old[places].astype(np.float32)
    ramp = smoothstep(np.arange(fade - 1, -1, -1) / fade)[:, None]
    curves[before : before + len(new)] = new
    lead, tail = min(fade, before), min(fade, after)
    if lead:
        gap = new[0] - old[np.clip(at, 0, len(old) - 1)]
        curves[before - lead : before] += (gap * ramp[::-1][fade - lead :]).astype(np.float32)
    if tail:
        gap = new[-1] - old[np.clip(last, 0, len(old) - 1)]
        curves[before + len(new) : before + len(new) + tail] += (gap * ramp[:tail]).astype(np.float32)
    return Spliced(-before, curves)


def _differs(old: Float32, at: int, new: Float32) -> bool:
    return bool((old[int(np.clip(at, 0, len(old) - 1))] != new).any())
