# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether generation can start: one function feeds the operators' poll and the panel's text."""

from __future__ import annotations

import bpy

from ..mapping_props import model_units
from ..models import find_models
from ..scene.errors import SceneError
from ..scene.handles import head_problem
from ..scene.parts import face_of, head_objects
from ..scene.rig_heads import head_of_rig
from ..scene.strips import find_sound_strip, heard_frames, sequencer_scene, sound_strips
from ..translations import say
from .desk import desk


def chosen_head(context: bpy.types.Context) -> bpy.types.Object | None:
    """The head of the panel; when none was picked, or it is no longer in the scene, the one that the active
    object stands for."""
    picked = context.scene.meshtalk.head
    if picked is not None and picked.name in context.scene.objects:
        return picked
    active = context.view_layer.objects.active
    if active is None or not (active.select_get() or active.mode != "OBJECT"):
        return None
    return head_meant(context, active)


def head_meant(context: bpy.types.Context, thing: bpy.types.Object) -> bpy.types.Object:
    """The head that an object is a part of, or the only one of an armature; else the object itself."""
    if thing.type == "ARMATURE":
        scene = context.scene
        return head_of_rig(thing, scene, model_units(scene.meshtalk.model)) or thing
    return face_of(thing) or thing


def need_head(context: bpy.types.Context) -> bpy.types.Object:
    """The head of the panel; SceneError where none is chosen."""
    head = chosen_head(context)
    if head is None:
        raise SceneError(head_problem(None) or "")
    return head


def chosen_heads(context: bpy.types.Context) -> tuple[bpy.types.Object, ...]:
    """The heads that a job is for: the panel's one, or all selected ones. A part and an armature stand for
    their head."""
    first = chosen_head(context)
    if context.scene.meshtalk.heads != "SELECTED":
        return () if first is None else (first,)
    selected = (head_meant(context, thing) for thing in context.selected_objects)
    return tuple(dict.fromkeys(head for head in selected if head.type == "MESH"))


def heads_problem(context: bpy.types.Context) -> str | None:
    """Why the chosen heads can't be animated now, as a sentence; None when they can."""
    heads = chosen_heads(context)
    if not heads:
        return head_problem(chosen_head(context) if context.scene.meshtalk.heads != "SELECTED" else None)
    problems = (head_problem(head) for head in heads)
    return next((problem for problem in problems if problem is not None), None)


def chosen_strips(context: bpy.types.Context) -> tuple[str, ...]:
    """The names of the sound strips that the panel's settings mean, in order of time; empty for the only
    one. Of selected ones those that are heard; muted ones (takes that weren't chosen) count by themselves."""
    settings = context.scene.meshtalk
    if settings.sound_source != "SELECTED":
        return (settings.strip,) if settings.strip else ()
    selected = [strip for strip in sound_strips(sequencer_scene(context)) if strip.select]
    strips = [strip for strip in selected if not strip.mute] or selected
    return tuple(strip.name for strip in sorted(strips, key=heard_frames))


def overlapping_strips(context: bpy.types.Context) -> list[tuple[str, str, int]]:
    """Names of chosen strips that play at the same time, and the frame from which the second is followed."""

    from ...engine.takes.compose import overlaps

    scene = sequencer_scene(context)
    found = [find_sound_strip(scene, name) for name in chosen_strips(context)]
    strips = [strip for strip in found if strip is not None]
    spans = [(int(left), int(right)) for left, right in map(heard_frames, strips)]
    return [(strips[one].name, strips[two].name, spans[two][0]) for one, two in overlaps(spans)]


def sound_problem(context: bpy.types.Context) -> str | None:
    """Why the panel's sound can't be used, as a sentence; None when it looks usable."""

    from ..scene.sound import file_problem, strip_problem

    settings = context.scene.meshtalk
    if settings.sound_source == "FILE":
        return file_problem(settings.sound_file)
    scene = sequencer_scene(context)
    if settings.sound_source == "SELECTED":
        names = chosen_strips(context)
        if not names:
            return "No sound strip is selected: select one or more in the sequencer."
        problems = (strip_problem(scene, name) for name in names)
        return next((problem for problem in problems if problem is not None), None)
    return strip_problem(scene, settings.strip)


def ready_reason(context: bpy.types.Context) -> str | None:
    """Why nothing at all can be generated now, as a sentence; what a job needs may also come from an
    operator's own arguments."""
    return busy_reason() or (None if find_models() else model_problem(context))


def disabled_reason(context: bpy.types.Context) -> str | None:
    """Why Generate is greyed out, as a sentence; None when it can be pressed."""
    return (
        busy_reason()
        or heads_problem(context)
        or placement_reason(context)
        or sound_problem(context)
        or model_problem(context)
    )


def placement_reason(context: bpy.types.Context) -> str | None:
    """Why a take can't be placed as the panel asks, as a sentence; None when it can."""

    from ..scene.placement import placement_problem

    placement = context.scene.meshtalk.placement
    things = (thing for head in chosen_heads(context) for thing in head_objects(head))
    problems = (placement_problem(thing, placement) for thing in things)
    return next((problem for problem in problems if problem is not None), None)


def tooltip(cls: type[bpy.types.Operator], reason: str | None) -> str:
    """An operator's tooltip, with why its button is greyed out where that isn't up to its poll, because
    scripts may give it what the panel lacks."""
    words = say((cls.__doc__ or "").strip())
    return words if reason is None else f"{words}.\n{say(f'Disabled: {reason}')}".rstrip(".")


def fit_reason(context: bpy.types.Context) -> str | None:
    """Why Fit Head is greyed out, as a sentence; None when it can be pressed."""
    return busy_reason() or head_problem(chosen_head(context)) or model_problem(context)


def busy_reason() -> str | None:
    """Why nothing can be started now, as a sentence; None where nothing runs."""
    return None if desk.job is None else "MeshTalk is at work: wait, or press Cancel."


def model_problem(context: bpy.types.Context) -> str | None:
    """Why there is nothing to generate with, as a sentence; None when there is."""
    if not find_models():
        return "There is no model: add a model folder in the add-on's preferences."
    if not context.scene.meshtalk.model:  # what this file was saved with is not on this machine
        return "Choose a model: the one of this file is not here."
    return None
