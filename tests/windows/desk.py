# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside the window (see run.py): one of the animator's jobs, from an empty file.

Everything is done with the mouse and the keys: buttons of the tab are pressed, settings typed or dragged;
which sub-panels are open is said by the script alone. Each job takes the pictures that the manual shows,
`<job>-<moment>.png`, and holds what a user would hold.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import bpy

sys.path.insert(0, "/project")

from buttons import find, find_setting, press_button, scrolled, type_into
from hands import (
    EXTENSION,
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
from own_heads import give_keys, make_stranger
from stopping import stopped
from tab import (
    MOST,
    add_head,
    add_on,
    choose_sound,
    curve_of,
    empty_file,
    head,
    job_over,
    open_only,
    shot,
    show_frame,
    speak,
    takes,
    undo_and_redo,
    widest,
)

MATCH_SHAPES = 64
"""Pixels from the tolerance up to Match Shapes, a tick, which copies nothing."""

SIDE_BY_SIDE = 46
"""Pixels from Sample Seeds down to the button that shows the gallery side by side, with a take."""


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


def own_head() -> Iterator[float]:
    """A head that nobody knows: fitted, and its landmarks looked at."""
    yield from add_head()
    make_stranger(head())
    bpy.ops.ed.undo_push(message="Sculpt")
    frame_head()
    yield 4.0
    yield from shot("own_head-new")
    yield from press_button("meshtalk.fit_head")
    yield from until(lambda: add_on("fit_overlay").shown_fit() is not None, "no fit is shown", MOST)
    yield 1.0
    yield from shot("own_head-fit")
    yield from press_button("meshtalk.place_landmarks")
    yield from until(
        lambda: add_on("scene.placing_desk").placing_desk.session is not None, "no landmark can be placed"
    )
    yield from shot("own_head-landmarks")
    press("key", "Escape")
    yield from until(lambda: add_on("scene.placing_desk").placing_desk.session is None, "Esc did not end it")


def own_keys() -> Iterator[float]:
    """A head with the keys of another maker: as they suit its shapes, and as they are named."""
    yield from add_head()
    give_keys(head())
    bpy.ops.ed.undo_push(message="Own keys")
    yield from choose_sound(SETTINGS["speech"])
    yield from scrolled(-30)
    yield from shot("own_keys-ready")
    yield from speak_again()
    frame = widest()
    matched = curve_of("jawOpen").evaluate(frame)
    yield from show_frame(frame)
    yield from shot("own_keys-matched")
    yield from scrolled(-30)
    below = yield from find_setting(head().meshtalk, "corrective_tolerance", 0.37)
    head().meshtalk.corrective_tolerance = 0.2
    click(below.x, below.y + MATCH_SHAPES)
    yield from until(lambda: not head().meshtalk.use_matching, "Match Shapes was not clicked off")
    yield from scrolled(40)
    yield from speak_again()
    named = curve_of("jawOpen").evaluate(frame)
    report["jaw_matched_named"] = [round(matched, 3), round(named, 3)]
    assert matched > 1.2 * named, "the jaw's key, which goes less far, got no more"
    yield from show_frame(frame)
    yield from shot("own_keys-named")


def speak_again() -> Iterator[float]:
    """Generate; the panel is scrolled down again to what it is about."""
    yield from press_button("meshtalk.generate")
    yield from job_over()
    bpy.context.scene.frame_end = 200
    yield from scrolled(-30)


OPEN = {
    "generate": ("takes",),
    "controls": ("controls",),
    "seeds": ("seeds",),
    "dub": ("dub",),
    "retarget": ("retarget",),
    "own_head": ("landmarks",),
    "own_keys": ("mapping",),
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
