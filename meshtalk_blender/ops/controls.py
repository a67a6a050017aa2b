# SPDX-License-Identifier: GPL-3.0-or-later
"""Live controls of the shown take: presets, resetting, and baking."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty, IntProperty, StringProperty

from ...engine.control_limits import LIMITS
from ..control_props import controls_of, set_controls, write_due
from ..scene.errors import SceneError
from ..scene.take_list import active_take, take_problem
from .checks import busy_reason, chosen_head, tooltip
from .clicks import at_once, can_press
from .presets import RemovesPreset, SavesPreset
from .redo import Redone

if TYPE_CHECKING:
    from pathlib import Path

    from ...engine.generate.control_values import Controls
    from ..take_props import MeshTalkTake

BY_HAND = "Custom"
NO_TAKE = "Choose a take in the list: the controls are of the one that plays."


def controlled_take(context: bpy.types.Context) -> MeshTalkTake | None:
    """The take whose controls the panel shows: the one that the head plays."""
    return active_take(chosen_head(context))


def shown_take(context: bpy.types.Context) -> MeshTalkTake:
    """The same; SceneError where the head plays none."""
    take = controlled_take(context)
    if take is None:
        raise SceneError(NO_TAKE)
    return take


def controls_problem(context: bpy.types.Context) -> str | None:
    """Why no control can be turned now, as a sentence; None when they can."""
    head, take = chosen_head(context), controlled_take(context)
    if head is None or head.type != "MESH":
        return "Choose a mesh as the head first."
    if take is None:
        return NO_TAKE
    return busy_reason() or take_problem(head, take)


class _OnTake:
    """Works on the take that plays."""

    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return can_press(cls, controls_problem(context))


def turn(context: bpy.types.Context, values: Mapping[str, float]) -> str:
    """Set these controls, and write the curves before Blender notes the undo step. Raises MeshTalkError."""
    set_controls(shown_take(context).controls, values)
    write_due()
    return ""  # it is seen


class MESHTALK_OT_choose_controls(Redone, _OnTake, bpy.types.Operator):
    """Set the controls as this preset has them; offset and key reduction stay"""

    bl_idname = "meshtalk.choose_controls"
    bl_label = "Choose Preset"

    name: StringProperty(name="Preset", options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        return at_once(self, lambda: turn(context, self._values()))

    def _values(self) -> Mapping[str, float]:
        from ..scene.control_presets import find_preset

        preset = find_preset(self.name)
        if preset is None:
            raise SceneError(f"There is no preset “{self.name}”.")
        return preset.values


class MESHTALK_OT_reset_controls(Redone, _OnTake, bpy.types.Operator):
    """Back to how it was spoken"""

    bl_idname = "meshtalk.reset_controls"
    bl_label = "Reset"

    control: StringProperty(
        name="Control", description="Which one, such as jaw; empty: all of them", options={"SKIP_SAVE"}
    )

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        from ...engine.generate.control_values import Controls

        take = controlled_take(context)
        controls = Controls() if take is None else controls_of(take.controls)
        names = (properties.control,) if properties.control else tuple(LIMITS)
        turned = any(is_turned(controls, name) for name in names if name in LIMITS)
        return tooltip(cls, None if turned else "It is as it was spoken.")

    def execute(self, context: bpy.types.Context) -> set[str]:
        return at_once(self, lambda: turn(context, self._values()))

    def _values(self) -> Mapping[str, float]:
        from ...engine.generate.control_values import Controls

        if self.control and self.control not in LIMITS:
            raise SceneError(f"There is no control “{self.control}”: use one of {', '.join(LIMITS)}.")
        names = (self.control,) if self.control else tuple(LIMITS)
        return {name: getattr(Controls(), name) for name in names}


class MESHTALK_OT_save_controls(SavesPreset, _OnTake, bpy.types.Operator):
    """Save the controls as a preset of your own, for other takes and files; the offset isn't part of it"""

    bl_idname = "meshtalk.save_controls"
    bl_label = "Save Preset"
    bl_options = {"REGISTER"}

    def suggested(self, context: bpy.types.Context) -> str:
        return own_preset_of(context) or shown_take(context).name

    def save(self, context: bpy.types.Context) -> Path:
        from ..scene.control_presets import save_preset

        return save_preset(controls_of(shown_take(context).controls), self.name)


class MESHTALK_OT_remove_controls(RemovesPreset, _OnTake, bpy.types.Operator):
    """Delete this preset of your own from this computer; takes keep the controls that it gave them"""

    bl_idname = "meshtalk.remove_controls"
    bl_label = "Remove Preset"
    bl_options = {"REGISTER"}

    refusal = "Only presets that you saved yourself can be removed: choose one first."

    @classmethod
    def chosen(cls, context: bpy.types.Context) -> str:
        return own_preset_of(context)

    def remove(self, context: bpy.types.Context, name: str) -> None:
        from ..scene.control_presets import remove_preset

        remove_preset(name)


class MESHTALK_OT_bake(_OnTake, bpy.types.Operator):
    """Make the take's curves ordinary keys of the user's own."""

    bl_idname = "meshtalk.bake"
    bl_label = "Bake"
    bl_description = (
        "Make the take's curves ordinary keys of your own, as they play now. It leaves the list of takes: "
        "the controls no longer change it, nor does MeshTalk (duplicate the take first to keep both)"
    )

    step: IntProperty(
        name="Step",
        description="Frames from key to key; 0 leaves the keys as they are",
        default=0,
        min=0,
        soft_max=8,
        max=100,
    )
    for_export: BoolProperty(
        name="For Export",
        description=(
            "Split shape keys that go below 0 into two that don't, with a key on each frame: glTF, USD and "
            "game engines cut values below 0 off"
        ),
        default=False,
    )

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Asked before: where no take is left, Blender's redo panel can't do it again."""
        return context.window_manager.invoke_props_dialog(self)

    def execute(self, context: bpy.types.Context) -> set[str]:
        return at_once(self, lambda: self._bake(context))

    def _bake(self, context: bpy.types.Context) -> str:
        from ..scene.baking import bake_take

        head, take = chosen_head(context), shown_take(context)
        name = take.name
        write_due()
        count, split = bake_take(head, take, self.step, for_export=self.for_export)
        if split:
            return f"“{name}” is yours now: {count} keys; what went below 0 plays on {split} more shape keys"
        return f"“{name}” is yours now: {count} keys"


def is_layer(take: MeshTalkTake) -> bool:
    """Whether a take plays on top of a performance, as what a dub changes of it: there are no units to make
    stronger then."""
    return len(take.objects) > 0 and not _moves_units(take.objects[0].recipe)


@lru_cache(maxsize=32)
def _moves_units(recipe: str) -> bool:
    from ..scene.recipe import read_recipe  # late: solves keys, which Blender's start does without

    return bool(read_recipe(recipe).drives)


def preset_label(controls: Controls) -> str:
    """What stands in the menu's button."""
    from ..scene.control_presets import preset_of

    preset = preset_of(controls)
    return BY_HAND if preset is None else preset.name


def own_preset_of(context: bpy.types.Context) -> str:
    """The name of the user's own preset that the controls stand at; "" where they don't."""
    from ..scene.control_presets import preset_of

    take = controlled_take(context)
    preset = None if take is None else preset_of(controls_of(take.controls))
    return preset.name if preset is not None and preset.is_own else ""


def is_turned(controls: Controls, name: str) -> bool:
    """Whether a control isn't as spoken."""
    from ...engine.generate.control_values import Controls

    return getattr(controls, name) != getattr(Controls(), name)


CLASSES = (
    MESHTALK_OT_choose_controls,
    MESHTALK_OT_reset_controls,
    MESHTALK_OT_save_controls,
    MESHTALK_OT_remove_controls,
    MESHTALK_OT_bake,
)
