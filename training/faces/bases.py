# SPDX-License-Identifier: GPL-3.0-or-later
"""Linear bases of rest shapes and of motion: principal components with orthonormal rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def identity_basis(rests: Floats, mean: NDArray[np.floating], size: int) -> tuple[Floats, Floats]:
    """Principal components (size, V, 3) of rests (I, V, 3) about `mean`, and the standard deviation along each."""
    offsets = (rests - mean).reshape(len(rests), -1).astype(np.float64)
    _, values, rows = np.linalg.svd(offsets, full_matrices=False)
    std = values[:size] / np.sqrt(len(rests))
    return rows[:size].reshape(-1, *rests.shape[1:]).astype(np.float32), std.astype(np.float32)


def motion_basis(units: Floats, size: int, weights: NDArray[np.floating] | None = None) -> Floats:
    """Orthonormal rows (size, V, 3) that span unit displacements (N, V, 3) best, errors weighted by (V,).

    Principal components of the weighted displacements choose the subspace (of the displacements' own span, so that
    the rows stay smooth); QR makes its rows orthonormal in the plain metric.
    """
    flat = units.reshape(len(units), -1)
    root = np.repeat(np.sqrt(np.ones(units.shape[1]) if weights is None else weights), 3).astype(np.float32)
    weighted = flat * root
    gram = (weighted @ weighted.T).astype(np.float64)
    values, vectors = np.linalg.eigh(gram)
    chosen = vectors[:, ::-1][:, :size] / np.sqrt(np.maximum(values[::-1][:size], 1e-18))
    rows = chosen.T @ flat.astype(np.float64)
    orthonormal, _ = np.linalg.qr(rows.T)
    return orthonormal.T.reshape(size, *units.shape[1:]).astype(np.float32)


def codes(displacements: Floats, basis: Floats) -> Floats:
    """Coefficients (…, K) of displacements (…, V, 3) in an orthonormal basis (K, V, 3)."""
    flat = displacements.reshape(*displacements.shape[:-2], -1)
    return flat @ basis.reshape(len(basis), -1).T
