# SPDX-License-Identifier: GPL-3.0-or-later
"""How well the head fits, before generating: a sub-panel that is open for heads that must be fitted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..fit_overlay import shown_fit
from ..ops.checks import chosen_head, fit_reason
from ..ops.desk import desk
from ..ops.fit import BESIDE, POOR, MESHTALK_OT_clear_fit, MESHTALK_OT_fit_head, MESHTALK_OT_hide_fit
from ..ops.head_state import HeadState, Kind, state_of
from ..ops.landmarks import MESHTALK_OT_place_landmarks
from ..translations import say
from .common import worktop
from .text import sentence

if TYPE_CHECKING:
    from ...engine.geometry.fit.binding import FitFigures

ICONS = {
    Kind.LOOKING: "NONE",
    Kind.KNOWN: "CHECKMARK",
    Kind.UNFITTED: "INFO",
    Kind.FITTED: "CHECKMARK",
    Kind.EDITED: "FILE_REFRESH",
    Kind.MARKED: "FILE_REFRESH",
    Kind.SCALED: "FILE_REFRESH",
}


def draw(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Both sub-panels called Fit."""
    head = chosen_head(context)
    if head is None:
        return
    layout = worktop(layout, MESHTALK_OT_fit_head)
    state = state_of(head, context.scene.meshtalk.model)
    if state.kind is Kind.FITTED and state.figures is not None:
        _draw_figures(layout, state.figures, icon_of(state))
    else:
        sentence(layout, context, state.words, icon_of(state))
    if state.kind is Kind.KNOWN:
        return
    if state.kind is Kind.FITTED and state.figures is not None and state.figures.verdict != "good":
        sentence(layout, context, POOR if state.is_poor else BESIDE, "BLANK1")
        row = layout.row()
        row.operator_context = "INVOKE_DEFAULT"
        row.operator(MESHTALK_OT_place_landmarks.bl_idname, icon="RESTRICT_SELECT_OFF")
    if state.kind is Kind.FITTED and state.figures is not None:
        for remark in state.figures.remarks:
            sentence(layout, context, remark, "INFO")
    _draw_buttons(layout, context, head, state)


def is_for_known(context: bpy.types.Context) -> bool:
    """Whether the sub-panel for heads that need no fit is shown."""
    return _kind(context) is Kind.KNOWN


def is_for_fitted(context: bpy.types.Context) -> bool:
    """Whether the one for heads that must be fitted is."""
    return _kind(context) not in (None, Kind.KNOWN, Kind.LOOKING)


def icon_of(state: HeadState) -> str:
    """The icon of where a head stands."""
    return "ERROR" if state.is_poor else ICONS[state.kind]


def _kind(context: bpy.types.Context) -> Kind | None:
    head = chosen_head(context)
    if head is None or head.type != "MESH":
        return None
    return state_of(head, context.scene.meshtalk.model).kind


def _draw_figures(layout: bpy.types.UILayout, figures: FitFigures, icon: str) -> None:
    """Millimetres as they would be on a head of human size."""
    layout.label(text=say(f"{figures.verdict.title()} fit"), icon=icon)
    column = layout.column(align=True)
    for label, value in (
        ("Half of the face within", f"{figures.median_mm:.1f} mm"),
        ("95 % within", f"{figures.percentile_95_mm:.1f} mm"),
        ("Closer than 4 mm", f"{figures.share_within_4mm:.0%}"),
    ):
        row = column.row()
        row.label(text=say(label))
        right = row.row()
        right.alignment = "RIGHT"
        right.label(text=say(value))


def _draw_buttons(
    layout: bpy.types.UILayout, context: bpy.types.Context, head: bpy.types.Object, state: HeadState
) -> None:
    row = layout.row(align=True)
    picture = shown_fit()
    if state.kind is Kind.FITTED and picture is not None and picture.head_uid == head.session_uid:
        row.operator(MESHTALK_OT_hide_fit.bl_idname, icon="HIDE_ON")
    else:
        fitted = state.kind is Kind.FITTED
        again = "Fit Again" if state.figures is not None else "Fit Head"
        row.operator_context = "INVOKE_DEFAULT"
        row.operator(
            MESHTALK_OT_fit_head.bl_idname,
            text="Show Fit" if fitted else again,
            icon="HIDE_OFF" if fitted else "MOD_SHRINKWRAP",
        )
    if state.figures is not None:
        row.operator(MESHTALK_OT_clear_fit.bl_idname, text="", icon="X")
    reason = fit_reason(context)
    if reason is not None and desk.job is None:
        sentence(layout, context, reason, "INFO")
