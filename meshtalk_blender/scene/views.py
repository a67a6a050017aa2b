# SPDX-License-Identifier: GPL-3.0-or-later
"""A head as a 3D view shows it: rays through pixels, pixels of places, what is hidden."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import bpy
from bpy_extras.view3d_utils import (
    location_3d_to_region_2d,
    region_2d_to_origin_3d,
    region_2d_to_vector_3d,
)
from mathutils import Vector

from .spots import Place, place_in_view

if TYPE_CHECKING:
    from .surface import RestMesh

HIDDEN = 0.02
"""Of the mesh's size: a place so far behind what is seen there is hidden."""


@dataclass(frozen=True)
class View:
    """One region of a 3D view, which has four in a quad view."""

    region: bpy.types.Region

    @property
    def data(self) -> bpy.types.RegionView3D:
        """The region's own view."""
        return self.region.data

    def ray(self, head: bpy.types.Object, x: float, y: float) -> tuple[Vector, Vector]:
        """Origin and direction of the ray through a pixel, in the head's object space."""
        origin = region_2d_to_origin_3d(self.region, self.data, (x, y))
        direction = region_2d_to_vector_3d(self.region, self.data, (x, y))
        back = head.matrix_world.inverted_safe()
        return back @ origin, (back.to_3x3() @ direction).normalized()

    def pixel(self, head: bpy.types.Object, place: Place | Vector) -> Vector | None:
        """The pixel at which a place of object space is seen; None behind the view."""
        return location_3d_to_region_2d(self.region, self.data, head.matrix_world @ Vector(place))

    def sees(
        self, head: bpy.types.Object, depsgraph: bpy.types.Depsgraph, rest: RestMesh, place: Place
    ) -> bool:
        """Whether no other part of the head's skin lies before the place."""
        from .surface import cast

        pixel = self.pixel(head, place)
        if pixel is None:
            return False
        origin, direction = self.ray(head, pixel.x, pixel.y)
        hit = cast(head, depsgraph, rest, origin, direction)
        if hit is None:
            return True
        before = Vector(place) - Vector(place_in_view(head, depsgraph, hit))
        return before.dot(direction) < HIDDEN * rest.size

    def towards(self, head: bpy.types.Object, place: Place) -> Vector:
        """The direction from a place to the viewer, in the head's object space."""
        back = head.matrix_world.inverted_safe()
        eye = self.data.view_matrix.inverted()
        if self.data.is_perspective:
            return (back @ eye.translation - Vector(place)).normalized()
        return (back.to_3x3() @ eye.col[2].to_3d()).normalized()
