# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside the window (see run.py): adds the head and a sound, clicks Generate, and plays the result."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import bpy

sys.path.insert(0, "/project")

from buttons import Spot, find
from hands import (
    EXTENSION,
    PROJECT,
    SETTINGS,
    choose_tab,
    click,
    frame_head,
    install,
    picture,
    press,
    report,
    run,
    sidebar,
    view,
    write_report,
)
from stopping import stop

TICK = 0.01
report["cancelled_by"] = SETTINGS["cancel"]


def prepare() -> None:
    """Head instead of the cube, framed; sidebar open; the timeline as a dope sheet of shape keys."""
    for thing in list(bpy.data.objects):
        bpy.data.objects.remove(thing)
    context = view()
    with bpy.context.temp_override(**context):
        bpy.ops.meshtalk.add_head("INVOKE_DEFAULT")
        bpy.ops.view3d.view_axis(type="FRONT")
        context["space_data"].show_region_ui = True
        context["space_data"].shading.color_type = "MATERIAL"
        context["space_data"].overlay.show_floor = False
        context["space_data"].overlay.show_axis_x = False
        context["space_data"].overlay.show_axis_y = False
    scene = bpy.context.scene
    scene.render.fps = 24
    with bpy.context.temp_override(**view()):
        bpy.ops.meshtalk.add_sound(filepath=str(PROJECT / SETTINGS["speech"]))
        bpy.ops.meshtalk.fit_range()


def enlarge_dope_sheet() -> Iterator[float]:
    """Show shape keys in the timeline and pull its upper edge upwards, slowly enough for a busy machine."""
    window = bpy.context.window_manager.windows[0]
    lower = next(area for area in window.screen.areas if area.type == "DOPESHEET_EDITOR")
    lower.spaces[0].mode = "SHAPEKEY"
    lower.spaces[0].show_region_channels = True
    for pause in (0.6, 1.5, 3.0):
        edge, x = 1000 - (lower.y + lower.height), str(lower.x + 400)
        moves = [f"mousemove {x} {edge - 30}", f"mousemove {x} {edge}", "mousedown 1"]
        moves += [f"mousemove {x} {edge - 60 * step}" for step in (1, 2, 3)] + ["mouseup 1"]
        press(*f" sleep {pause} ".join(moves).split())
        yield 10 * pause
        if lower.height > 150:
            return


def job_status():
    """The running job of the add-on, or None."""
    import importlib

    return importlib.import_module(f"{EXTENSION}.meshtalk_blender.ops.desk").desk


def steps() -> Iterator[float]:
    """What happens, one step after the other; each yields how long to wait for the screen, in seconds."""
    install()
    yield 1.0
    prepare()
    yield 1.0
    yield from enlarge_dope_sheet()
    frame_head()
    choose_tab()
    yield 2.0
    bpy.ops.ed.undo_push(
        message="Before Generate"
    )  # operators called from a script leave no step of their own
    picture("ready.png")
    yield 2.5
    yield from idle()
    report["sidebar"] = [sidebar().x, sidebar().y, sidebar().width, sidebar().height]
    button = yield from find("meshtalk.generate")
    assert button is not None, "there is no Generate that can be pressed"
    click(button.x, button.y)
    started = time.monotonic()
    while job_status().job is None:
        assert time.monotonic() - started < 10, "the click did not start the job: " + job_status().message
        yield TICK
    yield from watch(time.monotonic(), button)
    if SETTINGS["cancel"]:
        yield from cancelled()
    else:
        yield from finished()
    report["well"] = True


def idle() -> Iterator[float]:
    """How long the main thread is held up while nothing runs: this machine's own share of the pauses."""
    pauses, before = [], time.monotonic()
    for _ in range(100):
        tag_redraw()
        yield TICK
        now = time.monotonic()
        pauses.append(now - before)
        before = now
    report["idle_pauses"] = [round(pause, 3) for pause in sorted(pauses, reverse=True)[:8]]


def tag_redraw() -> None:
    """What the running job does too: draw the sidebar anew."""
    sidebar().tag_redraw()


def watch(begun: float, button: Spot) -> Iterator[float]:
    """Until the job is over: note the longest pause between two ticks, take a picture on the way. Cancel
    stands where Generate was."""
    pauses, before, pictured = [], time.monotonic(), False
    while job_status().job is not None:
        status = job_status().job.status
        if status.fraction > 0.3 and not pictured:
            pictured = True
            picture("running.png")
            if SETTINGS["cancel"]:
                yield from stop(button.x, button.y)
                break
        yield TICK
        now = time.monotonic()
        if job_status().job is not None:
            pauses.append((round(now - before, 3), f"{status.stage} {status.fraction:.2f}"))
        before = now
    report["job_seconds"] = round(time.monotonic() - begun, 2)
    report["longest_pauses"] = sorted(pauses, reverse=True)[:8]
    report["ticks"] = len(pauses)
    report["message"] = job_status().message
    write_report()


def cancelled() -> Iterator[float]:
    """Nothing was written."""
    assert len(bpy.data.actions) == 0 and len(bpy.data.shape_keys) == 0, "something was written"
    yield 1.0
    picture("cancelled.png")
    yield 2.0


def finished() -> Iterator[float]:
    """The head with its mouth open, and its keys in the dope sheet."""
    head = bpy.context.view_layer.objects.active
    keys = head.data.shape_keys
    assert keys is not None, "nothing was written: " + job_status().message
    report["keys"] = len(keys.key_blocks)
    report["actions"] = [action.name for action in bpy.data.actions]
    yield 1.0
    fit_dope_sheet()
    bpy.context.scene.frame_set(widest_frame(keys))
    report["frame"] = bpy.context.scene.frame_current
    yield 2.0
    picture("finished.png")
    yield 3.0
    yield from playback()
    yield from undone()


def undone() -> Iterator[float]:
    """Ctrl Z over the 3D view takes all of it back, Ctrl Shift Z brings it again."""
    area = view()["area"]
    press(
        "mousemove",
        str(area.x + area.width // 3),
        str(1000 - area.y - area.height // 2),
        "sleep",
        "0.3",
        "key",
        "ctrl+z",
    )
    yield 3.0
    report["after_undo"] = [len(bpy.data.actions), len(bpy.data.shape_keys), len(bpy.data.objects)]
    press("key", "ctrl+shift+z")
    yield 3.0
    report["after_redo"] = [len(bpy.data.actions), len(bpy.data.shape_keys), len(bpy.data.objects)]
    assert report["after_undo"] == [0, 0, 1] and report["after_redo"] == [1, 1, 1], "undo or redo failed"


def fit_dope_sheet() -> None:
    """Show all keys of the take, larger than the timeline was."""
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "DOPESHEET_EDITOR")
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.anim.channels_expand(all=True)
        bpy.ops.action.view_all()


SEARCHED_FRAMES = 200


def widest_frame(keys: bpy.types.Key) -> int:
    """The frame at which the jaw opens widest."""
    scene = bpy.context.scene
    best, frame = -1.0, 1
    for number in range(scene.frame_start, min(scene.frame_end, SEARCHED_FRAMES) + 1):
        scene.frame_set(number)
        value = keys.key_blocks["jawOpen"].value
        if value > best:
            best, frame = value, number
    return frame


def playback() -> Iterator[float]:
    """Play for two seconds, as a user would to see the take."""
    with bpy.context.temp_override(**view()):
        bpy.ops.screen.animation_play()
    yield 2.0
    report["played_to"] = bpy.context.scene.frame_current
    with bpy.context.temp_override(**view()):
        bpy.ops.screen.animation_cancel(restore_frame=True)
    yield 0.5


run(steps())
