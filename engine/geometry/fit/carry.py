# SPDX-License-Identifier: GPL-3.0-or-later
"""Carrying the template's motion to a mesh: skin by ties, what touches it with it, the tongue by the
template's, jaw and eyes as rigid bodies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...template import Template
from ..attached import Attached, attach_to
from ..topology import neck_fade
from ..units import carry_units
from .bones import Bone, find_bones
from .mesh import Surface, edges_of, rounded
from .parts import FACE, FOLLOWS, MOUTH, Roles
from .soften import Softener, smoothing, softener
from .ties import Ties, inherit, tie
from .tongue import Tongue, find_tongue
from .unfold import unfold

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]
Indices = NDArray[np.int64]

AT_ONCE = 4_000_000  # numbers that are carried at once: bounds the memory on dense meshes to some 100 MB
FILM_HOLD = 0.01  # what the vertices of lashes and films keep of their nearest root's motion


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
    tongue: Tongue
    bones: tuple[Bone, ...]

    def carry(self, motion: Floats) -> Floats:
        """Displacements (T, V, 3) of the template as displacements (T, V', 3) of the mesh; `Frames` does the
        same faster for many."""
        carried = self.carry_soft(motion)
        for bone in self.bones:
            carried[:, bone.vertices] += bone.carry(bone.anchor_motion(motion, self.attached))
        return carried

    def carry_soft(self, motion: Floats) -> Floats:
        """The part of `carry` that is linear in the motion: all but what the bones do."""
        weld = self.surface.weld
        carried = np.zeros((len(motion), len(weld), 3), np.float32)
        carried[:, self.skin] = self.softener.apply(self.ties.carry(motion) * self.share[:, None])
        carried = self._follow(carried[:, weld])
        carried[:, self.tongue.vertices] = self.tongue.carry(motion)
        return carried

    def _follow(self, carried: Floats) -> Floats:
        """Displacements (T, V', 3), in place, with those of lashes and films as their skin now moves."""
        weld, following = self.surface.weld, np.flatnonzero(self.roles.role == FOLLOWS)
        carried[:, following] = carried[:, self.roles.donor[following]]
        carried[:, following] = self.films.apply(carried)[:, weld[following]]
        return carried

    @property
    def soft_vertices(self) -> Indices:
        """All vertices that `carry_soft` may move."""
        moving = self.roles.role == FOLLOWS
        moving[self.skin[self.share > 0]] = True
        moving = moving[self.surface.weld]
        moving[self.tongue.vertices] = True
        return np.flatnonzero(moving)

    @cached_property
    def attached(self) -> Attached:
        """The template's own teeth on this head, which show how the jaw moves."""
        return attach_to(self.template, self.rest)

    @cached_property
    def unit_deltas(self) -> Floats:
        """The units (U, V', 3) at weight 1, with no triangle turned over.

        Skin is unfolded first: films that lie on it must go where it goes, or unfolding them would draw the
        lashes along.
        """
        template, surface = self.template, self.surface
        units = carry_units(template, self.rest)
        carried = np.empty((len(units), len(surface.weld), 3), np.float32)
        for rows in blocks(len(units), len(surface.weld)):
            carried[rows] = self.carry(units[rows])
        together = zip(template.closure_unit.tolist(), template.closure_with.tolist(), strict=True)
        partners = {unit: other for unit, other in together if other >= 0}
        triangles = surface.weld[surface.triangles]
        following = self.roles.role == FOLLOWS
        if following.any():
            on_skin = following[triangles].any(axis=1)
            unfold(carried, surface.vertices, triangles[~on_skin], partners)
            for unit in carried:
                unit[:] = self._follow(unit[None, surface.weld])[0]
        unfold(carried, surface.vertices, triangles, partners)
        for unit in carried:
            unit[:] = rounded(unit[surface.weld])
        return carried


def carrier(template: Template, rest: Floats, surface: Surface, roles: Roles) -> Carrier:
    """Tie a surface to the template that was bent onto it."""
    own = surface.weld == np.arange(len(roles.role))
    skin = np.flatnonzero((roles.role == FACE) & own)
    points, shape = surface.vertices[skin], rest.astype(np.float64)
    edges = _edges(surface, skin)
    ties, share = inherit(tie(template, shape, points, surface.normals[skin]), edges, points)
    fade = neck_fade(template).astype(np.float64)
    share = share * (fade[ties.corners] * ties.mix).sum(axis=1)
    part = share[:, None].astype(np.float32)
    units = (ties.carry(unit) * part for unit in carry_units(template, rest))
    soft = softener(edges, points, units, ties.sure)
    between = np.flatnonzero((roles.role == FOLLOWS) & ~roles.root & own)
    films = smoothing(surface.edges, between, np.full(len(own), FILM_HOLD))
    tongue = find_tongue(template, shape, surface, np.flatnonzero((roles.role == MOUTH) & (roles.jaw > 0)))
    bones = find_bones(template, rest, attach_to(template, rest), surface.vertices, roles, tongue)
    return Carrier(
        template, rest, surface, roles, skin, ties, share.astype(np.float32), soft, films, tongue, bones
    )


def blocks(count: int, vertices: int) -> Iterator[slice]:
    """Which of `count` motions of so many vertices are carried at once."""
    size = max(1, AT_ONCE // max(3 * vertices, 1))
    return (slice(first, first + size) for first in range(0, count, size))


def _edges(surface: Surface, skin: Indices) -> Indices:
    """Edges (E, 2) of the skin in its own numbering, seams closed."""
    number = np.full(len(surface.vertices), -1)
    number[skin] = np.arange(len(skin))
    triangles = number[surface.weld[surface.triangles]]
    return edges_of(triangles[(triangles >= 0).all(axis=1)])[0]
