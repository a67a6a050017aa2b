# SPDX-License-Identifier: GPL-3.0-or-later
"""Seeds: a gallery of takes of the same words, to choose from; takes combined, ranges sampled again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

import bpy
from bpy.props import FloatProperty, IntProperty, StringProperty

from ..gallery_props import MOST_SEEDS, upper_temperature_of
from ..scene.errors import SceneError
from ..scene.take_list import active_take, find_preview, unsampled_problem
from .background import InBackground, redraw_panels
from .checks import busy_reason, chosen_head, disabled_reason, tooltip
from .clicks import at_once, can_press
from .gallery_desk import gallery_desk
from .redo import Redone

if TYPE_CHECKING:
    from ..scene.handles import HeadHandle
    from .gallery import Gallery
    from .job import Work
    from .remix import RangeRequest

SAME = -1.0
"""An upper face's temperature that stands for the mouth's."""


def seeds_reason(context: bpy.types.Context) -> str | None:
    """Why Sample Seeds is greyed out, as a sentence; None when it can be pressed."""
    if context.scene.meshtalk.heads == "SELECTED":
        return busy_reason() or "Seeds are for one head: choose This Head above."
    return disabled_reason(context)


def gallery_reason(context: bpy.types.Context) -> str | None:
    """Why no seed can be looked at, as a sentence; None when one can."""

    from .preview import gallery_of

    if gallery_of(chosen_head(context)) is None:
        return busy_reason() or "There is no gallery of this head: sample seeds first."
    return busy_reason()


def preview_reason(context: bpy.types.Context) -> str | None:
    """Why there is nothing to keep or to discard, as a sentence; None when there is."""
    head = chosen_head(context)
    if head is None or find_preview(head) is None:
        return busy_reason() or "No seed is being looked at: choose one in the gallery first."
    return busy_reason()


def takes_reason(context: bpy.types.Context, least: int) -> str | None:
    """Why takes can't be worked on, as a sentence; None where the head has at least so many."""
    head = chosen_head(context)
    if head is None or len(head.meshtalk.takes) < least:
        return busy_reason() or f"It takes {'two takes' if least > 1 else 'a take'}: generate first."
    return busy_reason()


def combine_reason(context: bpy.types.Context) -> str | None:
    """Why Combine is greyed out, as a sentence; None when it can be pressed."""
    settings, reason = context.scene.meshtalk_seeds, takes_reason(context, 2)
    if reason is None and not (settings.mouth_take and settings.upper_take):
        return "Choose two takes: one for the mouth, one for the eyes."
    return reason


def range_reason(context: bpy.types.Context) -> str | None:
    """Why no range of the take that plays can be sampled again, as a sentence; None when one can."""
    reason, take = takes_reason(context, 1), active_take(chosen_head(context))
    if reason is None:
        return "No take is chosen: choose one in the list." if take is None else unsampled_problem(take)
    return reason


def _allowed(cls: type[bpy.types.Operator], reason: str | None) -> bool:
    """What poll answers; scripts give arguments that poll can't see, so they are judged when they run."""
    if bpy.app.background and busy_reason() is None:
        return True
    return can_press(cls, reason)


def _upper_property() -> FloatProperty:
    return FloatProperty(
        name="Upper Face's Temperature",
        description="How freely brows, lids and gaze are sampled: 1 is as learned; -1: like the mouth",
        default=SAME,
        min=SAME,
        max=10.0,
        options={"SKIP_SAVE"},
    )


class MESHTALK_OT_sample_seeds(InBackground, bpy.types.Operator):
    """Sample several takes of the same words in one go, to choose from; nothing in the file is changed"""

    bl_idname = "meshtalk.sample_seeds"
    bl_label = "Sample Seeds"
    bl_options = {"REGISTER"}

    count: IntProperty(
        name="Seeds", description="How many takes", default=8, min=1, max=MOST_SEEDS, options={"SKIP_SAVE"}
    )
    seed: IntProperty(
        name="First Seed",
        description="Seed of the first take; -1 for the panel's",
        default=-1,
        min=-1,
        options={"SKIP_SAVE"},
    )
    temperature: FloatProperty(
        name="Temperature",
        description="How freely blinks, brows and the like are sampled: 1 is as learned; -1 for the panel's",
        default=-1.0,
        min=-1.0,
        max=10.0,
        options={"SKIP_SAVE"},
    )
    upper_temperature: _upper_property()

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _allowed(cls, seeds_reason(context))

    def prepare(self, context: bpy.types.Context) -> Work:
        from dataclasses import replace

        from ..scene.looks import head_colours
        from .gallery import SeedsRequest, run_seeds
        from .plan import make_plan, wish_of

        head = chosen_head(context)
        wish = replace(wish_of(context), heads=() if head is None else (head,))
        wish = wish if self.seed < 0 else replace(wish, seed=self.seed)
        wish = wish if self.temperature < 0 else replace(wish, temperature=self.temperature)
        count = self.count if self.properties.is_property_set("count") else context.scene.meshtalk_seeds.count
        plan = make_plan(context, wish)
        return partial(run_seeds, SeedsRequest(plan, count, _upper(self, context), head_colours(head)))

    def write(self, _context: bpy.types.Context, gallery: Gallery) -> str:
        from .gallery_pictures import show_pictures

        gallery_desk.gallery = gallery
        gallery.pictures = show_pictures(seed.overview.picture for seed in gallery.seeds)
        return f"{len(gallery.seeds)} seeds: click one to see it on the head"


class MESHTALK_OT_preview_seed(bpy.types.Operator):
    """See this seed on the head at once; Keep makes it a take, Discard brings back what was before"""

    bl_idname = "meshtalk.preview_seed"
    bl_label = "Preview Seed"
    bl_options = {"REGISTER", "UNDO"}

    index: IntProperty(name="Number", description="Which seed of the gallery, from 0 on", default=0, min=0)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _allowed(cls, gallery_reason(context))

    def execute(self, context: bpy.types.Context) -> set[str]:
        return _do(self, partial(_preview, context, self.index))


class MESHTALK_OT_keep_seed(bpy.types.Operator):
    """Make the seed that is looked at one of the head's takes"""

    bl_idname = "meshtalk.keep_seed"
    bl_label = "Keep"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _allowed(cls, preview_reason(context))

    def execute(self, context: bpy.types.Context) -> set[str]:
        from .preview import keep_seed

        return _do(self, lambda: keep_seed(_head(context)))


class MESHTALK_OT_discard_seed(bpy.types.Operator):
    """Stop looking at this seed: the head plays what it played before"""

    bl_idname = "meshtalk.discard_seed"
    bl_label = "Discard"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _allowed(cls, preview_reason(context))

    def execute(self, context: bpy.types.Context) -> set[str]:
        from .preview import discard_seed

        return _do(self, lambda: discard_seed(_head(context)))


class MESHTALK_OT_combine_takes(Redone, bpy.types.Operator):
    """Make a take with the mouth of one take and the brows, lids and gaze of another"""

    bl_idname = "meshtalk.combine_takes"
    bl_label = "Combine"
    bl_options = {"REGISTER", "UNDO"}
    redone = ("name",)

    mouth: StringProperty(
        name="Mouth", description="Take whose jaw, lips and cheeks are used", options={"SKIP_SAVE"}
    )
    upper: StringProperty(
        name="Eyes", description="Take whose brows, lids and gaze are used", options={"SKIP_SAVE"}
    )
    name: StringProperty(name="Name", description="Name of the new take", options={"SKIP_SAVE"})

    @classmethod
    def description(cls, context: bpy.types.Context, _properties: bpy.types.OperatorProperties) -> str:
        return tooltip(cls, combine_reason(context))

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _allowed(cls, takes_reason(context, 2))

    def execute(self, context: bpy.types.Context) -> set[str]:
        from .remix import combine_takes

        settings = context.scene.meshtalk_seeds
        mouth, upper = self.mouth or settings.mouth_take, self.upper or settings.upper_take
        return _do(self, lambda: combine_takes(_head(context), mouth, upper, self.name))


class MESHTALK_OT_sample_range(InBackground, Redone, bpy.types.Operator):
    """Sample these frames of the take again with another seed; all the rest stays as it is"""

    bl_idname = "meshtalk.sample_range"
    bl_label = "Sample Range Again"
    bl_options = {"REGISTER", "UNDO"}
    redone = ("start", "end", "seed")

    start: IntProperty(name="Start", description="First frame of the scene", options={"SKIP_SAVE"})
    end: IntProperty(name="End", description="Last frame of the scene", options={"SKIP_SAVE"})
    seed: IntProperty(
        name="Seed", description="Seed of the new stretch", default=0, min=0, options={"SKIP_SAVE"}
    )
    upper_temperature: _upper_property()

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _allowed(cls, range_reason(context))

    def prepare(self, context: bpy.types.Context) -> Work:
        from .remix import range_request, run_range

        head, settings = _head(context), context.scene.meshtalk_seeds
        take = active_take(head)
        if take is None:
            raise SceneError(f"“{head.name}” plays no take: choose one in the list of takes.")
        given = self.properties.is_property_set
        first = self.start if given("start") else settings.range_start
        last = self.end if given("end") else settings.range_end
        seed = self.seed if given("seed") else settings.range_seed
        self._request = range_request(context, head, take, (first, last), seed, _upper(self, context))
        self.start, self.end, self.seed = first, last, seed  # which the redo panel shows
        return partial(run_range, self._request)

    def written_heads(self) -> Iterable[HeadHandle]:
        return (self._request.target.head,)

    def write(self, _context: bpy.types.Context, result: tuple) -> str:
        from .remix import write_range

        request: RangeRequest = self._request
        return write_range(request, result)


class MESHTALK_OT_range_from_scene(bpy.types.Operator):
    """Take the range from the scene's preview range, or from its frame range where there is none"""

    bl_idname = "meshtalk.range_from_scene"
    bl_label = "Use the Preview Range"
    bl_options = {"UNDO", "INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene, settings = context.scene, context.scene.meshtalk_seeds
        preview = scene.use_preview_range
        settings.range_start = scene.frame_preview_start if preview else scene.frame_start
        settings.range_end = scene.frame_preview_end if preview else scene.frame_end
        return {"FINISHED"}


def _preview(context: bpy.types.Context, number: int) -> str:
    from .preview import gallery_of, preview_seed

    gallery = gallery_of(chosen_head(context)) or gallery_desk.gallery
    if gallery is None:
        raise SceneError("There is no gallery: sample seeds first.")
    return preview_seed(gallery, number)


def _head(context: bpy.types.Context) -> bpy.types.Object:
    head = chosen_head(context)
    if head is None or head.type != "MESH":
        raise SceneError("Choose a head: select a mesh, or pick one in the MeshTalk tab.")
    return head


def _upper(
    operator: MESHTALK_OT_sample_seeds | MESHTALK_OT_sample_range, context: bpy.types.Context
) -> float | None:
    if not operator.properties.is_property_set("upper_temperature"):
        return upper_temperature_of(context)
    return None if operator.upper_temperature < 0 else operator.upper_temperature


def _do(operator: bpy.types.Operator, step: Callable[[], str]) -> set[str]:
    """Do something that takes no time, and tell the user in the panel and the report."""
    redraw_panels()
    return at_once(operator, step, in_panel=True)


@bpy.app.handlers.persistent
def _forget(*_: object) -> None:
    """Another file is about to be opened: its heads are others."""
    if gallery_desk.gallery is None:  # as at Blender's start and end
        return
    from .gallery_pictures import forget_pictures

    gallery_desk.gallery = None
    forget_pictures()


def register() -> None:
    """Forget the gallery when another file is opened."""
    bpy.app.handlers.load_pre.append(_forget)


def unregister() -> None:
    """Free the gallery."""
    bpy.app.handlers.load_pre.remove(_forget)
    _forget()


CLASSES = (
    MESHTALK_OT_sample_seeds,
    MESHTALK_OT_preview_seed,
    MESHTALK_OT_keep_seed,
    MESHTALK_OT_discard_seed,
    MESHTALK_OT_combine_takes,
    MESHTALK_OT_sample_range,
    MESHTALK_OT_range_from_scene,
)
