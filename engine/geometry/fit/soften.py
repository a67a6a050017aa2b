# SPDX-License-Identifier: GPL-3.0-or-later
"""Smoothing what was carried to a mesh, where that tore it, and unfolding triangles that turned over."""

from __future__ import annotations

from collections.abc import Mapping
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
UNFOLD_ROUNDS = 100
STILL = 1e-6  # metres
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


def unfold(units: Floats, points: Doubles, triangles: Indices, partners: Mapping[int, int]) -> Floats:
    """Units (U, N, 3), in place, so that no triangle of the mesh turns over at weight 1.

    Corners of a triangle that does are moved alike: by the mean of its corners' displacements. That is
    repeated, for it may turn a neighbour over, and changes slivers at the edges of lips and lids by fractions
    of a millimetre. A unit with a partner only makes sense on top of it (mouthClose on jawOpen), and is
    looked at there.
    """
    rest = _normals(points, triangles)
    length = np.linalg.norm(rest, axis=1)
    for unit in sorted(range(len(units)), key=partners.__contains__):
        base = points + units[partners[unit]] if unit in partners else points
        moves = (np.abs(base + units[unit] - points).max(axis=1) > STILL)[triangles].any(axis=1)
        moving = np.flatnonzero(moves & (length > 0))
        _unfold_one(units[unit], base, triangles[moving], rest[moving], FOLD * length[moving])
    return units


def _unfold_one(unit: Floats, base: Doubles, triangles: Indices, rest: Doubles, least: Doubles) -> None:
    for _ in range(UNFOLD_ROUNDS):
        now = _normals(base + unit, triangles)
        turned = (now * rest).sum(axis=1) <= least * np.linalg.norm(now, axis=1)
        if not turned.any():
            return
        corners = triangles[turned]
        total, count = np.zeros_like(unit), np.zeros(len(unit), np.float32)
        for corner in range(3):
            np.add.at(total, corners[:, corner], unit[corners].mean(axis=1))
            np.add.at(count, corners[:, corner], 1)
        found = count > 0
        unit[found] = total[found] / count[found, None]


def _normals(points: Doubles, triangles: Indices) -> Doubles:
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    return np.cross(b - a, c - a)
