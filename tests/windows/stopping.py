# SPDX-License-Identifier: GPL-3.0-or-later
"""Stops a job with Esc or the Cancel button, and holds that the file is as it was, datablock by datablock."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator

import bpy
import numpy as np
from buttons import find, press_button
from hands import EXTENSION, SETTINGS, click, press, report

EARLIEST, PART = 0.6, 0.32
"""Seconds and part of the job after which it is stopped; earlier a click is taken for half a double click."""

ITS_OWN = {"screens", "window_managers", "workspaces", "brushes"}
"""What the window changes by itself."""


def stopped(button: str) -> Iterator[float]:
    """Press a button that starts a job, stop it on the way, and compare the file."""
    desk = importlib.import_module(f"{EXTENSION}.meshtalk_blender.ops.desk").desk
    cancel = yield from find("meshtalk.generate")  # Cancel stands there while a job runs
    before = datablocks()
    yield from press_button(button)
    while desk.job is None or desk.job.seconds < EARLIEST or desk.job.status.fraction < PART:
        yield 0.01
    report["cancelled_at"] = f"{desk.job.status.stage} {desk.job.status.fraction:.2f}"
    yield from stop(cancel.x, cancel.y)
    assert desk.message.startswith("Cancelled"), desk.message
    yield 0.6
    after = datablocks()
    assert after == before, [kind for kind in before if after[kind] != before[kind]]
    report["datablocks_compared"] = sum(len(found) for found in before.values())


def stop(x: float, y: float) -> Iterator[float]:
    """Esc, or a click on Cancel at these pixels; until the job is over. Told are the seconds from starting
    xdotool, which before a click waits for 0.3 s, and those from the press as Blender gets it."""
    desk = importlib.import_module(f"{EXTENSION}.meshtalk_blender.ops.desk").desk
    watch = watch_presses()
    began = time.monotonic()
    press("key", "Escape") if SETTINGS["cancel"] == "esc" else click(x, y)
    while desk.job is not None:
        yield 0.01
    ended = time.monotonic()
    report["cancel_seconds"] = round(ended - began, 2)
    report["cancel_seconds_from_the_press"] = round(ended - watch[0], 3)


def watch_presses() -> list[float]:
    """When Esc or the left button is pressed next, as Blender gets it; filled while the window runs."""
    if not hasattr(bpy.types, "WM_OT_watch_presses"):
        bpy.utils.register_class(WatchPresses)
    presses.clear()
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
        bpy.ops.wm.watch_presses("INVOKE_DEFAULT")
    return presses


presses: list[float] = []


class WatchPresses(bpy.types.Operator):
    """Sees each event before what was started earlier does, and lets it through"""

    bl_idname = "wm.watch_presses"
    bl_label = "Watch Presses"

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, _context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.value != "PRESS" or event.type not in ("ESC", "LEFTMOUSE"):
            return {"PASS_THROUGH"}
        presses.append(time.monotonic())
        return {"FINISHED", "PASS_THROUGH"}


def datablocks() -> dict[str, list[object]]:
    """What is in the file: names and users of all datablocks, what curves, keys, strips and takes hold."""
    kinds = [kind for kind in dir(bpy.data) if kind not in ITS_OWN]
    lists = {kind: getattr(bpy.data, kind) for kind in kinds}
    found: dict[str, list[object]] = {
        kind: sorted((block.name_full, block.users) for block in blocks)
        for kind, blocks in lists.items()
        if isinstance(blocks, bpy.types.bpy_prop_collection)
    }
    strips = importlib.import_module(f"{EXTENSION}.meshtalk_blender.scene.strips")
    found["curves"] = [each for action in bpy.data.actions for each in _curves(action)]
    found["shapes"] = [
        (block.name, block.value, block.mute, float(_numbers(block.points, "co", 3).sum()))
        for key in bpy.data.shape_keys
        for block in key.key_blocks
    ]
    found["strips"] = [(s.name, s.mute, s.channel) for sc in bpy.data.scenes for s in strips.all_strips(sc)]
    found["takes"] = [(o.name, t.name, t.uid) for o in bpy.data.objects for t in o.meshtalk.takes]
    found["frames"] = [(scene.name, scene.frame_current_final) for scene in bpy.data.scenes]
    return found


def _curves(action: bpy.types.Action) -> list[object]:
    actions = importlib.import_module(f"{EXTENSION}.meshtalk_blender.scene.actions")
    return [
        (action.name, curve.data_path, _numbers(curve.keyframe_points, "co", 2).tobytes())
        for curve in actions.all_curves(action)
    ]


def _numbers(items: bpy.types.bpy_prop_collection, name: str, width: int) -> np.ndarray:
    values = np.empty(len(items) * width, np.float32)
    items.foreach_get(name, values)
    return values
