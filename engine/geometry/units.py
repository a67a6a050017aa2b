# SPDX-License-Identifier: GPL-3.0-or-later
"""The template's units on another head: a child's jaw opens less far, a tall eye's lid travels further.

Each unit gets one affine map, fitted by regularised weighted least squares over the vertices it moves, from the mean
template to the other rest shape (both in normalised template space), and applied to the unit's displacements.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..template import Template

RIDGE = 0.02  # pull toward the identity map, as a part of the unit's own spread: flat regions leave a direction open


def affine_maps(template: Template, rest: ArrayLike) -> NDArray[np.float64]:
    """Linear parts (U, 3, 3) of the units' maps from the mean template to `rest` (V, 3)."""
    source = np.asarray(template.rest, np.float64)
    target = np.asarray(rest, np.float64)
    weights = np.linalg.norm(template.unit_deltas, axis=2).astype(np.float64)
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
    x, y = source - source.mean(axis=0), target - target.mean(axis=0)  # small numbers keep the moments exact
    mean_x, mean_y = weights @ x, weights @ y
    xx = _moments(weights, x, x) - mean_x[:, :, None] * mean_x[:, None]
    yx = _moments(weights, y, x) - mean_y[:, :, None] * mean_x[:, None]
    ridge = RIDGE * np.trace(xx, axis1=1, axis2=2)[:, None, None] * np.eye(3) + 1e-12 * np.eye(3)
    return np.linalg.solve(xx + ridge, np.swapaxes(yx + ridge, 1, 2)).swapaxes(1, 2)


def carry_units(template: Template, rest: ArrayLike) -> NDArray[np.float32]:
    """Unit displacements (U, V, 3), metres, on a rest shape (V, 3) aligned to the template."""
    maps = affine_maps(template, rest).astype(np.float32)
    return np.matmul(template.unit_deltas, maps.swapaxes(1, 2))


def _moments(weights: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weighted sums over vertices of a ⊗ b, (U, 3, 3)."""
    return (weights @ (a[:, :, None] * b[:, None, :]).reshape(-1, 9)).reshape(-1, 3, 3)
