# SPDX-License-Identifier: GPL-3.0-or-later
"""Dub: a head that moves already speaks other words; its upper face keeps what it does."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable
from functools import partial
from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from ..dub_props import KEEP_SILENCE, MOUTH, MUTE, RANGE, SEED, STRETCH, UPPER
from ..ids import RELATIVE_PATH
from ..models import CARD
from ..scene.errors import SceneError
from ..scene.handles import find_head, find_parts, head_problem
from ..scene.parts import head_objects
from .background import InBackground, ToldByPanel
from .checks import busy_reason, chosen_head, chosen_strips, model_problem, sound_problem
from .redo import Redone

if TYPE_CHECKING:
    from ..scene.handles import HeadHandle
    from ..scene.performance import Performance
    from ..scene.sound import SoundSource
    from .job import Gathering, Work
    from .played import Roles
    from .writing import HeadResult, Target

PERCENT = 10.0
"""A slider that reaches beyond this counts in percent."""

BEYOND = 1.0
"""Seconds behind the sound that are read too."""

SKIP = {"SKIP_SAVE"}


class MESHTALK_OT_dub(ToldByPanel, InBackground, Redone, bpy.types.Operator):
    """Put new words into the mouth of a head that moves already; its upper face keeps the performance"""

    bl_idname = "meshtalk.dub"
    bl_label = "Dub"
    bl_options = {"REGISTER", "UNDO"}
    redone = ("name", "upper", "mouth", "keep_silence", "stretch", "seed", "temperature")

    head: StringProperty(name="Head", description="Object; empty for the panel's", options=SKIP)
    strip: StringProperty(name="Strip", description="Sound strip; empty for the panel's", options=SKIP)
    sound_file: StringProperty(
        name="File",
        description="Sound file instead of a strip",
        subtype="FILE_PATH",
        options=SKIP | RELATIVE_PATH,
    )
    model: StringProperty(name="Model", description="Empty for the panel's", options=SKIP)
    upper: FloatProperty(**UPPER, options=SKIP)
    mouth: FloatProperty(**MOUTH, options=SKIP)
    keep_silence: BoolProperty(**KEEP_SILENCE, options=SKIP)
    mute_old: BoolProperty(**MUTE, options=SKIP)
    stretch: EnumProperty(**STRETCH, options=SKIP)
    range: EnumProperty(**RANGE, options=SKIP)
    start: IntProperty(name="Start", description="First frame of the performance", options=SKIP)
    end: IntProperty(name="End", description="Last frame of the performance", options=SKIP)
    seed: IntProperty(**SEED, options=SKIP)
    temperature: FloatProperty(
        name="Temperature",
        description="How freely is sampled what the performance doesn't tell",
        default=1.0,
        min=0.0,
        max=10.0,
        options=SKIP,
    )
    name: StringProperty(name="Name", description="Of the take; empty for the sound's", options=SKIP)

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str | None:
        return dub_reason(context)

    def prepare(self, context: bpy.types.Context) -> Gathering:
        from ..scene.overwriting import check_seen
        from ..scene.reading import read_performance  # late: Blender starts sooner without it
        from .job import Gathering
        from .writing import target_of

        take_settings(self, context.scene.meshtalk_dub, ("upper", "mouth", "keep_silence", "mute_old"))
        take_settings(self, context.scene.meshtalk_dub, ("stretch", "range", "seed"))
        take_settings(self, context.scene.meshtalk, ("model", "temperature"))
        if not self.properties.is_property_set("head") and not self._has_sound():
            problem = dub_reason(context)
            if problem is not None:
                raise SceneError(problem)
        head = head_named(context, self.head)
        self._target = target_of(context, head, model=self.model, kind="DUB", name=self.name)
        for thing in head_objects(head):
            check_seen(thing)
        self._source, self._file = self._sound(context)
        frames = self._frames(context, head)
        target, seen = self._target, self._seen_frames()
        reading = read_performance(target.head, target.rest, target.scene_uid, *frames, target.rate, seen)
        return Gathering("Reading the performance", self._read(reading, context.scene.frame_end))

    def _read(self, reading: Generator[float, None, Performance], end: int) -> Generator[float, None, Work]:
        from ...engine.bundle.card import read_card

        performance = yield from reading
        names = read_card(self._target.model / CARD).units
        things = find_parts(self._target.head)
        roles = {uid: roles_of(thing, names) for uid, thing in things.items()}
        return self._work(performance, roles, end)

    def _work(self, performance: Performance, roles: dict[int, Roles], end: int) -> Work:
        from ...engine.generate.dub_options import DubOptions
        from ...engine.generate.retime import Stretch
        from .dub_job import DubRequest, run_dub

        options = DubOptions(
            upper=round(self.upper, 6),
            mouth=round(self.mouth, 6),
            keep_silence=self.keep_silence,
            stretch=Stretch(self.stretch),
            seed=self.seed,
        )
        request = DubRequest(self._target, self._source, options, self.temperature, performance, roles, end)
        return partial(run_dub, request)

    def written_heads(self) -> Iterable[HeadHandle]:
        return (self._target.head,)

    def write(self, _context: bpy.types.Context, result: HeadResult) -> str:
        from ..scene.overwriting import let_keys_through
        from .plan import add_heard
        from .writing import write_head

        target: Target = self._target
        is_layer = not result.spoken[0].take.unit_names
        written = write_head(target, result)
        note = "" if not is_layer else "; added to what moves the head, which plays on"
        caches = [name for thing in find_parts(target.head).values() for name in let_keys_through(thing)]
        if caches:
            note += f"; “{'”, “'.join(caches)}” now integrates shape keys"
        heard = add_heard(target, self._source, self._file) if self._file else ""
        return written.sentence + note + heard + (self._mute_old() if self.mute_old else "")

    def _mute_old(self) -> str:
        """Only the new words are to be heard; says which strips were muted."""
        from ..scene.strips import mute_beside
        from .writing import find_scene

        scene = find_scene(self._target.sequencer_uid)
        name = find_scene(self._target.scene_uid).meshtalk.strip if self._file else self._source.strip
        takes = list(find_head(self._target.head).meshtalk.takes)[:-1]
        strips = frozenset(segment.strip for take in takes for segment in take.segments)
        files = frozenset(bpy.path.abspath(segment.sound) for take in takes for segment in take.segments)
        muted = mute_beside(scene, name, strips, files)
        return f"; “{'”, “'.join(muted)}” muted" if muted else ""

    def _has_sound(self) -> bool:
        return bool(self.strip or self.sound_file)

    def _sound(self, context: bpy.types.Context) -> tuple[SoundSource, str]:
        """What is spoken, and the file's path where it has no strip yet."""
        from .sounds import one_source

        settings = context.scene.meshtalk
        if self._has_sound():
            return one_source(context, self.sound_file, (self.strip,))
        file = settings.sound_file if settings.sound_source == "FILE" else ""
        return one_source(context, file, () if file else chosen_strips(context))

    def _frames(self, context: bpy.types.Context, head: bpy.types.Object) -> tuple[int, int]:
        """First and last frame to read: those of the performance, and the sound's first one."""
        first, last = chosen_range(context.scene, head, self.range)
        first = self.start if self.properties.is_property_set("start") else first
        last = self.end if self.properties.is_property_set("end") else last
        if last < first:
            raise SceneError(f"There is no frame between {first} and {last}: choose another range.")
        if last < self._source.frame:
            raise SceneError(
                f"What “{head.name}” does ends at frame {last}, before the sound begins at frame "
                f"{self._source.frame}: move the strip onto it."
            )
        return min(first, self._source.frame), max(last, self._plays_on_until(context.scene, head))

    def _plays_on_until(self, scene: bpy.types.Scene, head: bpy.types.Object) -> int:
        """The last frame under the sound at which bones and the like still move the head: what is dubbed
        comes on top of them, whatever range was chosen."""
        from ..scene.animated import animated_range

        seen, on = self._seen_frames(), animated_range(head, scene, beside_keys=True)
        if seen is None or on is None:
            return self._source.frame
        return min(on[1], seen[1])

    def _seen_frames(self) -> tuple[int, int] | None:
        """The frames under the sound, beyond which the dub looks at no vertices; None for all of them."""
        from ..scene.sound import seconds_of

        seconds = seconds_of(self._source)
        if seconds is None or self.stretch == "stretch":
            return None
        first = self._source.frame
        return first, first + math.ceil((seconds + BEYOND) * float(self._target.rate))


def take_settings(
    operator: bpy.types.Operator, settings: bpy.types.PropertyGroup, names: tuple[str, ...]
) -> None:
    """Give an operator the panel's settings where it wasn't told otherwise, so that it can be run again."""
    for name in names:
        if not operator.properties.is_property_set(name):
            setattr(operator, name, getattr(settings, name))


def head_named(context: bpy.types.Context, name: str) -> bpy.types.Object | None:
    """The scene's object of this name, this file's own before linked ones; without a name the panel's head.
    Raises SceneError."""
    if not name:
        return chosen_head(context)
    found = [thing for thing in context.scene.objects if thing.name == name]
    if not found:
        raise SceneError(f"There is no object “{name}” in this scene: choose a head.")
    return next((thing for thing in found if thing.library is None), found[0])


def chosen_range(scene: bpy.types.Scene, head: bpy.types.Object, choice: str) -> tuple[int, int]:
    """First and last frame of what a head does: of all that animates it, or the scene's where nothing that
    has frames does, or they were chosen."""
    from ..scene.animated import animated_range

    found = animated_range(head, scene) if choice == "ANIMATION" else None
    if found is not None:
        return found
    if scene.use_preview_range:
        return scene.frame_preview_start, scene.frame_preview_end
    return scene.frame_start, scene.frame_end


def dub_reason(context: bpy.types.Context) -> str | None:
    """Why Dub is greyed out, as a sentence; None when it can be pressed. Cheap."""
    head = chosen_head(context)
    problem = busy_reason() or head_problem(head) or sound_problem(context) or model_problem(context)
    if problem is None and len(chosen_strips(context)) > 1:
        problem = "A dub has one sound: select one strip."
    return problem


def roles_of(thing: bpy.types.Object, unit_names: tuple[str, ...]) -> Roles:
    """What an object's keys stand for."""
    from ..scene.actions import locked_paths
    from ..scene.mapping import key_ranges, mapping_of
    from ..scene.names import match_units
    from ..scene.shape_keys import read_state
    from .played import Roles

    keys = thing.data.shape_keys
    if keys is None:
        return Roles()
    state = read_state(thing, locked_paths(keys))
    mapping = mapping_of(thing, unit_names)
    used = () if mapping is None else mapping.used
    ranges = key_ranges(thing)
    units = {
        entry.key: (entry.drive, entry.gain * (100.0 if ranges[entry.key][1] > PERCENT else 1.0))
        for entry in used
        if entry.drive in unit_names and entry.gain > 0 and entry.key in ranges
    }
    held = bool(match_units(unit_names, state.driven)) or any(entry.key in state.locked for entry in used)
    return Roles(units, held)


CLASSES = (MESHTALK_OT_dub,)
