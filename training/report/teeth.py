# SPDX-License-Identifier: GPL-3.0-or-later
"""Do upper teeth come through the lips? Seen from the front: a tooth stands out where skin covers it and it
lies before all of that skin.

Skin covers a tooth where one of its polygons does, not where a vertex of it is near: a lip that is raised
ends beside the tooth that it shows, and its rim lies behind the tooth's face as it should. In a lip's
thickness, before its inner wall and behind its outer skin, a tooth is seen by nobody. Before the lower lip
upper teeth may stand a little: that is how f and v are made.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.geometry.attached import place_attached, teeth_edge
from engine.template import SKIN, SKULL, TEETH, Template
from training.data.faces import contact_pairs

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

FRONT_TEETH = 40
"""So many of the foremost vertices of the upper teeth are looked at."""
COVERING = 0.025
"""Metres from the line where the lips meet within which skin may cover teeth: the crowns' necks are up to 12
mm above that line on a long upper lip."""
BITE = 0.001
"""Metres by which the incisors' edge may stand before the lower lip that it bites."""
FRONT = (0, 2)
"""The axes of the picture that is seen from the front."""


class Cover:
    """The skin of a template's topology that may hide teeth, as triangles."""

    def __init__(self, template: Template) -> None:
        self.template = template
        triangles = covering_triangles(template)
        jaw = -template.unit_deltas[template.unit("jawOpen"), :, 2]
        lower = jaw[triangles].mean(1) > 0.5 * jaw[template.landmarks["lip_lower_inner"]]
        self.upper, self.lower = triangles[~lower], triangles[lower]

    def stands_out(self, rest: Floats, motion: Floats) -> float:
        """By how many mm at most, over the frames of ``motion (T, V, 3)`` from ``rest (V, 3)`` (metres), an
        upper front tooth stands before all skin that covers it, the lower lip by more than a bite; 0 where
        none does."""
        teeth = teeth_points(self.template, rest)
        worst = 0.0
        for triangles, spare in ((self.upper, 0.0), (self.lower, BITE)):
            used, corners = np.unique(triangles, return_inverse=True)
            moved = rest[used] + motion[:, used].astype(np.float64)
            for skin in moved:
                worst = max(worst, _before(teeth, skin[corners.reshape(-1, 3)]) - spare)
        return 1000 * worst


def covering_triangles(template: Template) -> NDArray[np.int64]:
    """Triangles ``(F, 3)`` of the skin around the mouth."""
    line = template.rest[contact_pairs(template).reshape(-1)]
    away = np.linalg.norm(template.rest[:, None] - line[None], axis=-1).min(1)
    near = (template.part == SKIN) & (away < COVERING)
    quads = template.faces[near[np.maximum(template.faces, 0)].all(1)].astype(np.int64)
    halves = [quads[:, [0, 1, 2]], quads[quads[:, 3] >= 0][:, [0, 2, 3]]]
    return np.concatenate(halves)


def teeth_points(template: Template, rest: Floats) -> Array:
    """Points ``(P, 3)`` of the upper front teeth on a head of ``rest (V, 3)``: the foremost vertices where
    the template has teeth, or else the incisors' edge alone. The skull carries them."""
    upper = (template.attached_bone == SKULL) & (template.attached_part == TEETH)
    if not upper.any():
        return teeth_edge(template, rest)[None]
    front = np.flatnonzero(upper)[np.argsort(template.attached_rest[upper, 1], kind="stable")[:FRONT_TEETH]]
    return place_attached(template, rest)[front]


def _before(points: Array, triangles: Array) -> float:
    """The most metres by which one of ``points (P, 3)`` lies before all ``triangles (F, 3, 3)`` that cover it
    (0: none does)."""
    flat, seen = triangles[..., FRONT], points[:, FRONT]
    inside = (seen[:, None] >= flat.min(1)).all(-1) & (seen[:, None] <= flat.max(1)).all(-1)
    point, triangle = np.nonzero(inside)
    share = _barycentric(flat[triangle], seen[point])
    covers = (share >= 0).all(1)
    point, depth = point[covers], (share[covers] * triangles[triangle[covers], :, 1]).sum(1)
    skin = np.full(len(points), np.inf)
    np.minimum.at(skin, point, depth)
    covered = np.isfinite(skin)
    return float((skin[covered] - points[covered, 1]).max(initial=0.0))


def _barycentric(triangles: Array, points: Array) -> Array:
    """Shares ``(N, 3)`` of the corners of ``triangles (N, 3, 2)`` in ``points (N, 2)``; −1 where a triangle
    is seen edge on."""
    first, second = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    to = points - triangles[:, 0]
    area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    flat = np.abs(area) < 1e-14
    area = np.where(flat, 1.0, area)
    by_first = (to[:, 0] * second[:, 1] - to[:, 1] * second[:, 0]) / area
    by_second = (first[:, 0] * to[:, 1] - first[:, 1] * to[:, 0]) / area
    share = np.stack([1 - by_first - by_second, by_first, by_second], 1)
    return np.where(flat[:, None], -1.0, share)
