# SPDX-License-Identifier: GPL-3.0-or-later
"""A user's hands inside a window of Blender: mouse, keys, pictures; and the loop that takes step after step.

The mouse is moved and clicked by xdotool, pictures are taken by ImageMagick; both are started as programs of
their own, so that Blender's event loop handles the clicks as usual.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import addon_utils
import bpy

PROJECT = Path("/project")
SETTINGS = json.loads((PROJECT / "settings.json").read_text())
EXTENSION = "bl_ext.user_default.meshtalk"
HEIGHT = 1000
"""Pixels of the screen: xdotool counts from the top, Blender from the bottom."""

_busy: list[subprocess.Popen] = []

report: dict[str, object] = {"well": False, "version": bpy.app.version_string}


def view() -> dict[str, object]:
    """The 3D view's context for operators."""
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    region = next(region for region in area.regions if region.type == "WINDOW")
    return {
        "window": window,
        "screen": window.screen,
        "area": area,
        "region": region,
        "space_data": area.spaces[0],
    }


def sidebar() -> bpy.types.Region:
    """The sidebar's region."""
    return next(region for region in view()["area"].regions if region.type == "UI")


def press(*keys: str) -> None:
    """Give xdotool a chain of commands, as a user's hands."""
    _busy.append(subprocess.Popen(["xdotool", *keys], env={**os.environ, "DISPLAY": ":99"}))


def settled(seconds: float = 1.0) -> Iterator[float]:
    """Until the hands rest and the pictures are taken, and then so long for Blender to follow."""
    while _busy:
        yield 0.1
        _busy[:] = [process for process in _busy if process.poll() is None]
    yield seconds


def until(test: Callable[[], bool], sentence: str, most: float = 15.0) -> Iterator[float]:
    """Until the test holds; AssertionError with the sentence when it doesn't in time."""
    yield from settled(0.2)
    end = time.monotonic() + most
    while not test():
        assert time.monotonic() < end, sentence
        yield 0.2


def click(x: float, y: float, *modifiers: str) -> None:
    """Click at window pixels, y from the bottom as Blender counts, with keys held."""
    hold = [word for key in modifiers for word in ("keydown", key)]
    let_go = [word for key in modifiers for word in ("keyup", key)]
    press(*to(x, y), "sleep", "0.3", *hold, "click", "1", *let_go)


def drag(
    start: tuple[float, float], end: tuple[float, float], button: str = "1", modifiers: tuple[str, ...] = ()
) -> None:
    """Hold a button from one pixel to another, in steps, with keys held."""
    hold = [word for key in modifiers for word in ("keydown", key)]
    let_go = [word for key in modifiers for word in ("keyup", key)]
    moves = []
    for step in range(1, 7):
        x, y = (a + (b - a) * step / 6 for a, b in zip(start, end, strict=True))
        moves += [*to(x, y), "sleep", "0.15"]
    press(
        *to(*start),
        "sleep",
        "0.3",
        *hold,
        "mousedown",
        button,
        "sleep",
        "0.2",
        *moves,
        "mouseup",
        button,
        *let_go,
    )


def to(x: float, y: float) -> list[str]:
    """Move the mouse to window pixels, y from the bottom."""
    return ["mousemove", str(round(x)), str(round(HEIGHT - 1 - y))]


def picture(name: str) -> None:
    """Take a picture of the whole screen, without waiting for it."""
    env = {**os.environ, "DISPLAY": ":99"}
    _busy.append(subprocess.Popen(["import", "-window", "root", str(PROJECT / name)], env=env))


def install() -> None:
    """Install the zip the way Preferences ▸ Install from Disk does."""
    bpy.ops.extensions.package_install_files(
        filepath=str(PROJECT / "meshtalk.zip"), repo="user_default", enable_on_install=True
    )
    assert addon_utils.check(EXTENSION)[1], "the add-on is not enabled"
    if SETTINGS["model"]:
        folder = bpy.context.preferences.addons[EXTENSION].preferences.model_folders.add()
        folder.folder = str(PROJECT / "models" / SETTINGS["model"])
        bpy.context.scene.meshtalk.model = SETTINGS["model"]


def choose_tab() -> None:
    """Choose the MeshTalk tab; a user clicks on it, which needs no coordinates here."""
    sidebar().active_panel_category = "MeshTalk"


def frame_head() -> None:
    """Numpad . over the 3D view."""
    with bpy.context.temp_override(**view()):
        bpy.ops.view3d.view_selected()


def write_report() -> None:
    """What is known so far; a slow machine may run out of time later."""
    (PROJECT / "report.json").write_text(json.dumps(report))


def run(steps: Iterator[float]) -> None:
    """Take the steps, each of which yields how many seconds to wait for the screen; then end the window."""

    def step() -> float | None:
        try:
            return next(steps)
        except StopIteration:
            pass
        except Exception:
            report["error"] = traceback.format_exc()
            picture("error.png")
        write_report()
        bpy.app.timers.register(
            lambda: Path(os.environ["READY"]).touch(), first_interval=2.0, persistent=True
        )
        return None

    bpy.app.timers.register(step, first_interval=2.0, persistent=True)
