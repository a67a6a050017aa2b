# SPDX-License-Identifier: GPL-3.0-or-later
"""The mouth of one take with the eyes and brows of another, by their curves alone: no model is needed.

Each unit belongs to one of the two regions, so each curve is one of the two takes' own, bit for bit.
Correctives are made for the lips and cheeks: they stay with the mouth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..arrays import smoothstep
from ..errors import OptionError
from ..rigs.mapping import MOUTH
from ..takes.compose import Stretch, compose
from ..takes.curves import RawCurves

Float32 = NDArray[np.float32]
Placed = tuple[int, RawCurves]
"""A stretch of a take, and the scene frame of its first sample."""

EASE_SECONDS = Fraction(1, 4)
"""Where the upper face's take begins or ends while the mouth speaks, the face comes out of rest, or to it."""


def is_upper(unit: str) -> bool:
    """Whether a unit is of the upper face (brows, lids, gaze, cheeks below the eyes, nose), by its name."""
    return not unit.startswith(MOUTH)


def combine(
    mouth: Sequence[Placed], upper: Sequence[Placed], upper_heads: NDArray[np.bool_] | None = None
) -> tuple[Placed, ...]:
    """Each stretch of ``mouth`` with the upper face that ``upper`` has at the same frames.

    Where that one has none, the upper face is at rest. ``upper_heads`` (H,) says which heads of the latent
    are the upper face's, so that the labels are combined too; without it only equal labels are kept.
    OptionError where the rates differ, or one of them has no stretch.
    """
    rates = {curves.fps for _, curves in (*mouth, *upper)}
    if not mouth or not upper:
        raise OptionError("One of the two takes is empty: choose another.")
    if len(rates) > 1:
        raise OptionError("The two takes have different frame rates: choose takes of one rate.")
    at_places = {(frame, len(curves.weights)): curves for frame, curves in upper}
    line = _line(upper)
    combined = []
    for frame, curves in mouth:
        other = at_places.get((frame, len(curves.weights)))
        there = other or _at(line, frame, curves)
        weights = _mixed(curves, there)
        labels = None if other is None else _mixed_labels(curves.labels, other.labels, upper_heads)
        combined.append((frame, replace(curves, weights=weights, labels=labels)))
    return tuple(combined)


def _mixed(mouth: RawCurves, upper: RawCurves) -> Float32:
    """Weights (T, U) by the mouth's unit names."""
    weights = mouth.weights.copy()
    rows = {name: row for row, name in enumerate(upper.unit_names)}
    for row, name in enumerate(mouth.unit_names):
        if is_upper(name):
            weights[:, row] = upper.weights[:, rows[name]] if name in rows else 0.0
    return weights


def _mixed_labels(
    mouth: NDArray[np.int16] | None, upper: NDArray[np.int16] | None, heads: NDArray[np.bool_] | None
) -> NDArray[np.int16] | None:
    if mouth is None or upper is None or mouth.shape != upper.shape:
        return None
    if np.array_equal(mouth, upper):
        return mouth
    if heads is None or len(heads) != mouth.shape[1]:
        return None
    return np.where(heads, upper, mouth)


def _line(upper: Sequence[Placed]) -> tuple[Stretch, ...]:
    """The upper face's stretches on one time line."""
    rate = upper[0][1].fps
    return compose([Stretch(frame, curves.unit_names, curves.weights) for frame, curves in upper], rate)


def _at(line: Sequence[Stretch], frame: int, like: RawCurves) -> RawCurves:
    """What a time line has at the frames of a stretch, 0 elsewhere, eased where it begins or ends there."""
    names, count = line[0].unit_names, len(like.weights)
    weights = np.zeros((count, len(names)), np.float32)
    ease = max(1, round(EASE_SECONDS * like.fps))
    for stretch in line:
        first, stop = max(stretch.frame, frame), min(stretch.stop, frame + count)
        if first >= stop:
            continue
        own = stretch.units[first - stretch.frame : stop - stretch.frame].copy()
        if first > frame:
            own *= _rise(len(own), ease)[:, None]
        if stop < frame + count:
            own *= _rise(len(own), ease)[::-1, None]
        weights[first - frame : stop - frame] = own
    return RawCurves(names, weights, like.fps)


def _rise(count: int, ease: int) -> Float32:
    """Factors (count,) that come from rest within ``ease`` samples."""
    return smoothstep(np.minimum(np.arange(1, count + 1, dtype=np.float32) / (ease + 1), 1))
