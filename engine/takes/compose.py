# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts the stretches of a take on one time line: those that touch become one, the later one wins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import smoothstep

Float32 = NDArray[np.float32]

BLEND_SECONDS = Fraction(1, 8)
"""From one stretch into the next that touches it, so that the face doesn't jump."""


@dataclass(frozen=True, eq=False)
class Stretch:
    """Weights from scene frame ``frame`` on, one row a frame: ``units`` (T, U) by ``unit_names`` (U,),
    ``correctives`` (T, K) by ``corrective_names`` (K,). ``keep`` (T,) are frames that must have keys."""

    frame: int
    unit_names: tuple[str, ...]
    units: Float32
    corrective_names: tuple[str, ...] = ()
    correctives: Float32 | None = None
    keep: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.units)

    @property
    def stop(self) -> int:
        """The first frame after it."""
        return self.frame + len(self.units)


def compose(stretches: Sequence[Stretch], rate: Fraction) -> tuple[Stretch, ...]:
    """Stretches that neither overlap nor touch, in order of time, all with the same names.

    Where one begins while another still goes on, it takes over, with a short blend; where it ends before the
    other, that one goes on.
    """
    if len(stretches) == 1:
        return tuple(stretches)
    units = _names(stretch.unit_names for stretch in stretches)
    correctives = _names(stretch.corrective_names for stretch in stretches)
    blend = max(1, round(BLEND_SECONDS * rate))
    return tuple(_joined(group, units, correctives, blend) for group in _groups(stretches))


def overlaps(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Pairs of numbers of the ``spans`` (first frame, first after it) that share frames, the one that begins
    later second."""
    order = sorted(range(len(spans)), key=lambda number: spans[number][0])
    return [
        (one, other)
        for at, one in enumerate(order)
        for other in order[at + 1 :]
        if spans[other][0] < spans[one][1]
    ]


def _names(lists: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for names in lists for name in names))


def _groups(stretches: Sequence[Stretch]) -> list[list[Stretch]]:
    groups: list[list[Stretch]] = []
    end = 0
    for stretch in sorted(stretches, key=lambda each: each.frame):
        if groups and stretch.frame <= end:
            groups[-1].append(stretch)
            end = max(end, stretch.stop)
        else:
            groups.append([stretch])
            end = stretch.stop
    return groups


def _joined(
    group: Sequence[Stretch], unit_names: tuple[str, ...], corrective_names: tuple[str, ...], blend: int
) -> Stretch:
    first, stop = group[0].frame, max(stretch.stop for stretch in group)
    rows = np.zeros((stop - first, len(unit_names) + len(corrective_names)), np.float32)
    taken = np.zeros(len(rows), bool)
    keep = np.zeros(len(rows), bool)
    for stretch in group:
        own = np.concatenate([_units(stretch, unit_names), _correctives(stretch, corrective_names)], axis=1)
        at = slice(stretch.frame - first, stretch.stop - first)
        rows[at] = _blended(rows, taken, at, own, blend)
        taken[at] = True
        if stretch.keep is not None:
            keep[at] |= stretch.keep
    units, correctives = np.split(rows, [len(unit_names)], axis=1)
    return Stretch(
        first,
        unit_names,
        np.ascontiguousarray(units),
        corrective_names,
        np.ascontiguousarray(correctives) if corrective_names else None,
        keep,
    )


def _blended(rows: Float32, taken: NDArray[np.bool_], at: slice, own: Float32, blend: int) -> Float32:
    """``own`` (n, …), eased out of what stood before its first frame, and into what goes on after it."""
    own = own.copy()
    count = min(blend, len(own))
    ease = smoothstep(np.arange(1, count + 1, dtype=np.float32) / (count + 1))[:, None]
    if at.start > 0 and taken[at.start - 1]:
        there = taken[at][:count, None]
        before = np.where(there, rows[at][:count], rows[at.start - 1])
        own[:count] = before + ease * (own[:count] - before)
    if at.stop < len(rows) and taken[at.stop]:
        after = rows[at][-count:]
        own[-count:] = after + ease[::-1] * (own[-count:] - after)
    return own


def _units(stretch: Stretch, names: tuple[str, ...]) -> Float32:
    return _columns(stretch.units, stretch.unit_names, names)


def _correctives(stretch: Stretch, names: tuple[str, ...]) -> Float32:
    if stretch.correctives is None:
        return np.zeros((len(stretch), len(names)), np.float32)
    return _columns(stretch.correctives, stretch.corrective_names, names)


def _columns(values: Float32, have: tuple[str, ...], want: tuple[str, ...]) -> Float32:
    if have == want:
        return values
    wide = np.zeros((len(values), len(want)), np.float32)
    wide[:, [want.index(name) for name in have]] = values
    return wide
