# SPDX-License-Identifier: GPL-3.0-or-later
"""Live controls of a take: what an animator changes after generation, without the model.

Each change is written into the take's F-curves at the next turn of Blender's loop, once for all changes that
came together. Without a window (and so without that loop) it is written at once.
"""

from __future__ import annotations

from typing import NamedTuple

import bpy
from bpy.props import FloatProperty

from ..engine.generate.controls import LIMITS, MOST, Controls


class _Due(NamedTuple):
    """A take whose curves are to be written: of which object, by its number, and which take."""

    object_uid: int
    take_uid: str


_due: dict[_Due, None] = {}


def _changed(controls: MeshTalkControls, _context: bpy.types.Context) -> None:
    """Let the take of these controls be written soon."""
    take = controls.id_data.path_resolve(controls.path_from_id().rpartition(".")[0])
    _due[_Due(controls.id_data.session_uid, take.uid)] = None
    if bpy.app.background:
        write_due()
    elif not bpy.app.timers.is_registered(write_due):
        bpy.app.timers.register(write_due)


def write_due() -> None:
    """Write what was changed and isn't in the curves yet; also for operators that need the curves now."""
    from .scene import takes  # late: takes reads this module's controls

    due = tuple(_due)
    _due.clear()
    objects = {each.session_uid: each for each in bpy.data.objects} if due else {}
    for one in due:
        head = objects.get(one.object_uid)
        take = None if head is None else takes.find_take(head, one.take_uid)
        if take is not None:  # neither was deleted or undone meanwhile
            takes.rewrite_take(head, take)


def controls_of(group: MeshTalkControls) -> Controls:
    """What is set, as the engine takes it."""
    return Controls(**{name: getattr(group, name) for name in LIMITS})


def _strength(name: str, description: str) -> FloatProperty:
    return FloatProperty(
        name=name,
        description=description,
        default=1.0,
        min=0.0,
        max=MOST,
        step=5,
        precision=2,
        subtype="FACTOR",
        update=_changed,
    )


def _frames(name: str, description: str) -> FloatProperty:
    return FloatProperty(
        name=name,
        description=description,
        default=0.0,
        min=0.0,
        soft_max=8.0,
        max=100.0,
        step=10,
        precision=1,
        update=_changed,
    )


class MeshTalkControls(bpy.types.PropertyGroup):
    """How a take is played: as spoken at the defaults."""

    mouth: _strength("Mouth", "How much lips and cheeks move; lips that touch still touch")
    jaw: _strength("Jaw", "How far the jaw opens; lips that touch still touch")
    brow: _strength("Brows", "How much the brows move")
    blink: _strength("Blinks", "How far blinks close: 0 is none, above 1 closes fully")
    gaze: _strength("Gaze", "How far the eyes look around, with the lids that follow them")
    smooth_mouth: _frames(
        "Smooth Mouth", "Calms jaw, lips and cheeks over this many frames; closures stay closed"
    )
    smooth_upper: _frames("Smooth Eyes", "Calms brows, gaze and lids over this many frames; blinks stay shut")
    closure: FloatProperty(
        name="Lip Closure",
        description="Pulls lips shut where they nearly touch, as in m, p and b",
        default=0.0,
        min=0.0,
        max=1.0,
        step=5,
        precision=2,
        subtype="FACTOR",
        update=_changed,
    )
    offset: FloatProperty(
        name="Offset",
        description="Moves the motion against the sound, in frames: negative is earlier",
        default=0.0,
        min=-1000.0,
        max=1000.0,
        soft_min=-10.0,
        soft_max=10.0,
        step=10,
        precision=2,
        update=_changed,
    )
    tolerance: FloatProperty(
        name="Tolerance",
        description="Leaves out keys as long as no curve is off by more than this; 0: a key on each frame",
        default=0.0,
        min=0.0,
        soft_max=0.1,
        max=0.5,
        step=0.1,
        precision=3,
        update=_changed,
    )


def register() -> None:
    """Register the controls, which takes point at."""
    bpy.utils.register_class(MeshTalkControls)


def unregister() -> None:
    """Take them back; nothing stays due."""
    if bpy.app.timers.is_registered(write_due):
        bpy.app.timers.unregister(write_due)
    _due.clear()
    bpy.utils.unregister_class(MeshTalkControls)
