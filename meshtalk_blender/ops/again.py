# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a job anew in the background when its redo panel (F9) asks for it with other settings.

Blender's redo undoes the operator and calls its `execute`, in which nothing may wait for a thread. So
`execute` refuses, whereupon Blender brings back what was there, and a moment later, when no further change
has come, the operator is undone again and invoked with the new settings: the window stays live, Esc and
Cancel work, and the result is one undo step in place of the old one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy

from .desk import desk

if TYPE_CHECKING:
    from logging import Logger

PAUSE = 0.25
"""Seconds without a further change, after which the job begins: a slider that is dragged changes all the
time."""


class _Waiting:
    """What is to be run anew: an operator's name (MESHTALK_OT_generate), and its settings."""

    def __init__(self) -> None:
        self.idname = ""
        self.settings: dict[str, Any] = {}


_waiting = _Waiting()


def run_again(operator: bpy.types.Operator) -> None:
    """Let an operator run anew with its present settings, soon and in the background."""
    _waiting.idname, _waiting.settings = operator.bl_idname, settings_of(operator)
    stop()
    bpy.app.timers.register(_begin, first_interval=PAUSE)


def settings_of(operator: bpy.types.Operator) -> dict[str, Any]:
    """What an operator was given, as keywords for another call."""
    found: dict[str, Any] = {}
    for name, kind in operator.properties.bl_rna.properties.items():
        if name == "rna_type" or not operator.properties.is_property_set(name):
            continue
        value = getattr(operator, name)
        found[name] = [{"name": each.name} for each in value] if kind.type == "COLLECTION" else value
    return found


def stop() -> None:
    """Run nothing anew any more."""
    for timer in (_begin, _watch):
        if bpy.app.timers.is_registered(timer):
            bpy.app.timers.unregister(timer)


def _begin() -> None:
    """The timer: undo what the operator did, and invoke it."""
    idname, settings = _waiting.idname, _waiting.settings
    module, _, name = idname.partition("_OT_")
    if not _is_last(idname):  # something else was done meanwhile
        return
    try:
        with bpy.context.temp_override(**_place()):
            bpy.ops.ed.undo()
        with bpy.context.temp_override(**_place()):
            getattr(getattr(bpy.ops, module.lower()), name)("INVOKE_DEFAULT", True, **settings)
    except RuntimeError as error:  # refused: the operator has told why
        logger = _logger()
        logger.info("Not run anew: %s", error)
    bpy.app.timers.register(_watch, first_interval=PAUSE)


def _watch() -> float | None:
    """The timer while the job runs: where it was cancelled or failed, what was there before comes back."""
    if desk.job is not None:
        return PAUSE
    if not _is_last(_waiting.idname):
        try:
            with bpy.context.temp_override(**_place()):
                bpy.ops.ed.redo()
        except RuntimeError as error:  # the user went on to something else
            logger = _logger()
            logger.info("Not brought back: %s", error)
    return None


def _logger() -> Logger:
    import logging  # late: Blender starts sooner without it

    return logging.getLogger(__name__)


def _is_last(name: str) -> bool:
    operators = bpy.context.window_manager.operators
    return len(operators) > 0 and operators[-1].bl_idname == name


def _place() -> dict[str, Any]:
    """A window, and its largest 3D view where it has one: an undo may have made others of them."""
    window = bpy.context.window_manager.windows[0]
    views = [area for area in window.screen.areas if area.type == "VIEW_3D"]
    if not views:
        return {"window": window}
    area = max(views, key=lambda each: each.width * each.height)
    region = next(region for region in area.regions if region.type == "WINDOW")
    return {"window": window, "area": area, "region": region}
