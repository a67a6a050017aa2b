# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of a head's takes: show, rename, duplicate, remove, and go back to what was there before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
from bpy.props import StringProperty

from ...engine.errors import MeshTalkError
from ..control_props import write_due
from ..scene.errors import SceneError
from ..scene.take_list import active_take, find_take, is_playing, is_standing_still, take_problem
from ..translations import say
from .checks import busy_reason, chosen_head, tooltip
from .clicks import at_once, can_press
from .desk import desk
from .redo import Redone

if TYPE_CHECKING:
    from ..take_props import MeshTalkTake

ORIGINAL = "ORIGINAL"
"""Stands for what the head played before its first take, where an operator asks for a take."""


def _text(name: str, description: str) -> StringProperty:
    return StringProperty(name=name, description=description, options={"SKIP_SAVE"})


def takes_reason(context: bpy.types.Context) -> str | None:
    """Why there is nothing to do with takes, as a sentence; None when there is."""
    head = chosen_head(context)
    if head is None or head.type != "MESH":
        return "Choose a head: select a mesh, or pick one in the MeshTalk tab."
    if len(head.meshtalk.takes) == 0:
        return f"“{head.name}” has no takes yet: press Generate."
    return busy_reason() or _edit_reason(head)


def take_reason(context: bpy.types.Context) -> str | None:
    """Why there is nothing to do with the active take, as a sentence; None when there is."""
    reason = takes_reason(context)
    if reason is None and active_take(chosen_head(context)) is None:
        return "No take is chosen: choose one in the list."
    return reason


def plays_original(head: bpy.types.Object) -> bool:
    """Whether none of the head's takes plays; cheap."""
    return not any(is_playing(head, take) for take in head.meshtalk.takes)


def show_active(head: bpy.types.Object) -> None:
    """Let that play which the list stands on; the panel says where it can't."""

    from ..scene.takes import show_take

    if is_standing_still(head):
        return
    try:
        show_take(head, active_take(head))
    except MeshTalkError as error:
        desk.tell(str(error), is_problem=True)


def _edit_reason(head: bpy.types.Object) -> str | None:
    blocks = (head, head.data.shape_keys)
    if any(block is not None and not block.is_editable for block in blocks):
        return f"“{head.name}” is linked from another file: make it local first."
    keys = head.data.shape_keys
    if keys is not None and keys.animation_data is not None and keys.animation_data.use_tweak_mode:
        return f"A strip of “{head.name}” is being tweaked in the NLA editor: leave tweak mode (Tab) first."
    return None


class _OfTake(Redone):
    """Base of operators on one take: `head` and `take` say which; without them, the panel's head and the
    active take."""

    if TYPE_CHECKING:
        head: str
        take: str

        def report(self, kinds: set[str], text: str) -> None:
            """Operator.report."""

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        return tooltip(cls, take_reason(context))

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return can_press(cls, busy_reason())

    def execute(self, context: bpy.types.Context) -> set[str]:
        return at_once(self, lambda: self._act(context))

    def _act(self, context: bpy.types.Context) -> str:
        write_due()
        head = self._find_head(context)
        return self.act(head, self._find_take(head))

    def act(self, head: bpy.types.Object, take: MeshTalkTake, /) -> str:
        """Do it, and say what was done. Raises MeshTalkError."""
        raise NotImplementedError

    def _find_head(self, context: bpy.types.Context) -> bpy.types.Object:
        head = context.scene.objects.get(self.head) if self.head else chosen_head(context)
        if head is None or head.type != "MESH":
            wanted = f"There is no head “{self.head}” in this scene" if self.head else "Choose a head"
            raise SceneError(f"{wanted}: select a mesh, or pick one in the MeshTalk tab.")
        reason = _edit_reason(head)
        if reason is not None:
            raise SceneError(reason)
        return head

    def _find_take(self, head: bpy.types.Object) -> MeshTalkTake:
        take = named_take(head, self.take) if self.take else active_take(head)
        if take is None:
            named = f"has no take “{self.take}”" if self.take else "has no active take"
            raise SceneError(f"“{head.name}” {named}: choose one in the list.")
        return take


def named_take(head: bpy.types.Object, text: str) -> MeshTalkTake | None:
    """The take of this identifier or this name."""
    return find_take(head, text) or head.meshtalk.takes.get(text)


class MESHTALK_OT_show_take(_OfTake, bpy.types.Operator):
    """Let this take play on the head"""

    bl_idname = "meshtalk.show_take"
    bl_label = "Show Take"
    bl_options = {"REGISTER", "UNDO"}

    head: _text("Head", "Name of the head; when empty, the panel's")
    take: _text("Take", f"Name of the take, or {ORIGINAL}; when empty, the active one")

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        if properties.take == ORIGINAL:
            return "Go back to what the head played before its first take; the takes stay in the list"
        return "Let this take play on the head"

    def _act(self, context: bpy.types.Context) -> str:
        from ..scene.takes import show_take

        if self.take != ORIGINAL:
            return super()._act(context)
        write_due()
        show_take(self._find_head(context), None)
        return ""  # it is seen

    def act(self, head: bpy.types.Object, take: MeshTalkTake, /) -> str:
        from ..scene.takes import show_take

        name = take.name
        show_take(head, take)
        return f"“{head.name}” plays “{name}”"


class MESHTALK_OT_rename_take(_OfTake, bpy.types.Operator):
    """Give the take another name; its Action follows"""

    bl_idname = "meshtalk.rename_take"
    bl_label = "Rename Take"
    bl_options = {"REGISTER", "UNDO"}
    redone = ("name",)

    head: _text("Head", "Name of the head; when empty, the panel's")
    take: _text("Take", "Name of the take; when empty, the active one")
    name: _text("Name", "What it shall be called")

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        head = chosen_head(context)
        take = active_take(head) if not self.take else named_take(head, self.take)
        self.name = "" if take is None else take.name
        return context.window_manager.invoke_props_dialog(self)

    def act(self, head: bpy.types.Object, take: MeshTalkTake, /) -> str:
        from ..scene.takes import rename_take

        if not self.name.strip():
            raise SceneError("A take needs a name: type one.")
        before = take.name
        rename_take(head, take, self.name)
        return f"“{before}” is called “{take.name}” now"


class MESHTALK_OT_duplicate_take(_OfTake, bpy.types.Operator):
    """Make a second take with the same motion and controls, to change one and keep the other"""

    bl_idname = "meshtalk.duplicate_take"
    bl_label = "Duplicate Take"
    bl_options = {"REGISTER", "UNDO"}

    head: _text("Head", "Name of the head; when empty, the panel's")
    take: _text("Take", "Name of the take; when empty, the active one")

    def act(self, head: bpy.types.Object, take: MeshTalkTake, /) -> str:
        from ..scene.takes import duplicate_take

        return f"“{duplicate_take(head, take).name}” was made"


class MESHTALK_OT_remove_take(_OfTake, bpy.types.Operator):
    """Delete this take and its Action; the next one in the list plays, or what was there before the first"""

    bl_idname = "meshtalk.remove_take"
    bl_label = "Delete Take"
    bl_options = {"REGISTER", "UNDO"}

    head: _text("Head", "Name of the head; when empty, the panel's")
    take: _text("Take", "Name of the take; when empty, the active one")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        try:
            head = self._find_head(context)
            take = self._find_take(head)
        except MeshTalkError as error:
            self.report({"ERROR"}, say(str(error)))
            return {"CANCELLED"}
        self.head, self.take = head.name, take.uid
        if take_problem(head, take) is not None:  # nothing that anybody could miss
            return self.execute(context)
        return context.window_manager.invoke_confirm(
            self,
            event,
            title=f"Delete the take “{take.name}”?",
            message="Its motion goes too. Undo brings it back.",
            confirm_text="Delete",
        )

    def act(self, head: bpy.types.Object, take: MeshTalkTake, /) -> str:
        from ..scene.sharing import twins_with
        from ..scene.takes import remove_take

        name, twins = take.name, [twin.name for twin in twins_with(head, take)]
        remove_take(head, take)
        if twins:
            return f"“{name}” is off the list; “{twins[0]}” shares the mesh and keeps it, so it plays on"
        return f"“{name}” was deleted"


CLASSES = (
    MESHTALK_OT_show_take,
    MESHTALK_OT_rename_take,
    MESHTALK_OT_duplicate_take,
    MESHTALK_OT_remove_take,
)
