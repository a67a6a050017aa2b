# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of the main thread is the add-on's own: its modal steps, drawing of panels, timers and handlers.

What is left of a pause is Blender, which draws itself, and whoever else wants the processor.
"""

from __future__ import annotations

import importlib
import time
from typing import Any

from hands import EXTENSION

WATCHED = (
    ("ops.background", "InBackground", ("modal", "invoke")),
    ("panels.tab", "Late", ("draw",)),
    ("panels.tab", "ForMesh", ("poll",)),
    ("panels.tab", "ForTakes", ("poll",)),
    ("panels.tab", "MESHTALK_PT_fit", ("poll",)),
    ("panels.tab", "MESHTALK_PT_fit_known", ("poll",)),
    ("panels.tab", "MESHTALK_PT_parts_offer", ("poll",)),
    ("ops.head_state", None, ("look",)),
    ("ops.head_looks", None, ("_look_again",)),
    ("overlay", None, ("_landmark_head",)),
)
"""Module, class where it is a method, and names of what Blender calls."""


class Ours:
    """Seconds since `watch`: in all, and the longest single call by its name."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.longest: dict[str, float] = {}
        self._depth = 0
        self._watched = False

    def watch(self) -> None:
        """Begin to measure; once is enough."""
        if self._watched:
            return
        self._watched = True
        for module, owner, names in WATCHED:
            place: Any = importlib.import_module(f"{EXTENSION}.meshtalk_blender.{module}")
            place = place if owner is None else getattr(place, owner)
            for name in names:
                _wrap(place, name, self)

    def note(self, name: str, seconds: float) -> None:
        """A call is over."""
        self.longest[name] = max(self.longest.get(name, 0.0), seconds)
        if self._depth == 0:
            self.seconds += seconds

    def enter(self) -> None:
        """A call begins: those within it are part of it."""
        self._depth += 1

    def leave(self) -> None:
        """And ends."""
        self._depth -= 1

    def told(self) -> dict[str, float]:
        """The longest calls in ms, longest first."""
        found = sorted(self.longest.items(), key=lambda each: -each[1])
        return {name: round(1e3 * seconds, 1) for name, seconds in found}


ours = Ours()


def _wrap(place: Any, name: str, log: Ours) -> None:
    raw = place.__dict__[name]
    is_class = isinstance(raw, classmethod)
    called = raw.__func__ if is_class else raw
    label = f"{getattr(place, '__name__', '').rpartition('.')[2]}.{name}"

    def timed(*args: Any) -> Any:
        log.enter()
        start = time.perf_counter()
        try:
            return called(*args)
        finally:
            log.leave()
            log.note(label, time.perf_counter() - start)

    # Blender gives a function as many arguments as its code counts.
    measured = (
        lambda: timed(),
        lambda one: timed(one),
        lambda one, two: timed(one, two),
        lambda one, two, three: timed(one, two, three),
    )[called.__code__.co_argcount]
    setattr(place, name, classmethod(measured) if is_class else measured)
