# SPDX-License-Identifier: GPL-3.0-or-later
"""Generate: speech in, shape keys and a take out, without holding up Blender's window."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import CollectionProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from ..ids import RELATIVE_PATH
from ..scene.errors import SceneError
from ..take_props import PLACEMENTS
from ..translations import say
from .background import InBackground
from .checks import disabled_reason, ready_reason, tooltip
from .redo import Redone

if TYPE_CHECKING:
    from ..scene.handles import HeadHandle
    from .job import Work
    from .plan import Wish
    from .writing import HeadResult


class MeshTalkName(bpy.types.PropertyGroup):
    """A name in a list of them; `name` is every group's own."""


class MESHTALK_OT_generate(InBackground, Redone, bpy.types.Operator):
    """Make the head speak the sound: shape keys, and a take at the sound's place in time"""

    bl_idname = "meshtalk.generate"
    bl_label = "Generate"
    bl_options = {"REGISTER", "UNDO"}
    redone = ("name", "placement", "seed", "temperature")

    head: StringProperty(
        name="Head", description="Name of the head's object; when empty, the panel's", options={"SKIP_SAVE"}
    )
    heads: CollectionProperty(
        type=MeshTalkName, name="Heads", description="Several heads, by name", options={"SKIP_SAVE"}
    )
    strip: StringProperty(
        name="Strip",
        description="Name of the sound strip; when empty, as the panel says",
        options={"SKIP_SAVE"},
    )
    strips: CollectionProperty(
        type=MeshTalkName, name="Strips", description="Several sound strips, by name", options={"SKIP_SAVE"}
    )
    sound_file: StringProperty(
        name="File",
        description="Sound file; when empty, as the panel says",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"} | RELATIVE_PATH,
    )
    model: StringProperty(
        name="Model", description="Name of the model; when empty, the panel's", options={"SKIP_SAVE"}
    )
    seed: IntProperty(
        name="Seed",
        description="Another seed gives other blinks and brows for the same words",
        min=0,
        options={"SKIP_SAVE"},
    )
    temperature: FloatProperty(
        name="Temperature",
        description="How freely blinks, brows and the like are sampled",
        default=1.0,
        min=0.0,
        soft_max=1.5,
        max=10.0,
        options={"SKIP_SAVE"},
    )
    placement: EnumProperty(
        name="Into", description="Where the take is written", items=PLACEMENTS, options={"SKIP_SAVE"}
    )
    name: StringProperty(
        name="Name",
        description="What the take is called; when empty, like its sound",
        options={"SKIP_SAVE"},
    )

    if TYPE_CHECKING:
        properties: Any

    @classmethod
    def description(cls, context: bpy.types.Context, _properties: bpy.types.OperatorProperties) -> str:
        return tooltip(cls, disabled_reason(context))

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = ready_reason(context)
        if reason is not None:
            cls.poll_message_set(say(reason))
        return reason is None

    def prepare(self, context: bpy.types.Context) -> Work:
        from .plan import make_plan
        from .speech import run_speech

        wish = self._wish(context)
        self._plan = make_plan(context, wish)
        self._remember(wish)
        return partial(run_speech, self._plan.request)

    def written_heads(self) -> Iterable[HeadHandle]:
        return [target.head for target in self._plan.targets]

    def write(self, _context: bpy.types.Context, result: tuple[HeadResult, ...]) -> str:
        from .plan import write_result

        return write_result(self._plan, result)

    def _wish(self, context: bpy.types.Context) -> Wish:
        """What the settings ask for, apart from what was given here."""
        from dataclasses import replace

        from .plan import wish_of

        given = self.properties.is_property_set
        names = [self.head] if self.head else [each.name for each in self.heads]
        strips = [self.strip] if self.strip else [each.name for each in self.strips]
        changes: dict[str, Any] = {
            name: getattr(self, name) for name in ("seed", "temperature", "placement") if given(name)
        }
        if names:
            changes["heads"] = _objects(context.scene, names)
        if self.model:
            changes["model"] = self.model
        if strips or self.sound_file:
            changes["strips"], changes["sound_file"] = tuple(strips), self.sound_file
        wish = wish_of(context, needs_sound=not (strips or self.sound_file))
        return replace(wish, name=self.name, **changes)

    def _remember(self, wish: Wish) -> None:
        """Keep what is being done, so that the redo panel does it again but for what is changed there."""
        self.seed, self.temperature, self.placement = wish.seed, wish.temperature, wish.placement
        self.model, self.sound_file, self.head, self.strip = wish.model, wish.sound_file, "", ""
        for items, names in ((self.heads, [head.name for head in wish.heads]), (self.strips, wish.strips)):
            items.clear()
            for name in names:
                items.add().name = name


def _objects(scene: bpy.types.Scene, names: Iterable[str]) -> tuple[bpy.types.Object, ...]:
    missing = next((name for name in names if name not in scene.objects), None)
    if missing is not None:
        raise SceneError(f"There is no head “{missing}” in this scene: give the name of one.")
    return tuple(scene.objects[name] for name in names)


CLASSES = (MeshTalkName, MESHTALK_OT_generate)
