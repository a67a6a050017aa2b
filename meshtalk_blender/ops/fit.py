# SPDX-License-Identifier: GPL-3.0-or-later
"""Fit Head: how well the template lies on a head, before anything is generated."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

import bpy

from ..fit_overlay import hide_fit, show_fit, shown_fit
from ..models import chosen_threads, model_folder
from ..scene.errors import SceneError
from ..scene.handles import HeadHandle, find_head, handle_of, head_problem
from ..translations import say
from .background import InBackground, redraw_panels
from .checks import chosen_head, fit_reason
from .desk import desk

if TYPE_CHECKING:
    from .job import FitRequest, FitResult, Work

POOR = (
    "The face would move in the wrong places: put landmarks on the eyes, the nose, the mouth and the chin, "
    "then fit again."
)


BESIDE = (
    "Eyes, nose or mouth may lie beside the head's own: compare the rings of the landmarks, and place "
    "those that are wrong."
)


class MESHTALK_OT_fit_head(InBackground, bpy.types.Operator):
    """Fit the template to the head and show how well it lies there; Generate does it too where need be"""

    bl_idname = "meshtalk.fit_head"
    bl_label = "Fit Head"
    bl_options = {"REGISTER", "UNDO"}
    shows_done = False

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = fit_reason(context)
        if reason is not None:
            cls.poll_message_set(say(reason))
        return reason is None

    def prepare(self, context: bpy.types.Context) -> Work:
        from .job import run_fit

        head = chosen_head(context)
        request = fit_request(context, head)
        self._head, self._model = handle_of(head), context.scene.meshtalk.model
        return partial(run_fit, request)

    def written_heads(self) -> Iterable[HeadHandle]:
        return (self._head,)

    def write(self, _context: bpy.types.Context, result: FitResult) -> str:
        from ..scene.binding import store_binding
        from ..scene.landmarks import set_fitted_landmarks
        from .head_state import look_now

        head = find_head(self._head)
        fitted = result.fitted
        if fitted is None:
            forget_fit(head)
            return f"“{head.name}” is a known head: motion comes out exact, nothing to fit"
        store_binding(head, fitted.data, fitted.figures)
        set_fitted_landmarks(head, fitted.landmarks)
        show_fit(head, fitted.template, fitted.faces, fitted.fit_mm)
        look_now(head, self._model)
        return f"“{head.name}” fitted: the colours show how far the template is from it"


def fit_request(context: bpy.types.Context, head: bpy.types.Object | None) -> FitRequest:
    """What the fit needs, copied out of bpy. Raises SceneError."""
    from ..scene.binding import stored_binding
    from ..scene.landmarks import placed_landmarks
    from ..scene.mesh import read_rest_pose
    from .job import FitRequest

    problem = head_problem(head)
    if problem is not None:
        raise SceneError(problem)
    model = context.scene.meshtalk.model
    folder = model_folder(model)
    if folder is None:
        raise SceneError(f"There is no model “{model}”: choose another in the MeshTalk tab.")
    rest = read_rest_pose(head)
    landmarks = rest.stretched_places(placed_landmarks(head))
    return FitRequest(folder, chosen_threads(), rest, landmarks, stored_binding(head))


def forget_fit(head: bpy.types.Object) -> None:
    """Take away all that a fit left with a head."""
    from ..scene.binding import clear_binding
    from ..scene.landmarks import set_fitted_landmarks

    clear_binding(head)
    set_fitted_landmarks(head, {})
    hide_fit()


class MESHTALK_OT_hide_fit(bpy.types.Operator):
    """Take the colours of the fit off the head; the fit stays"""

    bl_idname = "meshtalk.hide_fit"
    bl_label = "Hide Fit"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if shown_fit() is None:
            cls.poll_message_set(say("No fit is shown."))
        return shown_fit() is not None

    def execute(self, _context: bpy.types.Context) -> set[str]:
        hide_fit()
        redraw_panels()
        return {"FINISHED"}


class MESHTALK_OT_clear_fit(bpy.types.Operator):
    """Forget the fit of this head; shape keys and Actions that were made with it stay"""

    bl_idname = "meshtalk.clear_fit"
    bl_label = "Clear Fit"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        from ..scene.binding import has_binding

        head = chosen_head(context)
        reason = fit_reason(context)
        if reason is None and head is not None and not has_binding(head):
            reason = "This head has no fit."
        if reason is not None:
            cls.poll_message_set(say(reason))
        return reason is None

    def execute(self, context: bpy.types.Context) -> set[str]:
        forget_fit(chosen_head(context))
        desk.tell("")
        redraw_panels()
        return {"FINISHED"}


CLASSES = (MESHTALK_OT_fit_head, MESHTALK_OT_hide_fit, MESHTALK_OT_clear_fit)
