# SPDX-License-Identifier: GPL-3.0-or-later
"""An old performance under a new sound of another length: which old time is seen at which new time.

A blink keeps its own speed when a performance is stretched: the whole upper face runs at real time while the
lids are on their way, and is stretched between blinks. So blinks move rather than slow down.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from ..arrays import runs_of, smoothstep
from ..template import Template

Float64 = NDArray[np.float64]

DEEP = 0.35
"""A blink closes the lids by at least this much more than they are closed around it."""
FOOT = 0.12
"""Part of a blink's depth that is left at its ends."""
LONGEST = 0.6
"""Seconds; lids that stay shut longer than this don't blink."""
AROUND = 1.0
"""Seconds over which the lids' usual opening is looked for."""
MARGIN = 0.04
"""Seconds around a blink that run at real time too; also the least time between two moved blinks."""
EASE = 0.25
"""Seconds in which a performance that runs back and forth gets up to speed again."""
FADE = 0.5
"""Seconds over which the end of the old performance passes into what goes on after it."""
SNAP = 1e-6
"""Frames; a place this near to an old frame is that frame, bit for bit."""
SAME = 1e-4
"""Seconds; lengths that differ by less are the same."""


class Stretch(StrEnum):
    """What the old performance does under a sound that is longer or shorter than it.

    ``LIVE`` goes on with new motion by the seed, ``HOLD`` keeps the last pose (with open eyes), ``LOOP`` runs
    back and forth; under a shorter sound these three just end with it. ``STRETCH`` is fitted to the sound.
    """

    LIVE = "live"
    HOLD = "hold"
    LOOP = "loop"
    STRETCH = "stretch"


@dataclass(frozen=True, eq=False)
class Clock:
    """Old time ``old`` (K,) shown at new time ``new`` (K,), seconds, straight between; ``end`` is the new
    time after which the old performance has nothing to say (infinite where it always has)."""

    new: Float64
    old: Float64
    end: float = np.inf

    def old_times(self, times: Float64) -> Float64:
        """Old times (n,) at new ones."""
        return np.interp(times, self.new, self.old)

    def old_frames(self, times: Float64, rate: float) -> Float64:
        """Old frames (n,), counted with fractions, at new times; whole where they nearly are."""
        frames = self.old_times(times) * rate
        whole = np.rint(frames)
        return np.where(np.abs(frames - whole) < SNAP, whole, frames)

    def presence(self, times: Float64) -> Float64:
        """How much (n,) of the old performance there is: 1, falling to 0 after its end."""
        return smoothstep(np.clip(1 - (times - self.end) / FADE, 0.0, 1.0))


def clock(stretch: Stretch, old: float, new: float, blinks: Float64) -> Clock:
    """The clock for an old performance of ``old`` seconds (first to last frame) with ``blinks`` (B, 2) from
    onset to offset, under a new one of ``new`` seconds."""
    if stretch is Stretch.STRETCH and old > SAME and abs(new - old) > SAME:
        return _stretched(old, new, blinks)
    if new <= old + SAME:
        return Clock(np.array([0.0, max(old, SAME)]), np.array([0.0, max(old, SAME)]))
    if stretch is Stretch.LOOP and old > 2 * EASE:
        return _looped(old, new, blinks)
    reopened = next((start for start, end in blinks if end >= old - SAME), old)
    knots = np.array([0.0, old, 2 * old - reopened + SAME])
    return Clock(knots, np.array([0.0, old, reopened]), old if stretch is Stretch.LIVE else np.inf)


def _looped(old: float, new: float, blinks: Float64) -> Clock:
    """Forth, back, forth …; every turn gets up to speed slowly, unless the lids are on their way."""
    inside = (bool((blinks[:, 0] <= SAME).any()), bool((blinks[:, 1] >= old - SAME).any()))
    times, places = [0.0], [0.0]
    now, at, forth = 0.0, 0.0, True
    while now < new:
        goal = old if forth else 0.0
        step = 1.0 if forth else -1.0
        if now > 0 and not inside[0 if forth else 1]:
            part = np.linspace(0, 1, 9)[1:]
            times += (now + EASE * part).tolist()
            places += (at + step * 0.5 * EASE * part**2).tolist()
            now, at = times[-1], places[-1]
        now, at = now + abs(goal - at), goal
        times.append(now)
        places.append(at)
        forth = not forth
    return Clock(np.array(times), np.array(places))


def _stretched(old: float, new: float, blinks: Float64) -> Clock:
    """Evenly stretched, but blinks keep their length around their moved middles."""
    spans = _joined(np.clip(blinks + [-MARGIN, MARGIN], 0.0, old))
    lengths = spans[:, 1] - spans[:, 0]
    if lengths.sum() + MARGIN * (len(spans) + 1) > new:
        return Clock(np.array([0.0, new]), np.array([0.0, old]))
    begin = spans.mean(axis=1) * new / old - 0.5 * lengths
    for k in range(len(spans)):  # none begins before the one before it has ended
        first = begin[k - 1] + lengths[k - 1] + MARGIN if k else 0.0 if spans[0, 0] <= SAME else MARGIN
        begin[k] = max(begin[k], first)
    for k in reversed(range(len(spans))):
        free = 0.0 if spans[k, 1] >= old - SAME else MARGIN
        last = begin[k + 1] - MARGIN if k + 1 < len(spans) else new - free
        begin[k] = last - lengths[k] if not free else min(begin[k], last - lengths[k])
    if len(spans) and spans[0, 0] <= SAME:
        begin[0] = 0.0
    at = np.stack([begin, begin + lengths], axis=1)
    times = np.concatenate([[0.0], at.ravel(), [new]])
    places = np.concatenate([[0.0], spans.ravel(), [old]])
    kept = np.concatenate([[True], np.diff(times) > 1e-9])  # a blink at an end has no way to it
    return Clock(times[kept], places[kept])


def _joined(spans: Float64) -> Float64:
    """Spans (B, 2) in order, those that overlap as one."""
    joined: list[list[float]] = []
    for start, end in sorted(spans.tolist()):
        if joined and start <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], end)
        else:
            joined.append([start, end])
    return np.array(joined).reshape(-1, 2)


def lid_vertices(template: Template) -> NDArray[np.int64]:
    """The middles (S, 2) of the upper and the lower lid of each eye that the template has marks for."""
    marks = template.landmarks
    names = [(f"lid_upper_{side}", f"lid_lower_{side}") for side in ("left", "right")]
    rows = [(marks[upper], marks[lower]) for upper, lower in names if upper in marks and lower in marks]
    return np.array(rows, np.int64).reshape(-1, 2)


def lid_closure(rest: NDArray[np.floating], lids: NDArray[np.floating]) -> Float64:
    """How far the lids are closed (T,): 0 as at rest, 1 shut; ``rest`` (S, 2, 3) and displacements ``lids``
    (T, S, 2, 3) of the upper and lower middles."""
    open_ = float((rest[:, 0, 2] - rest[:, 1, 2]).sum())
    if not len(rest) or open_ <= 0:
        return np.zeros(len(lids))
    return (lids[:, :, 1, 2] - lids[:, :, 0, 2]).sum(axis=1).astype(np.float64) / open_


def find_blinks(closure: Float64, rate: float) -> Float64:
    """Blinks (B, 2) of a closure (T,) at ``rate`` frames a second: seconds from onset to offset.

    A blink under way at the first or last frame counts from or up to there.
    """
    usual = _usual(closure, max(1, round(0.5 * AROUND * rate)))
    height = closure - usual
    spans = []
    for start, stop in runs_of(height > DEEP):
        peak = start + int(height[start:stop].argmax())
        low = FOOT * height[peak]
        first, last = peak, peak
        while first > 0 and height[first] > low:
            first -= 1
        while last < len(closure) - 1 and height[last] > low:
            last += 1
        if (last - first) / rate <= LONGEST:
            spans.append((first / rate, last / rate))
    return _joined(np.array(spans).reshape(-1, 2))


def _usual(closure: Float64, reach: int) -> Float64:
    """The median (T,) of a closure over ``reach`` frames before and after."""
    padded = np.pad(closure, reach, mode="reflect" if len(closure) > reach else "edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1), axis=1)
