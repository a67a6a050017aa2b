# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds buttons in a window of Blender as a hand does: by moving over them.

Blender doesn't tell a script where its buttons are. But Ctrl C over an operator's button copies its Python
call, and over a setting its value; so a sweep of the mouse down the sidebar finds each button by what it is,
however the panels are laid out. A setting is found by a value that no other has. A greyed-out button copies
nothing: it isn't found, as it can't be pressed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import bpy
from hands import click, press, settled, sidebar, to

STEP = 10
"""Pixels between two looks; the lowest buttons are 20 high."""

NAMED = {" ": "space", ".": "period", "/": "slash", "_": "underscore", "-": "minus"}
"""xdotool's names of keys that are no letters."""

EDGE = 24
"""Pixels above the first and below the last button of the sidebar."""


class Spot(NamedTuple):
    """The middle of a button, in window pixels from below, and what was copied from it."""

    x: float
    y: float
    copied: str


def find(wanted: str, across: float = 0.7) -> Iterator[float]:
    """Returns the Spot of the first button, from above, whose copied text holds `wanted`, or None.

    `across` is where in the sidebar's width it is looked for; it scrolls down once.
    """
    for scroll in (False, True):
        if scroll:
            yield from scrolled(-12)
        spot = yield from _sweep(wanted, across)
        if spot is not None:
            return spot
    yield from scrolled(40)
    return None


def press_button(wanted: str, across: float = 0.7) -> Iterator[float]:
    """Click on the operator's button; AssertionError when there is none. Returns its Spot."""
    spot = yield from find(wanted, across)
    assert spot is not None, f"no button that can be pressed calls {wanted}"
    click(spot.x, spot.y)
    yield from settled(0.3)
    return spot


def find_setting(owner: Any, name: str, mark: Any, across: float = 0.7) -> Iterator[float]:
    """Returns the Spot of a setting, which gets the value `mark`, one that no other setting has."""
    setattr(owner, name, mark)
    yield 0.3
    spot = yield from find(str(mark), across)
    assert spot is not None, f"no setting {name} is in the sidebar"
    return spot


def type_into(owner: Any, name: str, mark: Any, text: str) -> Iterator[float]:
    """Double-click on the setting, found by its mark, type the text and Enter."""
    spot = yield from find_setting(owner, name, mark)
    twice = ["click", "--repeat", "2", "--delay", "60", "1"]
    press(*to(spot.x, spot.y), "sleep", "0.3", *twice, "sleep", "0.3", "key", "ctrl+a", *typed(text))
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


def typed(text: str) -> list[str]:
    """xdotool's words for typing a text key by key; the first one may get lost after a field was opened."""
    return ["key", "--delay", "60", "x", "BackSpace", *(NAMED.get(letter, letter) for letter in text)]


def _sweep(wanted: str, across: float) -> Iterator[float]:
    region, found = sidebar(), []
    x, top = region.x + region.width * across, region.y + region.height
    for row in range(EDGE, region.height - EDGE, STEP):
        copied = yield from _copied(x, top - row)
        if wanted in copied:
            found.append(Spot(x, top - row, copied))
        elif found:
            break
    return found[len(found) // 2] if found else None


def _copied(x: float, y: float) -> Iterator[float]:
    manager = bpy.context.window_manager
    manager.clipboard = ""
    press(*to(x, y), "sleep", "0.1", "key", "ctrl+c", "sleep", "0.06")
    yield from settled(0.05)
    return manager.clipboard
