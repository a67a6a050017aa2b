# SPDX-License-Identifier: GPL-3.0-or-later
"""Carrying the template's motion to a mesh: skin by ties, what touches it with it, jaw and eyes as rigid
bodies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...template import EYE, TONGUE, Template
from ..topology import neck_fade
from ..units import carry_units
from .mesh import Surface, edges_of
from .parts import EYE_LEFT, EYE_RIGHT, FACE, FOLLOWS, MOUTH, Roles
from .soften import Softener, smoothing, softener
from .ties import Ties, inherit, tie
from .unfold import unfold

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]
Indices = NDArray[np.int64]

TONGUE_ONLY = "tongueOut"
FILM_HOLD = 0.01  # what the vertices of lashes and films keep of their nearest root's motion
STILL = 1e-6  # metres; a bone that moves less doesn't move


@dataclass(frozen=True, eq=False)
class Carrier:
    """Takes motion of the bent template (`rest` (V, 3)) to the V' vertices of a surface; all in normalised
    template space."""

    template: Template
    rest: Floats
    surface: Surface
    roles: Roles
    skin: Indices  # (N,) vertices that are tied
    ties: Ties
    share: Floats  # (N,)
    softener: Softener
    films: Softener  # of what follows the skin, between its roots

    def carry(self, motion: Floats) -> Floats:
        """Displacements (T, V, 3) of the template as displacements (T, V', 3) of the mesh."""
        carried = np.zeros((len(motion), len(self.surface.vertices), 3), np.float32)
        carried[:, self.skin] = self._skin(motion)
        self._attach(motion, carried)
        return carried

    @cached_property
    def unit_deltas(self) -> Floats:
        """The units (U, V', 3) at weight 1, with no triangle turned over."""
        template, surface = self.template, self.surface
        carried = self.carry(carry_units(template, self.rest))
        together = zip(template.closure_unit.tolist(), template.closure_with.tolist(), strict=True)
        if TONGUE_ONLY in template.unit_names:  # the bone's vertices are the tongue's own
            carried[template.unit(TONGUE_ONLY), self.roles.role == MOUTH] = 0
        partners = {unit: other for unit, other in together if other >= 0}
        unfold(carried, surface.vertices, surface.weld[surface.triangles], partners)
        return carried[:, surface.weld]

    def _skin(self, motion: Floats) -> Floats:
        return self.softener.apply(self.ties.carry(motion) * self.share[:, None])

    def _attach(self, motion: Floats, carried: Floats) -> None:
        """Move everything that isn't skin, in place."""
        roles, points = self.roles, self.surface.vertices
        carried[:, :] = carried[:, self.surface.weld]
        following = np.flatnonzero(roles.role == FOLLOWS)
        carried[:, following] = carried[:, roles.donor[following]]
        self.films.apply(carried)
        carried[:, following] = carried[:, self.surface.weld[following]]
        jaw = np.flatnonzero((roles.role == MOUTH) & (roles.jaw > 0))
        if len(jaw):
            bone = jaw_vertices(self.template)
            moved = rigid(self.rest[bone], motion[:, bone], points[jaw])
            carried[:, jaw] = moved * roles.jaw[jaw, None]
        for side, role in enumerate((EYE_LEFT, EYE_RIGHT)):
            eye = np.flatnonzero(roles.role == role)
            sign = 1 if side == 0 else -1
            bone = np.flatnonzero((self.template.part == EYE) & (sign * self.template.rest[:, 0] > 0))
            if len(eye) and len(bone):
                carried[:, eye] = rigid(self.rest[bone], motion[:, bone], points[eye], roles.centres[side])


def carrier(template: Template, rest: Floats, surface: Surface, roles: Roles) -> Carrier:
    """Tie a surface to the template that was bent onto it."""
    skin = np.flatnonzero((roles.role == FACE) & (surface.weld == np.arange(len(roles.role))))
    points = surface.vertices[skin]
    edges = _local(surface, skin)[1]
    shape = rest.astype(np.float64)
    ties, share = inherit(tie(template, shape, points, surface.normals[skin]), edges, points)
    fade = neck_fade(template).astype(np.float64)
    share = share * (fade[ties.corners] * ties.mix).sum(axis=1)
    units = ties.carry(carry_units(template, rest)) * share[:, None].astype(np.float32)
    soft = softener(edges, points, units, ties.sure)
    own = np.arange(len(roles.role)) == surface.weld
    between = np.flatnonzero((roles.role == FOLLOWS) & ~roles.root & own)
    films = smoothing(surface.edges, between, np.full(len(own), FILM_HOLD))
    return Carrier(template, rest, surface, roles, skin, ties, share.astype(np.float32), soft, films)


def jaw_vertices(template: Template) -> Indices:
    """Vertices that the lower jaw carries rigidly: the tongue's, or those that open with it most."""
    tongue = np.flatnonzero(template.part == TONGUE)
    if len(tongue):
        return tongue
    travel = np.linalg.norm(template.unit_deltas[template.unit("jawOpen")], axis=1)
    return np.argsort(-travel)[: max(20, len(template) // 50)]


def rigid(rest: NDArray[np.floating], motion: Floats, at: Doubles, pivot: Doubles | None = None) -> Floats:
    """Displacements (T, P, 3) of points `at` (P, 3) by the rigid motion nearest to displacements (T, N, 3)
    of points `rest` (N, 3) (Kabsch 1976); about a pivot (3,), if given, and without shift then."""
    shape = rest.astype(np.float64) - rest.mean(axis=0, dtype=np.float64)
    shift = motion.mean(axis=1, dtype=np.float64)
    moved = shape + motion - shift[:, None]
    left, _, right = np.linalg.svd(np.einsum("tni,nj->tij", moved, shape))
    left[:, :, 2] *= np.sign(np.linalg.det(left @ right))[:, None]
    turn = left @ right - np.eye(3)
    turn[np.abs(motion).max(axis=(1, 2)) < STILL] = 0
    centre = rest.mean(axis=0, dtype=np.float64) if pivot is None else pivot
    turned = np.einsum("tij,pj->tpi", turn, at - centre)
    return (turned if pivot is not None else turned + shift[:, None]).astype(np.float32)


def _local(surface: Surface, skin: Indices) -> tuple[Indices, Indices]:
    """Triangles (N, 3) and edges (E, 2) of the skin in its own numbering, seams closed."""
    number = np.full(len(surface.vertices), -1)
    number[skin] = np.arange(len(skin))
    triangles = number[surface.weld[surface.triangles]]
    triangles = triangles[(triangles >= 0).all(axis=1)]
    return triangles, edges_of(triangles)[0]
