# SPDX-License-Identifier: GPL-3.0-or-later
"""A head of several meshes with a face of known topology, as a MakeHuman body with eyes and teeth of its own.

The face is bound exactly; its rest shape stands for a fitted template, by which the parts are told from one
another and carried as with any other head.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...progress import QUIET, Stage
from ...template import SKIN, Template
from ..bind import bind_head
from ..topology import Binding, CarriedBasis, find_topology
from .carry import Carrier, carrier
from .frames import Frames
from .mesh import surface_of
from .parts import find_roles

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class BindingWithParts(Binding):
    """The first vertices are the `face`'s, bound exactly; the `carrier` moves the rest."""

    face: Binding
    carrier: Carrier

    def carry(self, displacement: ArrayLike) -> Floats:
        """Displacements (T, V, 3) of the template as displacements (T, V', 3) of the mesh, in its units
        and axes."""
        motion = np.asarray(displacement, np.float32)
        return self._joined(self.face.carry(motion), self.carrier.carry(motion))

    def carried(self, basis: Floats) -> CarriedBasis:
        """See `Binding.carried`."""
        return _Joined(self.face.carried(basis), self._frames.carried(basis), len(self.face.vertices))

    @cached_property
    def _frames(self) -> Frames:
        return Frames(self.carrier, self.to_head.scale * self.to_head.rotation.T)

    def unit_deltas(self) -> Floats:
        """The units (U, V', 3) of this head at weight 1, in its own units, axes and vertex order."""
        return self._joined(self.face.unit_deltas(), self.carrier.unit_deltas)

    def _joined(self, face: Floats, carried: Floats) -> Floats:
        """`face` (T, V'', 3) in the head's axes, and from there on `carried` (T, V', 3) of template space."""
        turn = (self.to_head.scale * self.to_head.rotation.T).astype(np.float32)
        return np.concatenate([face, carried[:, face.shape[1] :] @ turn], axis=1)


@dataclass(frozen=True, eq=False)
class _Joined:
    """The first `count` vertices move by `face`, all others by `parts`, of both together."""

    face: CarriedBasis
    parts: CarriedBasis
    count: int

    def carry(self, codes: Floats) -> Floats:
        """See `CarriedBasis`."""
        carried = self.parts.carry(codes)
        carried[:, : self.count] = self.face.carry(codes)
        return carried

    def place(self, codes: Floats, still: Floats, out: Floats) -> None:
        """See `CarriedBasis`."""
        self.parts.place(codes, still, out)
        self.face.place(codes, still[: 3 * self.count], out[:, : 3 * self.count])


def bind_with_parts(
    template: Template,
    vertices: ArrayLike,
    polygons: ArrayLike,
    face_count: int,
    landmarks: Mapping[str, ArrayLike] | None = None,
    stage: Stage = QUIET,
) -> Binding:
    """Bind a head whose first `face_count` vertices are the face's mesh and all others its parts'.

    Where the face isn't of a known topology it is `bind_head` for all together, which see for the rest.
    """
    points, corners = np.asarray(vertices), np.asarray(polygons)
    if face_count >= len(points):
        return bind_head(template, points, corners, landmarks, stage)
    own = corners[corners.max(axis=1) < face_count]
    if find_topology(template, face_count, own) is None:
        return bind_head(template, points, corners, landmarks, stage)
    stage.at(0, 3)
    face = bind_head(template, points[:face_count], own)
    surface = surface_of(face.to_head.inverse().points(points.astype(np.float64)), corners)
    stage.at(1, 3)
    matched = face.index[(template.part == SKIN) & (face.index >= 0)].astype(np.int64)
    roles = find_roles(template, face.rest.astype(np.float64), surface, matched)
    tied = carrier(template, face.rest, surface, roles)
    stage.at(2, 3)
    binding = BindingWithParts(
        template, face.topology, points.astype(np.float64), face.rest, face.index, face.to_head, face, tied
    )
    _ = tied.unit_deltas  # takes long, so it belongs to what can be watched and cancelled
    stage.at(3, 3)
    return binding


__all__ = ["BindingWithParts", "bind_with_parts"]
