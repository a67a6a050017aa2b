# SPDX-License-Identifier: GPL-3.0-or-later
"""Rigid bodies of a head: what goes with the lower jaw, and the eyeballs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...template import EYE, JAW, TONGUE, Template
from ..attached import Attached
from .parts import EYE_LEFT, EYE_RIGHT, MOUTH, Roles
from .tongue import Tongue

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]
Indices = NDArray[np.int64]

STILL = 1e-6  # metres; a bone that moves less doesn't move
MOST_ANCHORS = 150


@dataclass(frozen=True, eq=False)
class Bone:
    """Vertices (P,) of a mesh that a body carries.

    The body moves by the rigid motion nearest to that of its anchors (Kabsch 1976): vertices (A,) of the
    template, or of its attached parts. `rows` (P, 4) say how a vertex takes part in the turn, about `centre`
    (3,), and in the shift.
    """

    anchors: Indices
    attached: bool
    shape: Doubles  # (A, 3), the anchors at rest, from their mean
    vertices: Indices
    rows: Doubles

    def anchor_motion(self, motion: Floats, attached: Attached) -> Floats:
        """Displacements (T, A, 3) of the anchors while the template is displaced by (T, V, 3)."""
        return (attached.follow(motion) if self.attached else motion)[:, self.anchors]

    def carry(self, anchors: Floats) -> Floats:
        """Displacements (T, P, 3) of the vertices by those of the anchors (T, A, 3)."""
        return np.matmul(self.rows.astype(np.float32), self.maps(anchors))

    def maps(self, anchors: Floats) -> Floats:
        """What takes `rows` to displacements (T, 4, 3), by those of the anchors (T, A, 3)."""
        turn, shift = rigid(self.shape, anchors)
        return np.concatenate([turn.swapaxes(1, 2), shift[:, None]], axis=1).astype(np.float32)


def rigid(shape: Doubles, motion: Floats) -> tuple[Doubles, Doubles]:
    """The rigid motions nearest to displacements (T, A, 3) of points `shape` (A, 3) around their mean: turns
    less the identity (T, 3, 3), and shifts (T, 3)."""
    shift = motion.mean(axis=1, dtype=np.float64)
    # Σ (shape + motion − shift) ⊗ shape, where the shape's own mean is 0
    spread = np.matmul(motion.swapaxes(1, 2), shape.astype(np.float32)).astype(np.float64)
    left, _, right = np.linalg.svd(spread + shape.T @ shape)
    left[:, :, 2] *= np.sign(np.linalg.det(left @ right))[:, None]
    turn = left @ right - np.eye(3)
    turn[np.abs(motion).max(axis=(1, 2)) < STILL] = 0
    return turn, shift


def find_bones(
    template: Template, rest: Floats, attached: Attached, points: Doubles, roles: Roles, tongue: Tongue
) -> tuple[Bone, ...]:
    """The jaw and both eyes, as far as a mesh with points (V', 3) has any of them."""
    shape = rest.astype(np.float64)
    bones = [_jaw(template, shape, attached, points, roles, tongue)]
    for side, role in enumerate((EYE_LEFT, EYE_RIGHT)):
        sign = 1 if side == 0 else -1
        anchors = np.flatnonzero((template.part == EYE) & (sign * template.rest[:, 0] > 0))
        eye = np.flatnonzero(roles.role == role)
        rows = np.concatenate([points[eye] - roles.centres[side], np.zeros((len(eye), 1))], axis=1)
        bones.append(_bone(anchors, False, shape[anchors], eye, rows))
    return tuple(bone for bone in bones if len(bone.vertices) and len(bone.anchors))


def _jaw(
    template: Template, rest: Doubles, attached: Attached, points: Doubles, roles: Roles, tongue: Tongue
) -> Bone:
    """The lower teeth and gums; of the tongue only that it stays where the jaw takes it, since its own
    motion, the jaw's with it, comes from the template's."""
    teeth = np.flatnonzero(template.attached_bone == JAW)
    anchors, own = (teeth, True) if len(teeth) else (jaw_vertices(template), False)
    anchors = anchors[:: max(1, len(anchors) // MOST_ANCHORS)]
    places = attached.points[anchors] if own else rest[anchors]
    centre = places.mean(axis=0)
    jaw = np.zeros(len(points))
    jaw[roles.role == MOUTH] = roles.jaw[roles.role == MOUTH]
    rows = jaw[:, None] * np.concatenate([points - centre, np.ones((len(points), 1))], axis=1)
    there = np.einsum("nk,nkc->nc", tongue.mix, rest[tongue.corners]) - centre
    rows[tongue.vertices] -= tongue.share[:, None] * np.concatenate([there, np.ones((len(there), 1))], axis=1)
    moved = np.flatnonzero(rows.any(axis=1))
    return _bone(anchors, own, places, moved, rows[moved])


def _bone(anchors: Indices, attached: bool, places: Doubles, vertices: Indices, rows: Doubles) -> Bone:
    shape = places - places.mean(axis=0) if len(places) else places
    return Bone(anchors, attached, shape, vertices, rows)


def jaw_vertices(template: Template) -> Indices:
    """Vertices of a template without teeth that the lower jaw carries rigidly: the tongue's, or those that
    open with it most."""
    tongue = np.flatnonzero(template.part == TONGUE)
    if len(tongue):
        return tongue
    travel = np.linalg.norm(template.unit_deltas[template.unit("jawOpen")], axis=1)
    return np.argsort(-travel)[: max(20, len(template) // 50)]
