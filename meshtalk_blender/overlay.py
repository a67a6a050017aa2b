# SPDX-License-Identifier: GPL-3.0-or-later
"""What MeshTalk draws over the 3D views: a head's landmarks, and how well a fit lies on it. Never in renders,
and nothing in the background, where there is no GPU. Here is when; `overlay_drawing` and `fit_drawing` say
how.
"""

from __future__ import annotations

import bpy

from .fit_overlay import fitted_head, hide_fit, redraw_views, show_fit
from .scene.placing_desk import placing_desk

__all__ = ["end_session", "hide_fit", "redraw_views", "show_fit"]

_handles: list[object] = []


def register() -> None:
    """Begin to draw."""
    bpy.app.handlers.load_pre.append(_forget)
    if not bpy.app.background:
        add = bpy.types.SpaceView3D.draw_handler_add
        _handles.append(add(_draw_surface, (), "WINDOW", "POST_VIEW"))
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
    if placing_desk.session is None:
        return
    placing_desk.clear()
    for window in bpy.context.window_manager.windows:
        window.cursor_modal_restore()
        window.workspace.status_text_set(None)
    redraw_views()


@bpy.app.handlers.persistent
def _forget(*_: object) -> None:
    """Another file is about to be opened."""
    end_session()
    hide_fit()


def _draw_surface() -> None:
    """Called in each drawing of a 3D view, before what is drawn in pixels."""
    if fitted_head(bpy.context) is not None:
        from .fit_drawing import draw_surface

        draw_surface()


def _draw_pixels() -> None:
    """Called at the end of each drawing of a 3D view."""
    context = bpy.context
    if not context.space_data.overlay.show_overlays:
        return
    head = _landmark_head(context)
    if fitted_head(context) is not None or head is not None:
        from .overlay_drawing import draw_pixels

        draw_pixels(context, head)


def _landmark_head(context: bpy.types.Context) -> bpy.types.Object | None:
    """The head whose landmarks are shown; None when there is nothing to show."""
    if placing_desk.session is not None:
        uid = placing_desk.head_uid
        return next((one for one in context.view_layer.objects if one.session_uid == uid), None)
    from .ops.checks import chosen_head  # higher than this module, which the operators call

    head = chosen_head(context)
    if head is None or head.type != "MESH" or not head.meshtalk.show_landmarks:
        return None
    return head if len(head.meshtalk.landmarks) else None
