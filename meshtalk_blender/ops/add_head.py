# SPDX-License-Identifier: GPL-3.0-or-later
"""Add ▸ Mesh ▸ MeshTalk Head: the model's own head, ready to talk."""

from __future__ import annotations

import bpy
from bpy.props import FloatProperty

from ...engine.errors import MeshTalkError
from ..models import chosen_threads, loaded_bundle, model_folder
from ..scene.errors import SceneError
from ..translations import say
from .checks import model_problem


class MESHTALK_OT_add_head(bpy.types.Operator):
    """Add the model's own head, which is ready to talk"""

    bl_idname = "meshtalk.add_head"
    bl_label = "MeshTalk Head"
    bl_options = {"REGISTER", "UNDO"}

    scale: FloatProperty(
        name="Scale",
        description="1 is life size, in metres",
        default=1.0,
        min=0.001,
        soft_min=0.1,
        soft_max=100.0,
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        problem = model_problem(context)
        if problem is None and context.mode != "OBJECT":
            problem = "Switch to Object Mode first."
        if problem is not None:
            cls.poll_message_set(say(problem))
        return problem is None

    def execute(self, context: bpy.types.Context) -> set[str]:
        from ...engine.geometry.attached import whole_head
        from ..scene.head import make_head_mesh, place_head

        try:
            folder = model_folder(context.scene.meshtalk.model)
            if folder is None:
                raise SceneError(model_problem(context) or "")
            template = loaded_bundle(folder, chosen_threads()).template
        except MeshTalkError as error:
            self.report({"ERROR"}, say(str(error)))
            return {"CANCELLED"}
        middle = (template.rest.min(axis=0) + template.rest.max(axis=0)) / 2
        vertices, faces, part = whole_head(template)
        mesh = make_head_mesh("MeshTalk Head", (vertices - middle) * self.scale, faces, part)
        head = place_head(mesh, _collection(context), context.scene.cursor.location)
        context.view_layer.update()  # it learns of new objects no sooner
        if head.name in context.view_layer.objects:  # not so in a collection that is excluded from it
            for other in context.selected_objects:
                other.select_set(False)
            head.select_set(True)
            context.view_layer.objects.active = head
        self.report({"INFO"}, say("As large as a real head: View ▸ Frame Selected brings it near"))
        return {"FINISHED"}


def _collection(context: bpy.types.Context) -> bpy.types.Collection:
    """The active collection, or the scene's own where that one is linked from another file."""
    chosen = context.collection
    return chosen if chosen.library is None and chosen.override_library is None else context.scene.collection


def draw_menu(self: bpy.types.Menu, _context: bpy.types.Context) -> None:
    """The entry in Add ▸ Mesh."""
    self.layout.separator()
    self.layout.operator(MESHTALK_OT_add_head.bl_idname, icon="USER")


CLASSES = (MESHTALK_OT_add_head,)
