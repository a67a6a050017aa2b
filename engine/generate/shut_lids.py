# SPDX-License-Identifier: GPL-3.0-or-later
"""Blinks that end shut on every head.

The model moves each head in its own way, and on a few a blink that is meant to be shut stops short of it:
a slit stays in the middle of the eye. Here such a blink goes on, along the head's own `eyeBlink`, until its
lids meet; where they meet unevenly the open part is drawn shut. It is done in the decoder's coefficients, so
vertices, weights and correctives all see it; blinks that shut by themselves, half-shut lids and squints stay
bit for bit.
"""

from __future__ import annotations

from collections import deque
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import ramp
from ..geometry.units import carry_units, close
from ..template import Template
from .lids import LID, running_max
from .weights import Contacts

Floats = NDArray[np.floating[Any]]
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

SLIT = 2e-4
"""Metres up to which the widest place between shut lids isn't seen; what is wider is closed down to it."""

CROSSED = 1e-3
"""Metres by which other places of the margins may pass each other for it; what is open then is closed where
it is open. *Measured*: where the model's own blinks shut, places of the margins pass each other by 1.2 mm."""

MEANT = (0.13, 0.22)
"""Parts of an eye's opening: a blink that leaves the first is meant to be shut, one that leaves the second
isn't. *Measured*: on 300 heads the worst full blink left 0.11; the teacher means one in seventeen to leave
0.05 to 0.3."""

RISES = (0.25, 0.45)
"""By how much of the opening lids that blink come nearer than before and after: from nothing to a blink."""

FOOT = 0.4
"""Closure up to which a blink's way down and up stays as it is."""

AROUND = 0.4
"""Seconds before and after its peak in which a blink begins and ends."""

PEAK = 0.1
"""Seconds around a peak that are no more shut."""

REACH = 0.25
"""Seconds before and after a peak in which a blink is closed further."""

SMALLEST = 1e-3
"""Metres; eyes that a head's rest opens by less have no blink."""

STILL = 0.2
"""Of the largest travel of a margin; places that travel less don't ask all the others to go further."""

LID_SKIN, ELSEWHERE = 0.1, 100.0
"""Of the blink's largest travel, from which on skin belongs to the lid; how much the square of motion counts
anywhere else. *Measured*: closing a millimetre at an eye's outer half moves lids by 0.8 mm, all else by 0.04;
if all skin counts alike it lifts a brow by 2 mm."""

RIDGE, EASY, TINY = 1e-7, 0.1, 1e-9
"""Of the basis' own size, which settles directions that a decoder never uses; of what the pairs ask for, so
that neighbours needn't move against each other; metres."""

TURNS = 2
"""How often what the open places still leave of themselves is asked for once more."""


class ShutLids:
    """Ends the blinks of one head shut, given the decoder's last layer: `basis` (K, V, 3), or None where
    coefficients are displacements (V · 3); `rest` (V, 3) is the head's, in normalised template space."""

    def __init__(self, template: Template, rest: Float32, basis: Float32 | None, fps: float) -> None:
        self._template, self._rest, self._basis = template, rest, basis
        self.reach, self.around, self.peak = (max(1, round(time * fps)) for time in (REACH, AROUND, PEAK))
        units = [f"{LID}{side}" for side in ("Left", "Right") if f"{LID}{side}" in template.unit_names]
        rows = {unit: template.closure_unit == template.unit(unit) for unit in units}
        self._units = [unit for unit in units if rows[unit].any()]
        self._pairs = [Pairs(template, rows[unit]) for unit in self._units]
        self._open = [pairs.gaps(rest) for pairs in self._pairs]
        self._slopes = [
            None if basis is None else pairs.gaps(basis).astype(np.float32) for pairs in self._pairs
        ]

    @property
    def ahead(self) -> int:
        """Frames after one that it depends on."""
        return self.reach + self.around

    def gaps(self, codes: Float32) -> list[Float64]:
        """How far the lids are apart (n, P), metres, for each eye, by coefficients (n, K)."""
        return [
            opened + (pairs.gaps(self._moved(codes)) if slopes is None else codes @ slopes)
            for opened, slopes, pairs in zip(self._open, self._slopes, self._pairs, strict=True)
        ]

    def added(self, gaps: list[Float64], rows: slice) -> Float32 | None:
        """What to add to the coefficients (n, K) of `rows`, by the gaps (T, P) around them; None for
        nothing."""
        found = None
        for eye, apart in enumerate(gaps):
            further = self._further(eye, apart)
            if further is None or not further[rows].any():
                continue
            part = further[rows].astype(np.float32) @ self._ways[eye]
            found = part if found is None else found + part
        return found

    def _further(self, eye: int, gaps: Float64) -> Float64 | None:
        """How far each of an eye's ways goes in each frame (T, 1 + P); None where no blink needs it."""
        opening = float(np.clip(self._open[eye], 0.0, None).sum())
        if opening < SMALLEST * gaps.shape[1]:
            return None
        left = np.maximum(gaps, 0.0).sum(axis=1) / opening
        nearly = (left < MEANT[1]) & (gaps.max(axis=1) > SLIT)
        if not nearly.any():
            return None
        closure, found = 1.0 - gaps.sum(axis=1) / opening, None
        for peak in np.flatnonzero(nearly & (closure >= running_max(closure, self.peak))).tolist():
            meant = self._blinks(closure, peak) * (1.0 - ramp(left[peak], *MEANT))
            along = ramp(closure, FOOT, max(closure[peak], FOOT + 1e-3))
            along *= np.abs(np.arange(len(closure)) - peak) <= self.reach
            further = meant * along[:, None] * self._shutting(eye, gaps[peak])
            found = further if found is None else np.maximum(found, further)
        return found

    def _blinks(self, closure: Float64, peak: int) -> float:
        """Whether lids blink at a peak of their closure (T,), 0…1, or rest there."""
        before = closure[max(0, peak - self.around) : peak + 1].min()
        after = closure[peak : peak + self.around + 1].min()
        return float(ramp(closure[peak] - max(before, after), *RISES))

    def _shutting(self, eye: int, gaps: Float64) -> Float64:
        """How far to go each way (1 + P,) to shut lids that are `gaps` (P,) apart: with `eyeBlink` as far as
        no place of the margins passes the other by much, and what is open then where it is open."""
        travel = self._travels[eye]
        blink, own = travel[0], travel[1:]
        moves = blink > STILL * blink.max()
        wanted = float(((gaps - SLIT) / np.where(moves, blink, np.inf)).max())
        allowed = float(((gaps + CROSSED) / np.maximum(blink, TINY)).min())
        together = max(0.0, min(wanted, allowed))
        left = np.maximum(gaps - together * blink - SLIT, 0.0)
        places = left.copy()
        for _ in range(TURNS):  # each place brings its neighbours along, and comes a part of its way
            places = np.maximum(places + left - places @ own, 0.0)
        return np.r_[together, places]

    @cached_property
    def _ways(self) -> list[Float32]:
        """For each eye the coefficients (1 + P, K) of its `eyeBlink` on this head, and of what brings the
        lids together by a metre about one pair; few heads need them."""
        units = carry_units(self._template, self._rest)
        blinks = [units[self._template.unit(unit)] for unit in self._units]
        if self._basis is None:
            return [np.vstack([blink.reshape(1, -1), self._fields(eye)]) for eye, blink in enumerate(blinks)]
        rows = self._basis.reshape(len(self._basis), -1)
        slopes = [pairs.gaps(self._basis) for pairs in self._pairs]
        gram = (rows @ rows.T).astype(np.float64)
        return [_within(rows, gram, blink, gaps) for blink, gaps in zip(blinks, slopes, strict=True)]

    def _fields(self, eye: int) -> Float32:
        """Displacements (P, 3 V) that close an eye's lids by a metre about one pair."""
        count, down = len(self._open[eye]), np.array([0.0, 0.0, -1.0])
        fields = [close(self._template, self._units[eye], pair[:, None] * down) for pair in np.eye(count)]
        return np.stack(fields).reshape(count, -1).astype(np.float32)

    @cached_property
    def _travels(self) -> list[Float64]:
        """By how much each eye's ways bring its pairs together (1 + P, P), metres."""
        still = np.zeros_like(self._ways[0][:1])
        return [self.gaps(still)[eye] - self.gaps(ways)[eye] for eye, ways in enumerate(self._ways)]

    def _moved(self, codes: Float32) -> Float32:
        return codes.reshape(len(codes), *self._rest.shape)


class Pairs:
    """The pairs of an eye's margins, and the few vertices that they are about."""

    def __init__(self, template: Template, rows: NDArray[np.bool_]) -> None:
        both = np.stack([template.closure_moving[rows], *template.closure_fixed[rows].T])
        self._vertices, known = np.unique(both, return_inverse=True)
        known, mix = known.reshape(both.shape), template.closure_mix[rows].astype(np.float64)
        self._contacts = Contacts(known[0], known[1:].T, mix, np.ones(len(mix)))

    def gaps(self, shapes: Floats) -> Float64:
        """The upper margin's heights (…, P) above the lower one's, of vertices (…, V, 3)."""
        return -self._contacts.gaps(shapes[..., self._vertices, :])


class ShutStream:
    """One take on its way: blocks of coefficients go in and come out in the same blocks, later where a blink
    isn't known to its end; `frames` in all."""

    def __init__(self, lids: ShutLids, frames: int) -> None:
        self._lids, self._frames = lids, frames
        self._waiting: deque[Float32] = deque()
        self._gaps: list[Float64] | None = None
        self._first, self._known, self._given = 0, 0, 0  # of the gaps, and behind blocks in and out

    def push(self, codes: Float32) -> list[Float32]:
        """The blocks (n, K) that are certain once the next one has come."""
        gaps = self._lids.gaps(codes)
        self._gaps = gaps if self._gaps is None else _joined(self._gaps, gaps)
        self._waiting.append(codes)
        self._known += len(codes)
        ready = []
        while self._waiting:
            until = self._given + len(self._waiting[0]) + self._lids.ahead
            if self._known < min(until, self._frames):
                break
            ready.append(self._shut(self._waiting.popleft(), min(until, self._known)))
        return ready

    def _shut(self, codes: Float32, until: int) -> Float32:
        """A block with its blinks shut, by what is known before frame `until`."""
        assert self._gaps is not None
        at = self._given - self._first
        gaps = [part[: until - self._first] for part in self._gaps]
        added = self._lids.added(gaps, slice(at, at + len(codes)))
        self._given += len(codes)
        keep = max(self._given - self._lids.ahead, self._first)
        self._gaps = [part[keep - self._first :] for part in self._gaps]
        self._first = keep
        return codes if added is None else codes + added


def _joined(before: list[Float64], after: list[Float64]) -> list[Float64]:
    return [np.concatenate(parts) for parts in zip(before, after, strict=True)]


def _within(rows: Float32, gram: Float64, blink: Float32, slopes: Float64) -> Float32:
    """An eye's ways (1 + P, K) in a basis of `rows` (K, 3 V) with their `gram` (K, K): the nearest to its
    `blink` (V, 3), and the least motion that closes its pairs, of which each direction opens `slopes` (K, P);
    motion where the blink moves nothing counts most."""
    travel = np.linalg.norm(blink, axis=1)
    skin = rows[:, (travel > LID_SKIN * travel.max()).repeat(3)].astype(np.float64)
    far = ELSEWHERE * gram - (ELSEWHERE - 1.0) * (skin @ skin.T)
    first = np.linalg.solve(_settled(gram, RIDGE), rows @ blink.reshape(-1))
    moved = np.linalg.solve(_settled(far, RIDGE), slopes)
    places = np.linalg.solve(_settled(slopes.T @ moved, EASY), -moved.T)
    return np.vstack([first, places]).astype(np.float32)


def _settled(gram: Floats, part: float) -> Float64:
    """A gram matrix (n, n) with a part of its own size on its diagonal."""
    return gram + part * np.trace(gram) / len(gram) * np.eye(len(gram))
