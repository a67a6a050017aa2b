# SPDX-License-Identifier: GPL-3.0-or-later
"""Smoothing what was carried to a mesh, where that tore it, and unfolding triangles that turned over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .mesh import neighbour_table

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]
Indices = NDArray[np.int64]

TEAR = 1.0  # difference of two neighbours' displacements, as a part of their distance, that is too much
RINGS = 2  # rings around a tear that are smoothed with it
HOLD = 0.25  # how much a vertex with a sure tie keeps of its own displacement, against its neighbours' mean
ROUNDS = 16
UNFOLD_ROUNDS, SWEEPS = 24, 6
FOLD = 0.05  # cosine of a triangle's turn below which it counts as turned over


@dataclass(frozen=True, eq=False)
class Softener:
    """Vertices (Z,) that are smoothed, their neighbours (Z, K), padding 0 or 1 (Z, K), and what they keep
    (Z,)."""

    vertices: Indices
    table: Indices
    real: Floats
    hold: Floats

    def apply(self, motion: Floats) -> Floats:
        """Displacements (…, N, 3), smoothed in place."""
        if not len(self.vertices):
            return motion
        flat = motion.reshape(-1, motion.shape[-2], 3)
        weight = self.real / np.maximum(self.real.sum(axis=1, keepdims=True), 1)
        for row in flat:
            own = row[self.vertices] * self.hold[:, None]
            for _ in range(ROUNDS):
                mean = np.einsum("zk,zkc->zc", weight, row[self.table])
                row[self.vertices] = own + (1 - self.hold[:, None]) * mean
        return motion


def softener(edges: Indices, points: Doubles, units: Floats, sure: Doubles) -> Softener:
    """Where units (U, N, 3) tear the mesh of points (N, 3), or its ties are not sure (N,)."""
    length = np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1)
    strain = np.zeros(len(edges))
    for unit in units:
        np.maximum(strain, np.linalg.norm(unit[edges[:, 0]] - unit[edges[:, 1]], axis=1), out=strain)
    zone = np.zeros(len(points), bool)
    zone[edges[strain > TEAR * np.maximum(length, 1e-6)].ravel()] = True
    moving = strain > 1e-4
    unsure = np.zeros(len(points), bool)
    unsure[edges[moving].ravel()] = True
    zone |= unsure & (sure < 0.9)
    for _ in range(RINGS):
        zone[edges[zone[edges].any(axis=1)].ravel()] = True
    vertices = np.flatnonzero(zone)
    table, real = neighbour_table(edges, len(points))
    hold = HOLD * np.clip(sure[vertices], 0, 1) ** 2
    hold[real[vertices].sum(axis=1) == 0] = 1.0
    return Softener(vertices, table[vertices], real[vertices].astype(np.float32), hold.astype(np.float32))


def unfold(units: Floats, points: Doubles, triangles: Indices, edges: Indices) -> Floats:
    """Units (U, N, 3), in place, with what turns a triangle of the mesh over smoothed until none does."""
    table, real = neighbour_table(edges, len(points))
    degree = np.maximum(real.sum(axis=1), 1)
    rest = _normals(points, triangles)
    length = np.linalg.norm(rest, axis=1)
    for unit in units:
        moving = np.flatnonzero((np.abs(unit).max(axis=1) > 1e-6)[triangles].any(axis=1) & (length > 0))
        patch = np.zeros(len(points), bool)
        for round_ in range(UNFOLD_ROUNDS):
            now = _normals(points + unit, triangles[moving])
            turned = (now * rest[moving]).sum(axis=1) < FOLD * length[moving] * np.linalg.norm(now, axis=1)
            if not turned.any():
                break
            fresh = np.zeros(len(points), bool)
            fresh[triangles[moving[turned]]] = True
            for _ in range(1 + round_ // 3):
                fresh[table[fresh].ravel()] = True
            patch |= fresh
            around = np.flatnonzero(patch)
            weight = real[around] / degree[around, None]
            for _ in range(SWEEPS):
                unit[around] += 0.7 * (np.einsum("zk,zkc->zc", weight, unit[table[around]]) - unit[around])
    return units


def _normals(points: Doubles, triangles: Indices) -> Doubles:
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    return np.cross(b - a, c - a)
