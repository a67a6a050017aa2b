# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws over the 3D views: a head's landmarks, with their names while they are placed, and the legend of a
fit."""

from __future__ import annotations

import bpy
import gpu

from . import drawing
from .fit_drawing import draw_legend
from .fit_overlay import fitted_head
from .scene.face_plan import is_inward
from .scene.labels import arranged
from .scene.landmarks import label_of, placed_landmarks, spot_of
from .scene.placing import Session
from .scene.placing_desk import placing_desk
from .scene.spots import normal_in_view, place_in_view
from .scene.views import View

Colour = tuple[float, float, float, float]
Pixel = tuple[float, float]

PLACED: Colour = (1.0, 0.60, 0.10, 1.0)
SUGGESTED: Colour = (0.55, 0.85, 1.0, 1.0)
ACTIVE: Colour = (1.0, 1.0, 1.0, 1.0)
EDGE: Colour = (0.05, 0.05, 0.05, 0.9)
RADIUS, LABEL_GAP, LINE = 5.0, 34.0, 19.0
"""Of a dot, of the labels from the dots, and from label to label: pixels at scale 1."""


def draw_pixels(context: bpy.types.Context, head: bpy.types.Object | None) -> None:
    """Draw what lies over the view of `context`: of a fit that is shown there, and of the landmarks of `head`
    where they are shown."""
    gpu.state.blend_set("ALPHA")
    if fitted_head(context) is not None:
        _draw_legend(context)
    if head is not None and head.visible_get(viewport=context.space_data):
        if placing_desk.session is None:
            _draw_placed(context, head)
        else:
            _draw_session(context, head, placing_desk.session)
    gpu.state.blend_set("NONE")


def _draw_placed(context: bpy.types.Context, head: bpy.types.Object) -> None:
    """The landmarks of a head that are placed, on the side that faces the viewer."""
    depsgraph, view = context.evaluated_depsgraph_get(), View(context.region)
    scale = context.preferences.system.ui_scale
    places = placed_landmarks(head)
    spots = {item.name: spot_of(head, item) for item in head.meshtalk.landmarks}
    tied = {name: spot for name, spot in spots.items() if spot is not None}
    normals = {name: normal_in_view(head, depsgraph, spot) for name, spot in tied.items()}
    sign = -1.0 if is_inward(places, normals) else 1.0
    for name, place in places.items():
        if name in tied:
            place = place_in_view(head, depsgraph, tied[name])
            if sign * normals[name].dot(view.towards(head, place)) < 0:
                continue
        pixel = view.pixel(head, place)
        if pixel is not None:
            drawing.disc((pixel.x, pixel.y), 0.75 * RADIUS * scale, EDGE)
            drawing.disc((pixel.x, pixel.y), 0.55 * RADIUS * scale, PLACED)


def _draw_session(context: bpy.types.Context, head: bpy.types.Object, session: Session) -> None:
    """All landmarks while they are being placed, with their names, and at the mouse what comes next."""
    scale, size = context.preferences.system.ui_scale, drawing.text_size(context)
    dots = _dots(context, head, session)
    for name, pixel in dots.items():
        _draw_dot(pixel, name, session, scale)
    widths = {name: drawing.words_size(label_of(name), size)[0] for name in dots}
    room = context.region.width
    places = arranged(dots, widths, LINE * scale, LABEL_GAP * scale, room)
    for name, (x, y) in places.items():
        colour = _colour(name, session)
        side = x - 5 * scale if x > dots[name][0] else x + widths[name] + 5 * scale
        drawing.line((side, y), dots[name], scale, (*colour[:3], 0.45))
        drawing.words((x, y - 0.35 * size), label_of(name), colour, size)
    mouse, name = placing_desk.mouse, session.next_name
    if mouse is None or mouse[0] != context.region.as_pointer() or placing_desk.hovered or name is None:
        return
    drawing.words((mouse[1] + 16 * scale, mouse[2] + 12 * scale), label_of(name), ACTIVE, size)


def _dots(context: bpy.types.Context, head: bpy.types.Object, session: Session) -> dict[str, Pixel]:
    """The pixels of those landmarks that are seen in this view."""
    depsgraph, view = context.evaluated_depsgraph_get(), View(context.region)
    dots: dict[str, Pixel] = {}
    for name, spot in session.shown.items():
        place = place_in_view(head, depsgraph, spot)
        pixel = view.pixel(head, place)
        if pixel is not None and view.sees(head, depsgraph, session.rest, place):
            dots[name] = (pixel.x, pixel.y)
    return dots


def _colour(name: str, session: Session) -> Colour:
    if name in (placing_desk.hovered, session.next_name):
        return ACTIVE
    return PLACED if name in session.placed else SUGGESTED


def _draw_dot(pixel: Pixel, name: str, session: Session, scale: float) -> None:
    """A full dot where the user placed it, a ring where it is only suggested."""
    radius = RADIUS * scale * (1.3 if name == placing_desk.hovered else 1.0)
    if name in session.placed:
        drawing.disc(pixel, radius + 1.5 * scale, EDGE)
        drawing.disc(pixel, radius, _colour(name, session))
    else:
        drawing.ring(pixel, radius, 4 * scale, EDGE)
        drawing.ring(pixel, radius, 2 * scale, _colour(name, session))


def _draw_legend(context: bpy.types.Context) -> None:
    """In the lower left corner, beside the toolbar."""
    scale = context.preferences.system.ui_scale
    tools = next((one for one in context.area.regions if one.type == "TOOLS" and one.width > 1), None)
    left = 0 if tools is None else max(0, tools.x + tools.width - context.region.x)
    draw_legend(scale, drawing.text_size(context), (left + 24 * scale, 24 * scale))
