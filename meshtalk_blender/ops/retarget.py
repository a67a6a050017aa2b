# SPDX-License-Identifier: GPL-3.0-or-later
"""Retarget: what one head does, another head does too."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from functools import partial
from typing import TYPE_CHECKING

import bpy
from bpy.props import EnumProperty, IntProperty, StringProperty

from ..dub_props import PART, RANGE
from ..models import CARD
from ..scene.errors import SceneError
from ..scene.handles import find_head, find_parts, handle_of, head_problem, ownership_problem
from ..scene.parts import face_of, head_objects
from .background import InBackground, ToldByPanel
from .checks import busy_reason, chosen_head, model_problem
from .dub import chosen_range, head_named, roles_of, take_settings
from .redo import Redone

if TYPE_CHECKING:
    from ..scene.handles import HeadHandle
    from ..scene.performance import Performance
    from .job import FitRequest, Gathering, Work
    from .retarget_job import Retargeted

SKIP = {"SKIP_SAVE"}


class MESHTALK_OT_retarget(ToldByPanel, InBackground, Redone, bpy.types.Operator):
    """Let the head do what another one does, in its own size: shape keys, and a new Action"""

    bl_idname = "meshtalk.retarget"
    bl_label = "Retarget"
    bl_options = {"REGISTER", "UNDO"}
    redone = ("name", "part")

    source: StringProperty(name="Source", description="Object; empty for the panel's", options=SKIP)
    head: StringProperty(name="Head", description="Object; empty for the panel's", options=SKIP)
    model: StringProperty(name="Model", description="Empty for the panel's", options=SKIP)
    range: EnumProperty(**RANGE, options=SKIP)
    part: EnumProperty(**PART, options=SKIP)
    start: IntProperty(name="Start", description="First frame to take over", options=SKIP)
    end: IntProperty(name="End", description="Last frame to take over", options=SKIP)
    name: StringProperty(name="Name", description="Of the take; empty for the source's", options=SKIP)

    @classmethod
    def reason(cls, context: bpy.types.Context) -> str | None:
        return retarget_reason(context)

    def prepare(self, context: bpy.types.Context) -> Gathering:
        from ..scene.binding import stored_binding
        from ..scene.landmarks import placed_landmarks
        from ..scene.mesh import read_rest_pose
        from ..scene.overwriting import hiding_cache
        from ..scene.reading import read_performance  # late: Blender starts sooner without it
        from .job import FitRequest, Gathering
        from .writing import target_of

        take_settings(self, context.scene.meshtalk_retarget, ("range", "part"))
        take_settings(self, context.scene.meshtalk, ("model",))
        head = head_named(context, self.head)
        source = source_named(context, self.source)
        problem = pair_problem(source, head) or next(
            filter(None, map(hiding_cache, head_objects(head))), None
        )
        if problem is not None or source is None:
            raise SceneError(problem or "")
        name = self.name or source.name
        self._target = target_of(context, head, model=self.model, kind="RETARGET", name=name)
        self._source = handle_of(source, is_read=True)
        rest = read_rest_pose(source)
        landmarks = rest.stretched_places(placed_landmarks(source))
        stored = stored_binding(source)
        fit = FitRequest(self._target.model, self._target.threads, rest, landmarks, stored)
        first, last = chosen_range(context.scene, source, self.range)
        first = self.start if self.properties.is_property_set("start") else first
        last = self.end if self.properties.is_property_set("end") else last
        reading = read_performance(self._source, rest, self._target.scene_uid, first, last, self._target.rate)
        return Gathering("Reading the source", self._read(reading, fit))

    def _read(
        self, reading: Generator[float, None, Performance], fit: FitRequest
    ) -> Generator[float, None, Work]:
        from ...engine.bundle.card import read_card
        from .retarget_job import RetargetRequest, run_retarget

        performance = yield from reading
        names = read_card(self._target.model / CARD).units
        roles = {uid: roles_of(thing, names) for uid, thing in find_parts(self._source).items()}
        request = RetargetRequest(self._target, fit, performance, roles, self.part)
        return partial(run_retarget, request)

    def written_heads(self) -> Iterable[HeadHandle]:
        return (self._target.head,)

    def write(self, _context: bpy.types.Context, result: Retargeted) -> str:
        from ..scene.binding import store_binding
        from .writing import write_head

        source = find_head(self._source)
        written = write_head(self._target, result.result)
        data, fit = result.source_data, result.source_fit
        is_own = ownership_problem(source) is None  # a linked one is fitted anew each time
        if is_own and data is not None and fit is not None:
            store_binding(source, data, fit)
        return f"{written.sentence}; from “{source.name}”"


def source_named(context: bpy.types.Context, name: str) -> bpy.types.Object | None:
    """The scene's object of this name, or the panel's source without one; for a part, its head. Raises
    SceneError."""
    source = head_named(context, name) if name else context.scene.meshtalk_retarget.source
    return None if source is None else face_of(source) or source


def pair_problem(source: bpy.types.Object | None, head: bpy.types.Object | None) -> str | None:
    """Why one can't drive the other, as a sentence; None when it can."""
    if source is None:
        return "Choose a source: the head whose motion is taken over."
    problem = head_problem(head)
    if problem is None and source == head:
        problem = f"“{source.name}” is the head itself: choose another head as the source."
    return problem or head_problem(source, is_read=True)


def retarget_reason(context: bpy.types.Context) -> str | None:
    """Why Retarget is greyed out, as a sentence; None when it can be pressed. Cheap."""
    source, head = context.scene.meshtalk_retarget.source, chosen_head(context)
    if source is not None:
        source = face_of(source) or source
    return busy_reason() or pair_problem(source, head) or model_problem(context)


CLASSES = (MESHTALK_OT_retarget,)
