# SPDX-License-Identifier: GPL-3.0-or-later
"""The MeshTalk tab under a user's hands: what all jobs of a window do, until a head speaks."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator

import bpy
from buttons import find, press_button, type_into
from hands import (
    EXTENSION,
    PROJECT,
    SETTINGS,
    click,
    frame_head,
    picture,
    press,
    report,
    settled,
    to,
    until,
    view,
)
from ours import ours

MOST = 240.0
"""Seconds that a job may take here: the window is drawn by the processor, and the machine may be busy."""

ROW = 24
"""Pixels from one row of the tab to the next."""


def add_on(module: str):
    """One of the add-on's modules, to ask how far it is."""
    return importlib.import_module(f"{EXTENSION}.meshtalk_blender.{module}")


def desk():
    """The add-on's one job, and its last sentence."""
    return add_on("ops.desk").desk


def head() -> bpy.types.Object:
    """The active object."""
    return bpy.context.view_layer.objects.active


def empty_file() -> None:
    """Nothing in the scene; the head's view from the front, the sidebar open."""
    for thing in list(bpy.data.objects):
        bpy.data.objects.remove(thing)
    context = view()
    with bpy.context.temp_override(**context):
        bpy.ops.view3d.view_axis(type="FRONT")
        space = context["space_data"]
        space.show_region_ui = True
        space.shading.color_type = "MATERIAL"
        space.overlay.show_floor = space.overlay.show_axis_x = space.overlay.show_axis_y = False
    bpy.ops.ed.undo_push(message="Empty file")


def job_over() -> Iterator[float]:
    """Until the job that was started is over; the longest pauses of the main thread go into the report, with
    what the job was at and how much of them was the add-on's own."""
    ours.watch()
    started, pauses, last = time.monotonic(), [], time.monotonic()
    while desk().job is None and time.monotonic() - started < 3.0:
        yield 0.02
    while desk().job is not None:
        assert time.monotonic() - started < MOST, "the job takes too long"
        status, own = desk().job.status, ours.seconds
        yield 0.01
        now, own = time.monotonic(), ours.seconds - own
        if desk().job is not None:
            pauses.append((round(now - last, 3), f"{status.stage} {status.fraction:.2f}", round(own, 4)))
        last = now
    assert not desk().is_problem, desk().message
    report.setdefault("pauses", []).append(sorted(pauses, reverse=True)[:3])
    report["ours_ms"] = ours.told()
    report.setdefault("told", []).append(desk().message)
    yield 0.6


def shot(name: str) -> Iterator[float]:
    """A picture once everything is drawn."""
    yield from settled(0.6)
    picture(f"{name}.png")
    yield from settled(0.3)


def widest(prefix: str = "jawOpen", most: int = 160) -> int:
    """The frame at which the key is highest."""
    curve = curve_of(prefix)
    scene = bpy.context.scene
    return max(range(scene.frame_start, scene.frame_start + most), key=curve.evaluate)


def curve_of(key: str, thing: bpy.types.Object | None = None) -> bpy.types.FCurve:
    """The curve that plays on the key of the head now."""
    keys = (thing or head()).data.shape_keys
    path = f'key_blocks["{key}"].value'
    return next(curve for curve in add_on("scene.actions").playing_curves(keys) if curve.data_path == path)


def show_frame(frame: int) -> Iterator[float]:
    """Go there."""
    bpy.context.scene.frame_set(frame)
    yield 0.5


def undo_and_redo(count: Callable[[], object]) -> Iterator[float]:
    """Ctrl Z takes the job back, Ctrl Shift Z brings it again: `count` is what must go and come."""
    after = count()
    area = view()["area"]
    press(*to(area.x + area.width // 3, area.y + area.height // 2), "sleep", "0.3", "key", "ctrl+z")
    yield from until(lambda: count() != after, "Ctrl Z took nothing back")
    press("key", "ctrl+shift+z")
    yield from until(lambda: count() == after, "Ctrl Shift Z did not bring it again")


def takes() -> list[str]:
    """The names of the head's takes."""
    return [take.name for take in head().meshtalk.takes]


def open_only(*opened: str) -> None:
    """Let only these sub-panels be open when the tab is drawn first, as the user left them."""
    for module in ("seeds", "takes", "controls", "dub", "retarget", "landmarks", "mapping"):
        panel = getattr(add_on("panels.tab"), f"MESHTALK_PT_{module}")
        bpy.utils.unregister_class(panel)
        panel.bl_options = set() if module in opened else {"DEFAULT_CLOSED"}
        bpy.utils.register_class(panel)


def add_head() -> Iterator[float]:
    """The button that stands there while no head is selected."""
    heads = len(bpy.data.objects)
    yield from press_button("meshtalk.add_head")
    yield from until(lambda: len(bpy.data.objects) > heads, "the button added no head")
    frame_head()


def choose_sound(speech: str) -> Iterator[float]:
    """File is clicked, and its path typed."""
    settings = bpy.context.scene.meshtalk
    if settings.sound_source != "FILE":
        spot = yield from find("STRIP", 0.8)
        if spot is None:  # 4.3 copies nothing from such a row: it stands above the next button
            below = yield from find("meshtalk.add_sound", 0.8)
            spot = below._replace(y=below.y + ROW)
        click(spot.x, spot.y)
        yield from until(lambda: settings.sound_source == "FILE", "File was not chosen")
    yield from type_into(settings, "sound_file", "mark.wav", str(PROJECT / speech))


def speak() -> Iterator[float]:
    """A head that speaks: where the other jobs begin."""
    yield from add_head()
    yield from choose_sound(SETTINGS["speech"])
    yield from press_button("meshtalk.generate")
    yield from job_over()
    bpy.context.scene.frame_end = 200
    assert len(takes()) == 1, "no take was made"
