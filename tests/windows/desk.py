# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside the window (see run.py): one of the animator's jobs, from an empty file.

Everything is done with the mouse and the keys: buttons of the tab are pressed, settings typed or dragged;
which sub-panels are open is said by the script alone. Each job takes the pictures that the manual shows,
`<job>-<moment>.png`, and holds what a user would hold.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable, Iterator

import bpy

sys.path.insert(0, "/project")

from buttons import find, find_setting, press_button, type_into
from hands import (
    EXTENSION,
    PROJECT,
    SETTINGS,
    choose_tab,
    click,
    drag,
    frame_head,
    install,
    picture,
    press,
    report,
    run,
    settled,
    to,
    until,
    view,
)
from stopping import stopped

MOST = 90.0
"""Seconds that a job may take here: the window is drawn by the processor."""


ROW = 24
"""Pixels from one row of the tab to the next."""

SIDE_BY_SIDE = 53
"""Pixels from Sample Seeds down to the button that shows the gallery side by side, with a take."""


def add_on(module: str):
    """One of the add-on's modules, to ask how far it is."""
    return importlib.import_module(f"{EXTENSION}.meshtalk_blender.{module}")


def desk():
    """The add-on's one job, and its last sentence."""
    return add_on("ops.job").desk


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
    what the job was at."""
    started, pauses, last = time.monotonic(), [], time.monotonic()
    while desk().job is None and time.monotonic() - started < 3.0:
        yield 0.02
    while desk().job is not None:
        assert time.monotonic() - started < MOST, "the job takes too long"
        status = desk().job.status
        yield 0.01
        now = time.monotonic()
        if desk().job is not None:
            pauses.append((round(now - last, 3), f"{status.stage} {status.fraction:.2f}"))
        last = now
    assert not desk().is_problem, desk().message
    report.setdefault("pauses", []).append(sorted(pauses, reverse=True)[:3])
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
    for module in ("seeds", "takes", "controls", "dub", "retarget"):
        for panel in add_on(f"panels.{module}").CLASSES:
            if issubclass(panel, bpy.types.Panel):
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


def generate() -> Iterator[float]:
    """Head, sound, Generate; taken back and brought again."""
    yield from shot("generate-empty")
    yield from add_head()
    yield from choose_sound(SETTINGS["speech"])
    yield from shot("generate-ready")
    yield from press_button("meshtalk.generate")
    yield 0.3
    picture("generate-running.png")
    yield from job_over()
    bpy.context.scene.frame_end = 200
    yield from show_frame(widest())
    yield from shot("generate-done")
    yield from undo_and_redo(lambda: len(bpy.data.actions))


def controls() -> Iterator[float]:
    """The jaw's strength typed, blinks dragged: the curves follow, no model runs."""
    yield from speak()
    take = add_on("scene.takes").active_take(head())
    frame = widest()
    before = curve_of("jawOpen").evaluate(frame)
    yield from show_frame(frame)
    yield from shot("controls-before")
    yield from type_into(take.controls, "jaw", 0.77, "0.5")
    yield from until(lambda: curve_of("jawOpen").evaluate(frame) < 0.75 * before, "the jaw did not follow")
    yield from shot("controls-jaw")
    spot = yield from find_setting(take.controls, "blink", 1.23)
    drag((spot.x, spot.y), (spot.x + 40, spot.y))
    yield from settled(0.8)
    assert abs(take.controls.blink - 1.23) > 0.02, "the slider was not dragged"
    yield from shot("controls-blink")
    yield from type_into(take.controls, "jaw", 0.77, "1")
    yield from until(
        lambda: abs(curve_of("jawOpen").evaluate(frame) - before) < 1e-6, "the jaw did not return"
    )


def seeds() -> Iterator[float]:
    """A gallery of takes; one looked at, another kept; taken back and brought again."""
    yield from speak()
    bpy.context.scene.meshtalk_seeds.count = 6
    yield from press_button("meshtalk.sample_seeds")
    started = time.monotonic()
    yield from job_over()
    report["gallery_seconds"] = round(time.monotonic() - started, 1)
    yield from shot("seeds-gallery")
    yield from side_by_side()
    yield from press_button("preview_seed(index=1)")
    yield from until(lambda: len(takes()) == 2, "the seed was not shown")
    yield from show_frame(widest())
    yield from shot("seeds-preview")
    yield from press_button("meshtalk.keep_seed", 0.3)
    yield from until(lambda: not any(t.preview for t in head().meshtalk.takes), "the seed was not kept")
    assert len(takes()) == 2, takes()
    yield from shot("seeds-kept")
    yield from undo_and_redo(lambda: [take.preview for take in head().meshtalk.takes])


def side_by_side() -> Iterator[float]:
    """The gallery's popover, whose button copies nothing: it stands below Sample Seeds; Esc closes it."""
    above = yield from find("meshtalk.sample_seeds")
    click(above.x, above.y - SIDE_BY_SIDE)
    yield from shot("seeds-side-by-side")
    press("key", "Escape", *to(400, 500))
    yield from settled(0.5)


def preferences() -> Iterator[float]:
    """The add-on's own, as they are found by searching."""
    manager = bpy.context.window_manager
    bpy.ops.screen.userpref_show()
    yield 0.8
    bpy.context.preferences.active_section = "ADDONS"
    manager.addon_search = "MeshTalk"
    yield 0.6
    bpy.ops.preferences.addon_show(module=EXTENSION)
    yield 1.0
    for area in manager.windows[-1].screen.areas:
        area.tag_redraw()
    yield from shot("preferences")
    assert add_on("preferences").readiness()[0], "the preferences don't say that MeshTalk is ready"


def dub() -> Iterator[float]:
    """New words for the head that speaks; the old take stays."""
    yield from speak()
    old = [round(curve_of("eyeBlinkLeft").evaluate(frame), 4) for frame in range(1, 60)]
    yield from choose_sound(SETTINGS["second"])
    if SETTINGS["cancel"]:
        yield from stopped("meshtalk.dub")
        return
    yield from shot("dub-ready")
    yield from press_button("meshtalk.dub")
    yield 0.3
    picture("dub-running.png")
    yield from job_over()
    assert len(takes()) == 2, takes()
    new = [round(curve_of("eyeBlinkLeft").evaluate(frame), 4) for frame in range(1, 60)]
    report["largest_change_of_blinks"] = max(abs(a - b) for a, b in zip(old, new, strict=True))
    yield from show_frame(widest())
    yield from shot("dub-done")
    yield from undo_and_redo(lambda: len(bpy.data.actions))


def retarget() -> Iterator[float]:
    """What the first head does, on a second one beside it."""
    yield from speak()
    first = head()
    area = view()["area"]
    press(*to(area.x + 300, area.y + area.height // 2), "sleep", "0.3", "key", "alt+a")
    yield from until(lambda: not first.select_get(), "Alt A left the head selected")
    yield from add_head()
    head().location.x = 0.3
    bpy.context.scene.meshtalk_retarget.source = first
    if SETTINGS["cancel"]:
        yield from stopped("meshtalk.retarget")
        return
    yield from shot("retarget-ready")
    yield from press_button("meshtalk.retarget")
    yield from job_over()
    assert len(takes()) == 1, takes()
    with bpy.context.temp_override(**view()):
        bpy.ops.view3d.view_all()
    yield from show_frame(widest())
    yield from shot("retarget-done")
    gap = [curve_of("jawOpen", first).evaluate(f) - curve_of("jawOpen").evaluate(f) for f in range(1, 140)]
    report["largest_change_of_the_jaw"] = round(max(map(abs, gap)), 4)
    yield from undo_and_redo(lambda: len(bpy.data.actions))


OPEN = {
    "generate": ("takes",),
    "controls": ("controls",),
    "seeds": ("seeds",),
    "dub": ("dub",),
    "retarget": ("retarget",),
    "preferences": (),
}


def steps() -> Iterator[float]:
    """What happens, one step after the other; each yields how long to wait for the screen, in seconds."""
    install()
    yield 1.0
    open_only(*OPEN[SETTINGS["job"]])
    empty_file()
    yield 1.0
    choose_tab()
    yield 1.0
    yield from globals()[SETTINGS["job"]]()
    report["well"] = True


run(steps())
