# SPDX-License-Identifier: GPL-3.0-or-later
"""Add-on preferences: more model folders, and how many threads to use."""

from __future__ import annotations

import bpy
from bpy.props import CollectionProperty, IntProperty, StringProperty

from .ids import EXTENSION_ID


class MeshTalkModelFolder(bpy.types.PropertyGroup):
    """A folder that holds a model, or several."""

    folder: StringProperty(
        name="Folder",
        description="Folder that holds a model (a model.json with its files), or several such folders",
        subtype="DIR_PATH",
    )


class MESHTALK_OT_add_model_folder(bpy.types.Operator):
    """Add a folder in which to look for models"""

    bl_idname = "meshtalk.add_model_folder"
    bl_label = "Add Model Folder"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.preferences.addons[EXTENSION_ID].preferences.model_folders.add()
        return {"FINISHED"}


class MESHTALK_OT_remove_model_folder(bpy.types.Operator):
    """Stop looking for models in this folder; the folder itself stays"""

    bl_idname = "meshtalk.remove_model_folder"
    bl_label = "Remove Model Folder"
    bl_options = {"INTERNAL"}

    index: IntProperty(min=0)

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.preferences.addons[EXTENSION_ID].preferences.model_folders.remove(self.index)
        return {"FINISHED"}


class MeshTalkPreferences(bpy.types.AddonPreferences):
    """What holds for every file of this user."""

    bl_idname = EXTENSION_ID

    model_folders: CollectionProperty(type=MeshTalkModelFolder)
    threads: IntProperty(
        name="Threads",
        description="Processor threads that a generation may use; 0 lets MeshTalk choose",
        default=0,
        min=0,
        max=64,
    )

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(self, "threads")
        column = layout.column(heading="Model Folders")
        for index, entry in enumerate(self.model_folders):
            row = column.row(align=True)
            row.prop(entry, "folder", text="")
            row.operator(MESHTALK_OT_remove_model_folder.bl_idname, text="", icon="X").index = index
        column.operator(MESHTALK_OT_add_model_folder.bl_idname, icon="ADD")


_CLASSES = (
    MeshTalkModelFolder,
    MESHTALK_OT_add_model_folder,
    MESHTALK_OT_remove_model_folder,
    MeshTalkPreferences,
)


def register() -> None:
    """Register the preferences."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Take the preferences back."""
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
