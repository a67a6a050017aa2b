# SPDX-License-Identifier: GPL-3.0-or-later
"""Weighted similarity alignment (Umeyama 1991): scale, rotation and translation between corresponding
points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Doubles = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Similarity:
    """x ↦ scale · rotation x + translation; float64, rotation proper (determinant +1)."""

    scale: float
    rotation: Doubles  # (3, 3)
    translation: Doubles  # (3,)

    def points(self, points: ArrayLike) -> Doubles:
        """Map points (…, 3)."""
        return self.scale * (np.asarray(points, np.float64) @ self.rotation.T) + self.translation

    def vectors(self, vectors: ArrayLike) -> Doubles:
        """Map displacements (…, 3): no translation."""
        return self.scale * (np.asarray(vectors, np.float64) @ self.rotation.T)

    def inverse(self) -> Similarity:
        """The similarity that undoes this one."""
        rotation = self.rotation.T
        return Similarity(1 / self.scale, rotation, -(rotation @ self.translation) / self.scale)


def align(source: ArrayLike, target: ArrayLike, weights: ArrayLike) -> Similarity:
    """The similarity that brings source points (V, 3) nearest to target points (V, 3), weights (V,) ≥ 0.

    Raises ValueError where the weighted source points coincide, because no scale is defined then.
    """
    x, y = np.asarray(source, np.float64), np.asarray(target, np.float64)
    w = np.asarray(weights, np.float64)
    w = w / w.sum()
    centre_x, centre_y = w @ x, w @ y
    x, y = x - centre_x, y - centre_y
    spread = float(w @ (x * x).sum(axis=1))
    if not spread > 0:
        raise ValueError("the points to align coincide")
    left, stretch, right = np.linalg.svd((y * w[:, None]).T @ x)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])  # never a mirror image
    rotation = (left * sign) @ right
    scale = float((stretch * sign).sum() / spread)
    return Similarity(scale, rotation, centre_y - scale * rotation @ centre_x)
