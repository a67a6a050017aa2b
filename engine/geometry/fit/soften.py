# SPDX-License-Identifier: GPL-3.0-or-later
"""Smoothing what was carried to a mesh, where that tore it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .mesh import neighbour_table

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]
Indices = NDArray[np.int64]

TEAR = 0.4  # difference of two neighbours' displacements, as a part of their distance, that is too much
RINGS = 3  # rings around a tear that are smoothed with it
WIDTH = 0.0025  # metres over which sure ties are smoothed; those of a mesh with longer edges hardly are
ROUNDS = 20
SLOWEST = 0.02  # least eigenvalue that the rounds are tuned for: what varies more slowly is left as it is


@dataclass(frozen=True, eq=False)
class Softener:
    """Vertices (Z,) that are smoothed, those with most neighbours first; their neighbours (Z, K), padded with
    themselves; how many they have (Z,); and what part they keep of their own displacement (Z,).

    Solves x = hold · own + (1 − hold) · mean of the neighbours' x by Chebyshev's iteration, whose steps
    depend on the mesh alone: so the result is linear in the motion, frame by frame.
    """

    vertices: Indices
    table: Indices
    degree: Indices
    hold: Floats

    def apply(self, motion: Floats) -> Floats:
        """Displacements (…, N, 3), smoothed in place."""
        if not len(self.vertices):
            return motion
        frames = motion.reshape(-1, motion.shape[-2], 3)
        used, zone, table = self._local
        field = np.ascontiguousarray(frames[:, used].transpose(1, 0, 2)).reshape(len(used), -1)
        frames[:, self.vertices] = self._smoothed(field, zone, table).reshape(len(zone), -1, 3).swapaxes(0, 1)
        return motion

    def _smoothed(self, field: Floats, zone: Indices, table: Indices) -> Floats:
        """Columns of `field` (M, C) smoothed at its rows `zone` (Z,): (Z, C). Saad 2003, algorithm 12.1."""
        middle, half = 1 + SLOWEST / 2, 1 - SLOWEST / 2
        share = ((1 - self.hold) / np.maximum(self.degree, 1)).astype(np.float32)[:, None]
        x = field[zone]
        own = self.hold[:, None] * x
        rate = half / middle
        step = (own + share * self._sums(field, table) - x) * np.float32(1 / middle)
        for _ in range(ROUNDS):
            x += step
            field[zone] = x
            slower = 1 / (2 * middle / half - rate)
            step *= slower * rate
            step += (2 * slower / half) * (own + share * self._sums(field, table) - x)
            rate = slower
        x += step
        return x

    @cached_property
    def _local(self) -> tuple[Indices, Indices, Indices]:
        """The vertices that take part (M,), and by their numbers the zone (Z,) and its neighbours (Z, K)."""
        used, number = np.unique(np.concatenate([self.vertices, self.table.ravel()]), return_inverse=True)
        number = number.ravel()
        return used, number[: len(self.vertices)], number[len(self.vertices) :].reshape(self.table.shape)

    def _sums(self, field: Floats, table: Indices) -> Floats:
        """Sums (Z, C) of the neighbours' values; vertices with most neighbours come first."""
        total = np.zeros((len(table), field.shape[1]), np.float32)
        for place in range(table.shape[1]):
            count = int(np.searchsorted(-self.degree, -place, side="left"))
            total[:count] += field[table[:count, place]]
        return total


def softener(edges: Indices, points: Doubles, units: Iterable[Floats], sure: Doubles) -> Softener:
    """Where units (N, 3) tear the mesh of points (N, 3), or its ties are not sure (N,)."""
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
    spacing = np.maximum(_spacing(edges, length, len(points)), 1e-6)
    return smoothing(edges, np.flatnonzero(zone), np.clip(sure, 0, 1) ** 2 / (1 + (WIDTH / spacing) ** 2))


def _spacing(edges: Indices, length: Doubles, count: int) -> Doubles:
    """Mean length (N,) of the edges at each of `count` vertices."""
    ends, twice = edges.ravel(), np.repeat(length, 2)
    return np.bincount(ends, twice, count) / np.maximum(np.bincount(ends, minlength=count), 1)


def smoothing(edges: Indices, vertices: Indices, hold: Doubles) -> Softener:
    """Smooths vertices (Z,) along edges (E, 2), where each of N keeps a part `hold` (N,) of its own."""
    table, real = neighbour_table(edges, len(hold))
    degree = real.sum(axis=1).astype(np.int64)
    order = vertices[np.argsort(-degree[vertices], kind="stable")]
    keep = np.where(degree[order] > 0, hold[order], 1.0)
    return Softener(order, table[order], degree[order], keep.astype(np.float32))
