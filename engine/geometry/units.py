# SPDX-License-Identifier: GPL-3.0-or-later
"""The template's units on another head: a child's jaw opens less far, a tall eye's lid travels further.

Each unit gets one affine map, fitted by regularised weighted least squares over the vertices it moves, from
the mean template to the other rest shape (both in normalised template space), and applied to the unit's
displacements. Where margins must meet (lids by eyeBlink, lips by mouthClose with jawOpen), what the affine
map leaves open is closed by a smooth local correction, so that weight 1 closes them on every head. Both steps
depend on nothing but the rest shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..template import Template

Doubles = NDArray[np.float64]

# pull toward the identity map, as a part of the unit's own spread: flat regions leave a direction open
RIDGE = 0.02
REACH = 0.006  # metres; width of the Gaussians that carry a closure's correction into its surroundings
MOBILITY = 0.15  # of the margin's largest travel: vertices that move less take no part in the correction
KERNEL_RIDGE = 0.004  # keeps corrections of neighbouring pairs from working against each other


@dataclass(frozen=True, eq=False)
class _Closure:
    """Pairs of one unit, and the field (N, P) that spreads their corrections over `vertices` (N,)."""

    unit: int
    other: int
    pairs: NDArray[np.intp]
    vertices: NDArray[np.intp]
    field: Doubles


def carry_units(template: Template, rest: ArrayLike) -> NDArray[np.float32]:
    """Unit displacements (U, V, 3), metres, on a rest shape (V, 3) aligned to the template."""
    shape = np.asarray(rest, np.float64)
    maps = affine_maps(template, shape).astype(np.float32)
    carried = np.matmul(template.unit_deltas, maps.swapaxes(1, 2))
    for closure in _closures(template):
        carried[closure.unit, closure.vertices] += (
            closure.field @ _missing(template, closure, shape, carried)
        ).astype(np.float32)
    return carried


def affine_maps(template: Template, rest: Doubles) -> Doubles:
    """Linear parts (U, 3, 3) of the units' maps from the mean template to `rest` (V, 3)."""
    weights = np.linalg.norm(template.unit_deltas, axis=2).astype(np.float64)
    return fit_affine(weights, np.asarray(template.rest, np.float64), rest)[0]


def fit_affine(weights: Doubles, source: Doubles, target: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """Affine maps from source points (V, 3) to target points (V, 3), one for each row of weights (G, V).

    Gives their linear parts (G, 3, 3) and the weighted means (G, 3) of source and target, which they map onto
    each other.
    """
    weights = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
    from_centre, to_centre = source.mean(axis=0), target.mean(axis=0)
    x, y = source - from_centre, target - to_centre  # small numbers keep the moments exact
    mean_x, mean_y = weights @ x, weights @ y
    xx = _moments(weights, x, x) - mean_x[:, :, None] * mean_x[:, None]
    yx = _moments(weights, y, x) - mean_y[:, :, None] * mean_x[:, None]
    ridge = (RIDGE * np.trace(xx, axis1=1, axis2=2)[:, None, None] + 1e-12) * np.eye(3)
    linear = np.linalg.solve(xx + ridge, np.swapaxes(yx + ridge, 1, 2)).swapaxes(1, 2)
    return linear, mean_x + from_centre, mean_y + to_centre


def closure_gaps(template: Template, rest: ArrayLike, units: NDArray[np.floating]) -> Doubles:
    """How far each closure pair is from meeting at weight 1 (P, 3), metres: where it should be minus where
    it is.
    """
    shape, gaps = np.asarray(rest, np.float64), np.zeros((len(template.closure_unit), 3))
    for closure in _closures(template):
        gaps[closure.pairs] = _missing(template, closure, shape, units)
    return gaps


def close(template: Template, unit: str, wanted: ArrayLike) -> Doubles:
    """Displacements (V, 3) that move the closure pairs (P', 3) of a unit by what is `wanted`, and the skin
    around them smoothly with them; the opposite margin stays."""
    field = np.zeros((len(template), 3))
    if unit in template.unit_names:
        for closure in _closures(template):
            if closure.unit == template.unit(unit):
                field[closure.vertices] = closure.field @ np.asarray(wanted, np.float64)
    return field


def _missing(template: Template, closure: _Closure, rest: Doubles, units: NDArray[np.floating]) -> Doubles:
    """Displacements (P, 3) that the moving vertices of a closure still need."""
    moving = template.closure_moving[closure.pairs]
    fixed, mix = (
        template.closure_fixed[closure.pairs],
        template.closure_mix[closure.pairs, None].astype(np.float64),
    )

    def opposite(values: NDArray[np.floating]) -> Doubles:
        return values[fixed[:, 0]] * (1 - mix) + values[fixed[:, 1]] * mix

    closed = units[closure.unit].astype(np.float64)
    if closure.other >= 0:
        closed = closed + units[closure.other]
    kept = template.closure_keep[closure.pairs] * (rest[moving] - opposite(rest))
    return opposite(rest + closed) + kept - (rest + closed)[moving]


@lru_cache(maxsize=8)
def _closures(template: Template) -> tuple[_Closure, ...]:
    return tuple(_closure(template, int(unit)) for unit in np.unique(template.closure_unit))


def _closure(template: Template, unit: int) -> _Closure:
    """The correction field of one unit: Gaussians around the moving vertices, weighted by how far a vertex
    moves.

    Mobility comes from the unit that opens (jawOpen for the lips), else from the closing unit itself, so the
    margin that stays (the lower lid, the upper lip) is left alone although it lies close by. Ridge
    regression, because at the corners of an eye the lids hardly move and could only be bent into spikes.
    """
    pairs = np.flatnonzero(template.closure_unit == unit)
    moving, other = template.closure_moving[pairs], int(template.closure_with[pairs[0]])
    travel = np.linalg.norm(template.unit_deltas[unit if other < 0 else other], axis=1).astype(np.float64)
    mobility = np.clip((travel / travel[moving].max() - MOBILITY) / (1 - MOBILITY), 0, 1)
    place = template.rest.astype(np.float64)
    distance = np.linalg.norm(place[:, None] - place[moving][None], axis=2)
    kernel = np.exp(-0.5 * (distance / REACH) ** 2) * mobility[:, None]
    vertices = np.flatnonzero(kernel.max(axis=1) > 1e-4)
    at_pairs = kernel[moving]
    normal = at_pairs.T @ at_pairs + KERNEL_RIDGE * np.eye(len(pairs))
    return _Closure(unit, other, pairs, vertices, kernel[vertices] @ np.linalg.solve(normal, at_pairs.T))


def _moments(weights: Doubles, a: Doubles, b: Doubles) -> Doubles:
    """Weighted sums over vertices of a ⊗ b, (U, 3, 3)."""
    return (weights @ (a[:, :, None] * b[:, None, :]).reshape(-1, 9)).reshape(-1, 3, 3)
