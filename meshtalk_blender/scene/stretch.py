# SPDX-License-Identifier: GPL-3.0-or-later
"""How the scale of an object, and its parents', stretches its mesh. A head is fitted, and its motion
reckoned, in the shape in which it is seen: in its own space the face may be narrower or lower.

Only what is uneven counts: size, turns and mirroring are for the fit to find. A scale that moves in time is
no shape of the head (squash and stretch), and is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import bpy

from .actions import all_curves
from .places import at_rest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Signs = tuple[float, float, float, float, float, float]

EVEN: Signs = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)

LEAST = 1e-3
"""Squares of lengths that differ by less are no stretch: half a thousandth in length."""

SCALES = frozenset({"scale", "delta_scale"})

_PLACES = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


def stretch_signs(face: bpy.types.Object) -> Signs:
    """What the squares of lengths gain by the stretch (xx, yy, zz, xy, xz, yz), at the same volume: EVEN
    for an even scale. Cheap enough to be asked while drawing."""
    matrix = at_rest(face).to_3x3()
    volume = abs(matrix.determinant())
    if volume < 1e-30:
        return EVEN
    squares = (matrix.transposed() @ matrix) * (1.0 / volume ** (2 / 3))
    signs = [squares[row][column] - float(row == column) for row, column in _PLACES]
    if max(map(abs, signs)) < LEAST or any(_scale_moves(thing) for thing in _with_parents(face)):
        return EVEN
    return (signs[0], signs[1], signs[2], signs[3], signs[4], signs[5])


def are_same(one: Iterable[float], other: Iterable[float]) -> bool:
    """Whether two stretches are one, but for rounding."""
    return all(abs(a - b) < 0.1 * LEAST for a, b in zip(one, other, strict=True))


def stretch_of(face: bpy.types.Object) -> NDArray[np.float64]:
    """The stretch (3, 3), symmetric and of volume 1: object space times it is how the head is seen, but for
    place, turn, mirroring and size. The unit matrix for an even scale."""
    import numpy as np  # late: Blender starts without it

    signs = stretch_signs(face)
    squares = np.eye(3)
    if signs == EVEN:
        return squares
    for (row, column), sign in zip(_PLACES, signs, strict=True):
        squares[row, column] = squares[column, row] = sign + float(row == column)
    lengths, axes = np.linalg.eigh(squares)
    return (axes * np.sqrt(lengths)) @ axes.T


def _with_parents(thing: bpy.types.Object | None) -> Iterator[bpy.types.Object]:
    while thing is not None:
        yield thing
        thing = thing.parent


def _scale_moves(thing: bpy.types.Object) -> bool:
    """Whether drivers or curves change an object's scale; keys that all say the same don't."""
    animation = thing.animation_data
    if animation is None:
        return False
    if any(driver.data_path in SCALES for driver in animation.drivers):
        return True
    strips = [strip.action for track in animation.nla_tracks for strip in track.strips]
    actions = dict.fromkeys([animation.action, *strips])
    curves = (curve for action in actions if action is not None for curve in all_curves(action))
    return any(curve.data_path in SCALES and _moves(curve) for curve in curves)


def _moves(curve: bpy.types.FCurve) -> bool:
    values = [key.co[1] for key in curve.keyframe_points]
    return len(values) > 0 and max(values) - min(values) > LEAST * max(map(abs, values))
