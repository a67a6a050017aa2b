# SPDX-License-Identifier: GPL-3.0-or-later
"""Add-on preferences: the models, which processor computes, and how much of the machine may be used."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, CollectionProperty, EnumProperty, IntProperty, StringProperty

from . import processors
from .ids import EXTENSION_ID
from .models import find_models, forget_bundles
from .translations import say


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


class MESHTALK_OT_look_again(bpy.types.Operator):
    """Read the models' folders again, and free the model that is loaded"""

    bl_idname = "meshtalk.look_again"
    bl_label = "Look for Models Again"
    bl_options = {"INTERNAL"}

    def execute(self, _context: bpy.types.Context) -> set[str]:
        from .model_cards import forget_cards

        forget_cards()
        forget_bundles()
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

    provider: EnumProperty(
        name="Processor",
        description="What computes the models",
        items=processors.ITEMS,
        default="AUTO",
    )
    keep_model: BoolProperty(
        name="Keep Model Loaded",
        description="The next job starts at once; without it, the model's memory is free after each job",
        default=True,
    )

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        _draw_readiness(layout)
        _draw_models(layout, self)
        _draw_machine(layout, self)


def readiness() -> tuple[bool, str]:
    """Whether MeshTalk can work here, and a sentence that says so, or what is missing."""
    from .model_cards import card_of

    problem = processors.problem()
    if problem:
        return False, problem
    places = find_models()
    if not places:
        return False, "There is no model: add a model folder."
    broken = [place for place in places if card_of(place.folder).problem]
    if len(broken) == len(places):
        return False, card_of(broken[0].folder).problem
    if not processors.found():
        return True, "Looking for processors…"
    return True, f"Ready: {len(places) - len(broken)} of {len(places)} models can be used."


def _draw_readiness(layout: bpy.types.UILayout) -> None:
    is_ready, words = readiness()
    row = layout.row()
    row.alert = not is_ready
    row.label(text=say(words), translate=False, icon="CHECKMARK" if is_ready else "ERROR")


def _draw_models(layout: bpy.types.UILayout, chosen: MeshTalkPreferences) -> None:
    from .model_cards import card_of

    box = layout.box()
    row = box.row()
    row.label(text="Models")
    row.operator(MESHTALK_OT_look_again.bl_idname, text="", icon="FILE_REFRESH", emboss=False)
    for place in find_models():
        card = card_of(place.folder)
        row = box.row()
        row.alert = bool(card.problem)
        row.label(
            text=card.title, icon="ERROR" if card.problem else "OUTLINER_DATA_ARMATURE", translate=False
        )
        row.label(text=say(card.problem or card.line), translate=False)
    column = box.column(heading="Model Folders")
    for index, entry in enumerate(chosen.model_folders):
        row = column.row(align=True)
        row.prop(entry, "folder", text="")
        row.operator(MESHTALK_OT_remove_model_folder.bl_idname, text="", icon="X").index = index
    column.operator(MESHTALK_OT_add_model_folder.bl_idname, icon="ADD")


def _draw_machine(layout: bpy.types.UILayout, chosen: MeshTalkPreferences) -> None:
    layout.prop(chosen, "provider")
    _used, fallback = processors.choice(chosen.provider)
    row = layout.row()
    row.active = bool(fallback)
    row.alignment = "RIGHT"
    words = say(fallback or processors.found_line())
    row.label(text=words, translate=False, icon="INFO" if fallback else "NONE")
    layout.prop(chosen, "threads")
    layout.prop(chosen, "keep_model")


_CLASSES = (
    MeshTalkModelFolder,
    MESHTALK_OT_add_model_folder,
    MESHTALK_OT_remove_model_folder,
    MESHTALK_OT_look_again,
    MeshTalkPreferences,
)


def register() -> None:
    """Register the preferences."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Take the preferences back."""
    processors.stop_looking()
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
