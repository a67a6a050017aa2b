# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the mouse points in a 3D view, and what of a head is there."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi, sin

import bpy
from mathutils import Vector

from ..scene.placing import Session
from ..scene.spots import Spot, place_in_view
from ..scene.views import View

GRAB = 14
"""Pixels at scale 1 within which a dot is grabbed."""

FINGER = 3
"""Pixels at scale 1 around the mouse in which a place far nearer to the viewer is taken instead: the corners
of eyes and mouths lie beside gaps, through which a ray slips."""

STEEP = 6
"""Depth of a surface's slope over its width in the picture; what lies deeper is behind a gap."""

_AROUND = ((0.0, 0.0), *((cos(pi / 4 * turn), sin(pi / 4 * turn)) for turn in range(8)))

GIZMO = (95, 300)
"""Width and height of the navigation gizmos in a 3D view's upper right corner, in pixels at scale 1."""


@dataclass(frozen=True)
class Pointer:
    """The mouse at the pixel (x, y) of a 3D view, over a head."""

    view: View
    x: float
    y: float
    head: bpy.types.Object
    depsgraph: bpy.types.Depsgraph
    scale: float = 1.0

    def hit(self, session: Session, shift: tuple[float, float] = (0.0, 0.0)) -> Spot | None:
        """The spot of the head that is seen `shift` pixels from the mouse, or just beside that, where the ray
        itself slips through a gap."""
        rays = [
            self.view.ray(
                self.head,
                self.x + shift[0] + FINGER * self.scale * x,
                self.y + shift[1] + FINGER * self.scale * y,
            )
            for x, y in _AROUND
        ]
        hits = [hit for hit in (self._cast(session, *ray) for ray in rays) if hit is not None]
        if not hits:
            return None
        nearest = min(depth for depth, _ in hits)
        (origin, direction), (beside, along) = rays[:2]
        width = (beside + along * nearest - origin - direction * nearest).length
        return next(spot for depth, spot in hits if depth <= nearest + STEEP * width)

    def _cast(self, session: Session, origin: Vector, direction: Vector) -> tuple[float, Spot] | None:
        """Depth and spot of what a ray hits."""
        from ..scene.surface import cast

        spot = cast(self.head, self.depsgraph, session.rest, origin, direction)
        if spot is None:
            return None
        place = Vector(place_in_view(self.head, self.depsgraph, spot))
        return (place - origin).dot(direction), spot

    def shift_to(self, spot: Spot) -> tuple[float, float] | None:
        """Pixels from the mouse to where the spot is seen; None behind the view."""
        pixel = self.view.pixel(self.head, place_in_view(self.head, self.depsgraph, spot))
        return None if pixel is None else (pixel.x - self.x, pixel.y - self.y)

    def dot(self, session: Session) -> str | None:
        """The landmark whose dot is under the mouse, the nearest of several; hidden ones don't count."""
        found: list[tuple[float, str]] = []
        for name, spot in session.shown.items():
            shift = self.shift_to(spot)
            apart = GRAB * self.scale if shift is None else (shift[0] ** 2 + shift[1] ** 2) ** 0.5
            if apart < GRAB * self.scale and self._sees(session, spot):
                found.append((apart, name))
        return min(found)[1] if found else None

    def _sees(self, session: Session, spot: Spot) -> bool:
        place = place_in_view(self.head, self.depsgraph, spot)
        return self.view.sees(self.head, self.depsgraph, session.rest, place)


def pointer_at(context: bpy.types.Context, event: bpy.types.Event, head: bpy.types.Object) -> Pointer | None:
    """The pointer where the event's mouse is; None over anything but a 3D view: over sidebars and gizmos
    too."""
    scale = context.preferences.system.ui_scale
    region = view_region(context.screen.areas, event.mouse_x, event.mouse_y, scale)
    if region is None:
        return None
    x, y = event.mouse_x - region.x, event.mouse_y - region.y
    return Pointer(View(region), x, y, head, context.evaluated_depsgraph_get(), scale)


def view_region(
    areas: bpy.types.bpy_prop_collection, x: int, y: int, scale: float
) -> bpy.types.Region | None:
    """The 3D view's region under the window's pixel (x, y)."""
    area = next((one for one in areas if one.type == "VIEW_3D" and _holds(one, x, y)), None)
    if area is None or any(region.type != "WINDOW" and _holds(region, x, y) for region in area.regions):
        return None
    region = next((one for one in area.regions if one.type == "WINDOW" and _holds(one, x, y)), None)
    if region is None or region.data is None or _on_gizmo(area, x, y, scale):
        return None
    return region


def _on_gizmo(area: bpy.types.Area, x: int, y: int, scale: float) -> bool:
    space = area.spaces.active
    if not (space.show_gizmo and space.show_gizmo_navigate):
        return False
    right, top = area.x + area.width, area.y + area.height
    for region in area.regions:
        if region.type == "UI" and region.width > 1:
            right = min(right, region.x)
        if region.type in {"HEADER", "TOOL_HEADER"} and region.height > 1 and region.y > area.y:
            top = min(top, region.y)
    return right - x < GIZMO[0] * scale and top - y < GIZMO[1] * scale


def _holds(box: bpy.types.Area | bpy.types.Region, x: int, y: int) -> bool:
    """Whether an area or a region that is shown holds the pixel; hidden ones are 1 pixel wide or high."""
    return box.width > 1 and box.height > 1 and 0 <= x - box.x < box.width and 0 <= y - box.y < box.height
