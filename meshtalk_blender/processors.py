# SPDX-License-Identifier: GPL-3.0-or-later
"""Which processors onnxruntime finds on this machine, asked once and in a thread: importing it takes a
moment."""

from __future__ import annotations

import threading

import bpy

ITEMS = (
    ("AUTO", "Automatic", "The fastest that is found on this machine"),
    ("CPU", "Processor (CPU)", "Works on each machine, and gives the very same take each time"),
    ("CUDA", "CUDA", "Graphics cards of NVIDIA; needs a build of onnxruntime for them"),
    ("DIRECTML", "DirectML", "Graphics cards on Windows; needs a build of onnxruntime for them"),
    ("COREML", "Core ML", "Macs with Apple's own chips"),
)
"""As an EnumProperty wants them; the names are the engine's."""

_LABELS = {name: label for name, label, _ in ITEMS}


class _Found:
    """The answer, once it is there: the engine's names, best first, or why there are none."""

    def __init__(self) -> None:
        self.names: tuple[str, ...] = ()
        self.problem = ""
        self.thread: threading.Thread | None = None


_found = _Found()


def look() -> None:
    """Begin to look, if nobody has yet; returns at once. Safe to call in each draw."""
    if _found.thread is None:
        _found.thread = threading.Thread(target=_look, name="MeshTalk processors", daemon=True)
        _found.thread.start()
        if not bpy.app.background:
            bpy.app.timers.register(_redraw_when_found, first_interval=0.2)


def found(wait: bool = False) -> tuple[str, ...]:
    """The engine's names of what is found, best first; empty while looking, and where onnxruntime is
    broken."""
    look()
    if wait and _found.thread is not None:
        _found.thread.join()
    return _found.names


def found_line() -> str:
    """What is found, for people."""
    names = found()
    if _found.problem:
        return _found.problem
    return f"Found: {', '.join(_LABELS[name] for name in names)}" if names else "Looking…"


def problem() -> str:
    """Why onnxruntime can't be used, as a sentence; "" where it can, and while that isn't known."""
    return _found.problem


def choice(wanted: str) -> tuple[str, str]:
    """What is used where `wanted` is asked for, and a sentence where that is something else; nothing said
    while looking."""
    names = found()
    if not names or wanted in names:
        return wanted, ""
    if wanted == "AUTO":
        return names[0], ""
    return "CPU", f"{_LABELS[wanted]} isn't found on this machine: the processor (CPU) is used."


def _look() -> None:
    from ..engine.bundle.providers import available_providers
    from ..engine.errors import MeshTalkError

    try:
        _found.names = available_providers()
    except MeshTalkError as error:
        _found.problem = str(error)


def stop_looking() -> None:
    """Nothing stays due in Blender."""
    if bpy.app.timers.is_registered(_redraw_when_found):
        bpy.app.timers.unregister(_redraw_when_found)


def _redraw_when_found() -> float | None:
    if _found.thread is not None and _found.thread.is_alive():
        return 0.2
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "PREFERENCES":
                area.tag_redraw()
    return None
