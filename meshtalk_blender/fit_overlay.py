# SPDX-License-Identifier: GPL-3.0-or-later
"""Which fit is shown over its head; light, for Blender imports it at its start. `fit_drawing` draws it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from .fit_drawing import FitPicture

_shown: list[FitPicture] = []


def show_fit(head: bpy.types.Object, vertices: ArrayLike, faces: ArrayLike, fit_mm: ArrayLike) -> None:
    """Draw a fit over its head in all 3D views, until `hide_fit` or another file is opened.

    `vertices` (V, 3) are the template's on the head, in its object space, `faces` (F, K) their polygons,
    padded with −1, `fit_mm` (V,) the distance of each vertex from the head.
    """
    from .fit_drawing import fit_picture

    _shown[:] = [fit_picture(head.session_uid, vertices, faces, fit_mm)]
    redraw_views()


def hide_fit() -> None:
    """Draw no fit any more."""
    if _shown:
        _shown.clear()
        redraw_views()


def shown_fit() -> FitPicture | None:
    """The fit that is drawn."""
    return _shown[0] if _shown else None


def fitted_head(context: bpy.types.Context) -> bpy.types.Object | None:
    """The head whose fit is drawn in the view of `context`; None where it isn't seen."""
    if not _shown or not context.space_data.overlay.show_overlays:
        return None
    head = next((one for one in context.view_layer.objects if one.session_uid == _shown[0].head_uid), None)
    return head if head is not None and head.visible_get(viewport=context.space_data) else None


def redraw_views() -> None:
    """Draw every 3D view anew, sidebars too."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()
