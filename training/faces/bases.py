# SPDX-License-Identifier: GPL-3.0-or-later
"""Linear bases of rest shapes and of motion: principal components with orthonormal rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

REWEIGHTING_ROUNDS = 4
SPANNING = 16  # identities
SPAN_TOLERANCE = 1e-6


def identity_basis(rests: Floats, mean: NDArray[np.floating], size: int) -> tuple[Floats, Floats]:
    """Principal components (size, V, 3) of rests (I, V, 3) about `mean`, and the standard deviation along
    each.
    """
    offsets = (rests - mean).reshape(len(rests), -1).astype(np.float64)
    _, values, rows = np.linalg.svd(offsets, full_matrices=False)
    std = values[:size] / np.sqrt(len(rests))
    return rows[:size].reshape(-1, *rests.shape[1:]).astype(np.float32), std.astype(np.float32)


def motion_basis(
    units: Sequence[Floats], size: int, weights: NDArray[np.floating], rounds: int = REWEIGHTING_ROUNDS
) -> Floats:
    """Orthonormal rows (size, V, 3) that span the units (U, V, 3) of many identities best, errors weighted by
    (V,).

    A unit of any identity is an affine map of the template's unit and a few corrections, so the units of a
    few identities span those of all: the principal components are found with coordinates in that span. Units
    with large remaining errors gain weight from round to round, because the largest error counts, not only
    the mean one. QR makes the rows orthonormal in the plain metric.
    """
    root = np.repeat(np.sqrt(weights), 3).astype(np.float32)
    span = _span(np.concatenate([own.reshape(len(own), -1) for own in units[:SPANNING]]) * root)
    parts = [(own.reshape(len(own), -1) * root) @ span.T for own in units]
    coordinates = np.concatenate(parts).astype(np.float64)
    gain = np.ones((len(coordinates), 1))
    chosen = coordinates[:0].T
    for _ in range(rounds + 1):
        _, vectors = np.linalg.eigh((coordinates * gain).T @ coordinates)
        chosen = vectors[:, -size:]
        left = ((coordinates - coordinates @ chosen @ chosen.T) ** 2).sum(axis=1, keepdims=True)
        gain *= np.clip(left / max(left.mean(), 1e-18), 0.1, 10) ** 0.5
    rows = (chosen[:, ::-1].T.astype(np.float32) @ span) / root
    orthonormal, _ = np.linalg.qr(rows.T.astype(np.float64))
    return orthonormal.T.reshape(-1, *units[0].shape[1:]).astype(np.float32)


def _span(rows: Floats) -> Floats:
    """Orthonormal rows (r, D) of the span of rows (N, D), directions below SPAN_TOLERANCE of the largest
    left out.
    """
    exact = rows.astype(np.float64)  # a Gram matrix squares the condition: float32 would drown small ones
    values, vectors = np.linalg.eigh(exact @ exact.T)
    kept = values > SPAN_TOLERANCE**2 * values[-1]
    return ((vectors[:, kept] / np.sqrt(values[kept])).T @ exact).astype(np.float32)


def codes(displacements: Floats, basis: Floats) -> Floats:
    """Coefficients (…, K) of displacements (…, V, 3) in an orthonormal basis (K, V, 3)."""
    flat = displacements.reshape(*displacements.shape[:-2], -1)
    return flat @ basis.reshape(len(basis), -1).T
