# SPDX-License-Identifier: GPL-3.0-or-later
"""What was found out about meshes for the panel, and when it has to be found out again. Light, for Blender
imports it at its start; `head_state` finds out.
"""

from __future__ import annotations

import threading

import bpy

from ..scene import rig_heads

LOOK_SECONDS = 0.2

MeshKey = tuple[int, int, int, int, str]
"""session_uid of a mesh, its vertices, polygons and corners, and the model's name."""


class Looks:
    """What was found out about meshes, and what is still to be."""

    def __init__(self) -> None:
        self.known: dict[MeshKey, bool] = {}
        self.moved: dict[tuple[int, str], bool] = {}
        self.asked: set[int] = set()
        self.thread: threading.Thread | None = None

    def forget(self) -> None:
        """Other meshes may have these numbers now."""
        self.known.clear()
        self.moved.clear()
        self.asked.clear()
        rig_heads.forget()


looks = Looks()


def ask(head_uid: int) -> None:
    """Have this head looked at soon, where there is a window."""
    looks.asked.add(head_uid)
    if not bpy.app.background and not bpy.app.timers.is_registered(_look):
        bpy.app.timers.register(_look, first_interval=LOOK_SECONDS)


def _look() -> float | None:
    """The timer."""
    from .head_state import look

    return look()


@bpy.app.handlers.persistent
def _note_edits(_scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> None:
    """A mesh was edited: whose, the timer finds out if the panel asks. Playback doesn't come here."""
    rig_heads.forget()
    if looks.moved and any(
        update.is_updated_geometry and isinstance(update.id, bpy.types.Mesh) for update in depsgraph.updates
    ):
        _look_again()


@bpy.app.handlers.persistent
def _note_undo(*_: object) -> None:
    rig_heads.forget()
    _look_again()


def _look_again() -> None:
    """Compare those heads anew that the panel showed; it isn't drawn by itself when a mesh is edited."""
    shown = {uid for uid, _ in looks.moved}
    looks.moved.clear()
    for uid in shown:
        ask(uid)


@bpy.app.handlers.persistent
def _note_load(*_: object) -> None:
    looks.forget()


_HANDLERS = (
    ("depsgraph_update_post", _note_edits),
    ("undo_post", _note_undo),
    ("redo_post", _note_undo),
    ("load_post", _note_load),
)


def register() -> None:
    """Begin to notice edits."""
    for name, handler in _HANDLERS:
        getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    """Stop noticing edits."""
    for name, handler in _HANDLERS:
        getattr(bpy.app.handlers, name).remove(handler)
    if bpy.app.timers.is_registered(_look):
        bpy.app.timers.unregister(_look)
    looks.forget()
