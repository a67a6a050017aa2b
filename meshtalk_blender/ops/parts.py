# SPDX-License-Identifier: GPL-3.0-or-later
"""Add other meshes to a head (teeth, tongue, eyeballs, lashes), and take them off it again."""

from __future__ import annotations

import bpy
from bpy.props import StringProperty

from ..scene.handles import head_problem, part_problem
from ..scene.parts import add_parts, head_objects, remove_part
from ..translations import say
from .checks import chosen_head
from .desk import desk

AT_WORK = "MeshTalk is at work: wait, or press Cancel."


def offered_parts(context: bpy.types.Context, head: bpy.types.Object | None) -> list[bpy.types.Object]:
    """Meshes that are selected beside the head and aren't its parts yet."""
    if head is None or head.type != "MESH":
        return []
    listed = head_objects(head)
    return [thing for thing in context.selected_objects if thing.type == "MESH" and thing not in listed]


def adding_problem(context: bpy.types.Context) -> str | None:
    """Why nothing can be added now, as a sentence; None when it can."""
    if desk.job is not None:
        return AT_WORK
    head = chosen_head(context)
    problem = head_problem(head)
    if problem is None and not offered_parts(context, head):
        return "Select the head's other meshes (teeth, tongue, eyes, lashes) together with the head."
    return problem


class MESHTALK_OT_add_parts(bpy.types.Operator):
    """Let the other selected meshes (teeth, tongue, eyeballs, lashes) move with the head"""

    bl_idname = "meshtalk.add_parts"
    bl_label = "Add Selected as Parts"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = adding_problem(context)
        if reason is not None:
            cls.poll_message_set(say(reason))
        return reason is None

    def execute(self, context: bpy.types.Context) -> set[str]:
        head = chosen_head(context)
        if head is None:
            return {"CANCELLED"}
        wanted = offered_parts(context, head)
        problem = _first_problem(head, wanted)
        if problem is not None:
            self.report({"ERROR"}, say(problem))
            return {"CANCELLED"}
        count = add_parts(head, wanted)
        more = f"“{head.name}” has {count} more parts" if count > 1 else f"“{head.name}” has one more part"
        self.report({"INFO"}, say(more))
        return {"FINISHED"}


class MESHTALK_OT_remove_part(bpy.types.Operator):
    """Let this mesh no longer move with the head; the shape keys that it has stay"""

    bl_idname = "meshtalk.remove_part"
    bl_label = "Remove Part"
    bl_options = {"REGISTER", "UNDO"}

    name: StringProperty(name="Part", description="Name of the part's object", options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = AT_WORK if desk.job is not None else head_problem(chosen_head(context))
        if reason is not None:
            cls.poll_message_set(say(reason))
        return reason is None

    def execute(self, context: bpy.types.Context) -> set[str]:
        head = chosen_head(context)
        parts = () if head is None else head_objects(head)[1:]
        part = next((thing for thing in parts if thing.name == self.name), None)
        if part is None:
            self.report({"ERROR"}, say(f"“{self.name}” is no part of the chosen head."))
            return {"CANCELLED"}
        remove_part(head, part)
        return {"FINISHED"}


def _first_problem(head: bpy.types.Object, wanted: list[bpy.types.Object]) -> str | None:
    """What is wrong with the first of these that can't be a part, those before it being parts already."""
    for number, thing in enumerate(wanted):
        problem = part_problem(head, thing, wanted[:number])
        if problem is not None:
            return problem
    return None


CLASSES = (MESHTALK_OT_add_parts, MESHTALK_OT_remove_part)
