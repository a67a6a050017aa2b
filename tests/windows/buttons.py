# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds buttons in a window of Blender as a hand does: by moving over them.

Blender doesn't tell a script where its buttons are. But Ctrl C over an operator's button copies its Python
call, and Ctrl Shift C over a setting copies its data path; so a sweep of the mouse down the sidebar finds
each button by what it does, however the panels are laid out. A greyed-out button copies nothing: it isn't
found, as it can't be pressed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import bpy
from hands import click, press, settled, sidebar, to, view

STEP = 10
"""Pixels between two looks; the lowest buttons are 20 high."""

OPERATOR, SETTING = "ctrl+c", "ctrl+shift+c"
EDGE = 24
"""Pixels above the first and below the last button of the sidebar."""


class Spot(NamedTuple):
    """The middle of a button, in window pixels from below, and what was copied from it."""

    x: float
    y: float
    copied: str


def find(wanted: str, chord: str = OPERATOR, across: float = 0.7) -> Iterator[float]:
    """Returns the Spot of the first button, from above, whose copied text holds `wanted`, or None.

    `across` is where in the sidebar's width it is looked for; it scrolls down once.
    """
    for scroll in (False, True):
        if scroll:
            yield from scrolled(-12)
        spot = yield from _sweep(wanted, chord, across)
        if spot is not None:
            return spot
    yield from scrolled(40)
    return None


def press_button(wanted: str, across: float = 0.7) -> Iterator[float]:
    """Click on the operator's button; AssertionError when there is none. Returns its Spot."""
    spot = yield from find(wanted, OPERATOR, across)
    assert spot is not None, f"no button that can be pressed calls {wanted}"
    click(spot.x, spot.y)
    yield from settled(0.3)
    return spot


def type_into(wanted: str, text: str, across: float = 0.7) -> Iterator[float]:
    """Double-click on the setting whose path ends so, type the text and Enter."""
    spot = yield from find(wanted, SETTING, across)
    assert spot is not None, f"no setting {wanted} is in the sidebar"
    select = ["sleep", "0.2", "key", "ctrl+a", "type", "--delay", "40", text]
    press(*to(spot.x, spot.y), "sleep", "0.3", "click", "--repeat", "2", "--delay", "60", "1", *select)
    yield from settled(0.2)
    press("key", "Return")
    yield from settled(0.4)
    return spot


def scrolled(notches: int) -> Iterator[float]:
    """Turn the mouse wheel over the sidebar; upwards for positive notches."""
    region = sidebar()
    x, y = region.x + region.width * 0.5, region.y + region.height * 0.5
    press(
        *to(x, y),
        "sleep",
        "0.1",
        "click",
        "--repeat",
        str(abs(notches)),
        "--delay",
        "30",
        "4" if notches > 0 else "5",
    )
    yield from settled(0.5)


def run_from_search(name: str) -> Iterator[float]:
    """F3 over the 3D view, the operator's name, Enter."""
    area = view()["area"]
    middle = to(area.x + area.width // 3, area.y + area.height // 2)
    press(*middle, "sleep", "0.2", "key", "F3", "sleep", "0.8", "type", "--delay", "40", name)
    yield from settled(0.8)
    press("key", "Return")
    yield from settled(0.5)


def _sweep(wanted: str, chord: str, across: float) -> Iterator[float]:
    region, found = sidebar(), []
    x, top = region.x + region.width * across, region.y + region.height
    for row in range(EDGE, region.height - EDGE, STEP):
        copied = yield from _copied(x, top - row, chord)
        if wanted in copied:
            found.append(Spot(x, top - row, copied))
        elif found:
            break
    return found[len(found) // 2] if found else None


def _copied(x: float, y: float, chord: str) -> Iterator[float]:
    manager = bpy.context.window_manager
    manager.clipboard = ""
    press(*to(x, y), "sleep", "0.1", "key", chord, "sleep", "0.06")
    yield from settled(0.05)
    return manager.clipboard
