# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether generation can start: one function feeds the operators' poll and the panel's text."""

from __future__ import annotations

import bpy

from ..models import find_models
from ..scene.mesh import head_problem
from ..scene.parts import face_of
from ..scene.sound import file_problem, strip_problem
from ..scene.strips import sequencer_scene
from .job import desk


def chosen_head(context: bpy.types.Context) -> bpy.types.Object | None:
    """The head of the panel; when none was picked, or it is no longer in the scene, the active object, or the
    head that this is a part of."""
    picked = context.scene.meshtalk.head
    if picked is not None and picked.name in context.scene.objects:
        return picked
    active = context.view_layer.objects.active
    if active is None or not (active.select_get() or active.mode != "OBJECT"):
        return None
    return face_of(active) or active


def sound_problem(context: bpy.types.Context) -> str | None:
    """Why the panel's sound can't be used, as a sentence; None when it looks usable."""
    settings = context.scene.meshtalk
    if settings.sound_source == "FILE":
        return file_problem(settings.sound_file)
    return strip_problem(sequencer_scene(context), settings.strip)


def disabled_reason(context: bpy.types.Context) -> str | None:
    """Why Generate is greyed out, as a sentence; None when it can be pressed."""
    return (
        busy_reason()
        or head_problem(chosen_head(context))
        or sound_problem(context)
        or model_problem(context)
    )


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
