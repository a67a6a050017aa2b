# SPDX-License-Identifier: GPL-3.0-or-later
"""Live controls of a take: what an animator changes after generation, without the model.

Each change is written into the take's F-curves at the next turn of Blender's loop, once for all changes that
came together. Without a window (and so without that loop) it is written at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import bpy
from bpy.app.handlers import persistent
from bpy.props import FloatProperty

from ..engine.control_limits import LIMITS, MOST
from ..engine.errors import MeshTalkError

if TYPE_CHECKING:
    from ..engine.generate.control_values import Controls

NOT_ANIMATED: set[str] = set()
"""No keys on the sliders themselves: they change the take as a whole."""


class _Due(NamedTuple):
    """A take whose curves are to be written: of which object, by its number, and which take."""

    object_uid: int
    take_uid: str


class _Desk:
    """What is to be written, and what went wrong the last time."""

    def __init__(self) -> None:
        self.due: dict[_Due, None] = {}
        self.quiet = False
        self.problem = ""


_desk = _Desk()


def _changed(controls: MeshTalkControls, _context: bpy.types.Context) -> None:
    """Let the take of these controls be written soon."""
    if not _desk.quiet:
        take = controls.id_data.path_resolve(controls.path_from_id().rpartition(".")[0])
        _schedule(controls.id_data, take.uid)


def _schedule(head: bpy.types.Object, take_uid: str) -> None:
    _desk.due[_Due(head.session_uid, take_uid)] = None
    if bpy.app.background:
        write_due()
    elif not bpy.app.timers.is_registered(_write_quietly):
        bpy.app.timers.register(_write_quietly)


def write_due() -> None:
    """Write what was changed and isn't in the curves yet; also for operators that need the curves now. Raises
    MeshTalkError where a take can't be written."""
    from .scene import takes  # late: takes reads this module's controls

    due = tuple(_desk.due)
    _desk.due.clear()
    objects = {each.session_uid: each for each in bpy.data.objects} if due else {}
    for one in due:
        head = objects.get(one.object_uid)
        take = None if head is None else takes.find_take(head, one.take_uid)
        if take is not None:  # neither was deleted or undone meanwhile
            takes.rewrite_take(head, take)


def _write_quietly() -> None:
    before, _desk.problem = _desk.problem, ""
    try:
        write_due()
    except MeshTalkError as error:
        _desk.problem = str(error)
    if _desk.problem != before:
        from .ops.background import redraw_panels  # late: operators use this module

        redraw_panels()


def last_problem() -> str:
    """Why the last change couldn't be written, as a sentence; "" when it was."""
    return _desk.problem


def set_controls(group: MeshTalkControls, values: Mapping[str, float]) -> None:
    """Turn several controls, and let the take be written once."""
    _desk.quiet = True
    try:
        for name, value in values.items():
            setattr(group, name, value)
    finally:
        _desk.quiet = False
    _changed(group, bpy.context)


def copy_controls(source: MeshTalkControls, target: MeshTalkControls) -> None:
    """Set controls to what was written elsewhere: nothing is written for them."""
    before, _desk.quiet = _desk.quiet, True
    try:
        for name in LIMITS:
            setattr(target, name, getattr(source, name))
    finally:
        _desk.quiet = before


@persistent
def _catch_up(*_: object) -> None:
    """After undo, redo and loading: Blender goes back to when a slider was let go, which may be a moment
    before the curves were written."""
    for head in bpy.data.objects:
        if head.type == "MESH" and len(head.meshtalk.takes):
            _catch_up_with(head)


def _catch_up_with(head: bpy.types.Object) -> None:
    """Let those of a head's takes be written whose curves are older than their controls."""
    from .scene import takes  # late: takes reads this module's controls, and Blender's start has no takes

    for take in head.meshtalk.takes:
        written = takes.written_with(take)
        if written and written != controls_of(take.controls).fingerprint:
            _schedule(head, take.uid)


def controls_of(group: MeshTalkControls) -> Controls:
    """What is set, as the engine takes it."""
    from ..engine.generate.control_values import Controls

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
        options=NOT_ANIMATED,
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
        options=NOT_ANIMATED,
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
        options=NOT_ANIMATED,
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
        options=NOT_ANIMATED,
        update=_changed,
    )
    tolerance: FloatProperty(
        name="Reduce Keys",
        description="Leaves out keys as long as no curve is off by more than this; 0: a key on each frame",
        default=0.0,
        min=0.0,
        soft_max=0.1,
        max=0.5,
        step=0.1,
        precision=3,
        options=NOT_ANIMATED,
        update=_changed,
    )


_HANDLERS = ("undo_post", "redo_post", "load_post")


def register() -> None:
    """Register the controls, which takes point at."""
    bpy.utils.register_class(MeshTalkControls)
    for name in _HANDLERS:
        getattr(bpy.app.handlers, name).append(_catch_up)


def unregister() -> None:
    """Take them back; nothing stays due."""
    for name in _HANDLERS:
        getattr(bpy.app.handlers, name).remove(_catch_up)
    if bpy.app.timers.is_registered(_write_quietly):
        bpy.app.timers.unregister(_write_quietly)
    _desk.due.clear()
    bpy.utils.unregister_class(MeshTalkControls)
