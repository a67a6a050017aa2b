# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tab's panels share: the button that starts a job."""

from __future__ import annotations

import bpy

from ..ops.desk import desk
from .text import sentence


def start_button(
    layout: bpy.types.UILayout,
    context: bpy.types.Context,
    operator: type[bpy.types.Operator],
    icon: str,
    reason: str | None,
    height: float = 1.25,
) -> None:
    """A large button that starts a job; where there is a reason against it, it is greyed out and the reason
    stands below it."""
    row = layout.row()
    row.scale_y = height
    row.enabled = reason is None
    row.operator_context = "INVOKE_DEFAULT"
    row.operator(operator.bl_idname, icon=icon)
    why_not(layout, context, reason)


def why_not(layout: bpy.types.UILayout, context: bpy.types.Context, reason: str | None) -> None:
    """Why the button above is greyed out; while a job runs, Cancel and the progress say it."""
    if reason is not None and desk.job is None:
        sentence(layout, context, reason, "INFO")
