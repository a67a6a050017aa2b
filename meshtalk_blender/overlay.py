# SPDX-License-Identifier: GPL-3.0-or-later
"""What MeshTalk draws over the 3D views: a head's landmarks, and how well a fit lies on it. Never in renders,
and nothing in the background, where there is no GPU.
"""

from __future__ import annotations

import bpy

from . import fit_overlay
from .fit_overlay import hide_fit, redraw_views, show_fit
from .scene.labels import arranged
from .scene.landmarks import label_of, placed_landmarks, spot_of
from .scene.placing import Session, desk
from .scene.spots import normal_in_view, place_in_view
from .scene.views import View

__all__ = ["end_session", "hide_fit", "redraw_views", "show_fit"]

Colour = tuple[float, float, float, float]
Pixel = tuple[float, float]

PLACED: Colour = (1.0, 0.60, 0.10, 1.0)
SUGGESTED: Colour = (0.55, 0.85, 1.0, 1.0)
ACTIVE: Colour = (1.0, 1.0, 1.0, 1.0)
EDGE: Colour = (0.05, 0.05, 0.05, 0.9)
RADIUS, LABEL_GAP, LINE = 5.0, 34.0, 19.0
"""Of a dot, of the labels from the dots, and from label to label: pixels at scale 1."""

_handles: list[object] = []


def register() -> None:
    """Begin to draw."""
    bpy.app.handlers.load_pre.append(_forget)
    if not bpy.app.background:
        add = bpy.types.SpaceView3D.draw_handler_add
        _handles.append(add(fit_overlay.draw_surface, (), "WINDOW", "POST_VIEW"))
        _handles.append(add(_draw_pixels, (), "WINDOW", "POST_PIXEL"))


def unregister() -> None:
    """Stop drawing."""
    end_session()
    hide_fit()
    for handle in _handles:
        bpy.types.SpaceView3D.draw_handler_remove(handle, "WINDOW")
    _handles.clear()
    bpy.app.handlers.load_pre.remove(_forget)


def end_session() -> None:
    """No landmarks are being placed any more: cursor, status bar and views are as before."""
    if desk.session is None:
        return
    desk.clear()
    for window in bpy.context.window_manager.windows:
        window.cursor_modal_restore()
        window.workspace.status_text_set(None)
    redraw_views()


@bpy.app.handlers.persistent
def _forget(*_: object) -> None:
    """Another file is about to be opened."""
    end_session()
    hide_fit()


def _draw_pixels() -> None:
    context = bpy.context
    if not context.space_data.overlay.show_overlays:
        return
    import gpu  # not there in the background

    gpu.state.blend_set("ALPHA")
    if fit_overlay.fitted_head(context) is not None:
        _draw_legend(context)
    head = _landmark_head(context)
    if head is not None and head.visible_get(viewport=context.space_data):
        if desk.session is None:
            _draw_placed(context, head)
        else:
            _draw_session(context, head, desk.session)
    gpu.state.blend_set("NONE")


def _landmark_head(context: bpy.types.Context) -> bpy.types.Object | None:
    """The head whose landmarks are shown; None when there is nothing to show."""
    if desk.session is not None:
        return next((one for one in context.view_layer.objects if one.session_uid == desk.head_uid), None)
    from .ops.checks import chosen_head  # higher than this module, which the operators call

    head = chosen_head(context)
    if head is None or head.type != "MESH" or not head.meshtalk.show_landmarks:
        return None
    return head if len(head.meshtalk.landmarks) else None


def _draw_placed(context: bpy.types.Context, head: bpy.types.Object) -> None:
    """The landmarks of a head that are placed, on the side that faces the viewer."""
    from . import drawing
    from .scene.face_plan import is_inward

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
    from . import drawing

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
    if desk.mouse is not None and desk.mouse[0] == context.region.as_pointer() and not desk.hovered:
        name = session.next_name
        if name is not None:
            drawing.words(
                (desk.mouse[1] + 16 * scale, desk.mouse[2] + 12 * scale), label_of(name), ACTIVE, size
            )


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
    if name in (desk.hovered, session.next_name):
        return ACTIVE
    return PLACED if name in session.placed else SUGGESTED


def _draw_dot(pixel: Pixel, name: str, session: Session, scale: float) -> None:
    """A full dot where the user placed it, a ring where it is only suggested."""
    from . import drawing

    radius = RADIUS * scale * (1.3 if name == desk.hovered else 1.0)
    if name in session.placed:
        drawing.disc(pixel, radius + 1.5 * scale, EDGE)
        drawing.disc(pixel, radius, _colour(name, session))
    else:
        drawing.ring(pixel, radius, 4 * scale, EDGE)
        drawing.ring(pixel, radius, 2 * scale, _colour(name, session))


def _draw_legend(context: bpy.types.Context) -> None:
    """In the lower left corner, beside the toolbar."""
    from . import drawing

    scale = context.preferences.system.ui_scale
    tools = next((one for one in context.area.regions if one.type == "TOOLS" and one.width > 1), None)
    left = 0 if tools is None else max(0, tools.x + tools.width - context.region.x)
    fit_overlay.draw_legend(scale, drawing.text_size(context), (left + 24 * scale, 24 * scale))
