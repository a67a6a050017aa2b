# SPDX-License-Identifier: GPL-3.0-or-later
"""What operators share that answer a click at once: whether they can be pressed, and what is told then."""

from __future__ import annotations

from collections.abc import Callable

import bpy

from ...engine.errors import MeshTalkError
from ..translations import say
from .desk import desk


def can_press(cls: type[bpy.types.Operator], reason: str | None) -> bool:
    """What poll answers: whether nothing speaks against it. The tooltip of the greyed-out button says what
    does."""
    if reason is not None:
        cls.poll_message_set(say(reason))
    return reason is None


def at_once(operator: bpy.types.Operator, step: Callable[[], str], in_panel: bool = False) -> set[str]:
    """What execute answers: do the step, and report what it says was done, or the sentence of its
    MeshTalkError; `in_panel`: there too, below Generate."""
    try:
        done = step()
    except MeshTalkError as error:
        if in_panel:
            desk.tell(str(error), is_problem=True)
        operator.report({"ERROR"}, say(str(error)))
        return {"CANCELLED"}
    if in_panel:
        desk.tell(done)
    if done:
        operator.report({"INFO"}, say(done))
    return {"FINISHED"}
