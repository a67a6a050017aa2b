# SPDX-License-Identifier: GPL-3.0-or-later
"""The sub-panel with the head's landmarks."""

from __future__ import annotations

import bpy

from ..ops.checks import chosen_head
from ..ops.landmarks import (
    MESHTALK_OT_choose_landmark,
    MESHTALK_OT_clear_landmarks,
    MESHTALK_OT_end_landmarks,
    MESHTALK_OT_mirror_landmarks,
    MESHTALK_OT_place_landmarks,
    landmarks_problem,
)
from ..scene.landmarks import BY_NAME, FEWEST, LANDMARKS, Landmark
from ..scene.placing import Session
from ..scene.placing_desk import placing_desk
from ..translations import say
from .text import sentence


def draw(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The sub-panel."""
    layout.use_property_split = True
    layout.use_property_decorate = False
    if placing_desk.session is not None:
        _draw_session(layout, context, placing_desk.session)
        return
    reason = landmarks_problem(context)
    row = layout.row()
    row.enabled = reason is None
    row.operator_context = "INVOKE_DEFAULT"
    row.operator(MESHTALK_OT_place_landmarks.bl_idname, icon="RESTRICT_SELECT_OFF")
    if reason is not None:
        sentence(layout, context, reason, "INFO")
        return
    _draw_placed(layout, context, chosen_head(context))


def _draw_placed(layout: bpy.types.UILayout, context: bpy.types.Context, head: bpy.types.Object) -> None:
    """Before and after placing: how many there are, and what can be done with all of them."""
    count = len(head.meshtalk.landmarks)
    if count == 0:
        text = "None placed: the face is found by itself. Place some where the fit is wrong."
    elif count < FEWEST:
        text = f"{count} placed. With {FEWEST} or more, the face needn't be searched for."
    else:
        text = f"{count} placed. They are used by the next fit."
    sentence(layout, context, text, "INFO" if count < FEWEST else "CHECKMARK")
    layout.prop(head.meshtalk, "use_mirror")
    layout.prop(head.meshtalk, "show_landmarks")
    row = layout.row(align=True)
    row.enabled = count > 0
    row.operator_menu_enum(MESHTALK_OT_mirror_landmarks.bl_idname, "source", text="Mirror", icon="MOD_MIRROR")
    row.operator(MESHTALK_OT_clear_landmarks.bl_idname, text="Clear", icon="X")


def _draw_session(layout: bpy.types.UILayout, context: bpy.types.Context, session: Session) -> None:
    """While landmarks are placed: what comes next, which are done, and how to end."""
    row = layout.row(align=True)
    row.scale_y = 1.5
    row.operator(MESHTALK_OT_end_landmarks.bl_idname, text="Finish", icon="CHECKMARK").wish = "FINISH"
    row.operator(MESHTALK_OT_end_landmarks.bl_idname, text="Cancel", icon="CANCEL").wish = "CANCEL"
    name = session.next_name
    if session.is_swapped:
        text = (
            "Left and right look swapped: left is the character's left, on your right when it looks at you."
        )
        sentence(layout, context, text, "ERROR")
    elif name is not None:
        mark = BY_NAME[name]
        sentence(layout, context, f"Click on the head: {mark.label}. {mark.hint}.", "RESTRICT_SELECT_OFF")
    else:
        sentence(
            layout, context, "Drag the dots that are wrong. Rings count only once you moved them.", "INFO"
        )
    head = chosen_head(context)
    if head is not None:
        layout.prop(head.meshtalk, "use_mirror")
    column = layout.column(align=True)
    for mark in LANDMARKS:
        if not mark.name.endswith("_right"):
            _draw_row(column, session, mark)


def _draw_row(column: bpy.types.UILayout, session: Session, mark: Landmark) -> None:
    """A landmark, or a pair of them: what is placed is ticked; each can be chosen for the next click."""
    row = column.split(factor=0.45, align=True)
    text = mark.label if mark.other is None else mark.label.removeprefix("Left ")
    row.label(text=say(text))
    buttons = row.row(align=True)
    for name, side in ((mark.name, "Left" if mark.other else "Middle"), (mark.other, "Right")):
        if name is not None:
            is_placed = name in session.placed
            icon = "CHECKMARK" if is_placed else "NONE"
            button = buttons.operator(
                MESHTALK_OT_choose_landmark.bl_idname, text=side, icon=icon, depress=name == session.next_name
            )
            button.name = name
