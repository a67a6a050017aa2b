# SPDX-License-Identifier: GPL-3.0-or-later
"""Viseme weights from unit weights: bounded least squares on the mouth's motion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..generate.weights import BoxProblem
from .lips import Float64, LipMotion
from .visemes import SILENCE, pattern_rows

RIDGE = 0.02
"""Pull of every viseme towards 0, as a part of its own size: those that look alike share, instead of taking
turns from frame to frame."""

SLACK = 0.2
"""Millimetres by which visemes may leave the lips further apart than the units do."""

STEPS = 200


def viseme_weights(
    limits: Mapping[str, float],
    unit_names: Sequence[str],
    weights: NDArray[np.floating],
    lips: LipMotion,
) -> dict[str, NDArray[np.float32]]:
    """Weights (T,) of each viseme of `limits`, from 0 to its limit (at most 1), from unit weights (T, U).

    Together they are never more than 1, so that no two open the mouth twice; silence has what is left over.
    """
    names = [name for name in limits if name != SILENCE]
    rows = pattern_rows(names, unit_names)
    wanted = weights.astype(np.float64)
    found = _fit(rows, wanted, lips, np.array([limits[name] for name in names]))
    found /= np.maximum(found.sum(axis=1, keepdims=True), 1.0)
    found *= _shut(rows, found, wanted, lips)
    result = {name: found[:, at].astype(np.float32) for at, name in enumerate(names)}
    if SILENCE in limits:
        rest = np.clip(1.0 - found.sum(axis=1), 0.0, limits[SILENCE])
        result[SILENCE] = rest.astype(np.float32)
    return result


def _fit(rows: Float64, wanted: Float64, lips: LipMotion, limits: Float64) -> Float64:
    """Weights (T, K) of patterns (K, U) whose motion comes nearest to that of the units (T, U)."""
    products = rows @ lips.metric
    sizes = np.sqrt(np.maximum(np.einsum("ku,ku->k", products, rows), 0.0))
    moves = sizes > 1e-9
    scale = np.where(moves, 1.0 / np.maximum(sizes, 1e-9), 0.0)
    gram = (products @ rows.T) * np.outer(scale, scale) + RIDGE * np.eye(len(rows))
    problem = BoxProblem(0.5 * (gram + gram.T))
    target = (wanted @ products.T) * scale
    return problem.solve(target, sizes * limits, steps=STEPS, tolerance=0.0) * scale


def _shut(rows: Float64, found: Float64, wanted: Float64, lips: LipMotion) -> Float64:
    """Factors (T, K) that close what opens the lips further than the units do; 1 for what closes them."""
    gaps = rows @ lips.gap
    opening = found @ np.maximum(gaps, 0.0)
    allowed = np.maximum(wanted @ lips.gap, 0.0) + SLACK
    factor = np.minimum(1.0, allowed / np.maximum(opening, 1e-9))
    return np.where(gaps > 0.0, factor[:, None], 1.0)
