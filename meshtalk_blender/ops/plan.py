# SPDX-License-Identifier: GPL-3.0-or-later
"""What one press of Generate is about: gathered before the job, checked again and written after it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction

import bpy

from ...engine.errors import MeshTalkError
from ...engine.generate.options import GenerateOptions
from ...engine.rigs import lip_motion
from ..models import chosen_threads, loaded_bundle, model_folder
from ..scene.actions import write_take
from ..scene.binding import store_binding, stored_binding
from ..scene.errors import SceneError
from ..scene.landmarks import placed_landmarks, set_fitted_landmarks
from ..scene.mesh import HeadHandle, find_head, find_parts, handle_of, head_problem, read_rest_pose
from ..scene.shape_keys import KeyPlan, apply_keys, value_path
from ..scene.sound import SoundSource, current_frame, source_of_file, source_of_strip
from ..scene.strips import add_sound_strip, has_sound_support, sequencer_scene, show_in_sequencer
from ..scene.timing import scene_rate
from .checks import chosen_head
from .job import JobRequest, JobResult
from .keying import plan_objects, summary


@dataclass(frozen=True)
class Wish:
    """What the user asks for; `strip` counts only where `sound_file` is empty."""

    head: bpy.types.Object | None
    strip: str
    sound_file: str
    model: str
    seed: int
    temperature: float


@dataclass(frozen=True)
class Plan:
    """A wish with everything looked up: what the job needs, and where its result belongs."""

    head: HeadHandle
    scene_uid: int
    sequencer_uid: int
    rate: Fraction
    model: str
    sound_file: str
    request: JobRequest


def wish_of(context: bpy.types.Context) -> Wish:
    """What the panel's settings ask for."""
    settings = context.scene.meshtalk
    return Wish(
        head=chosen_head(context),
        strip=settings.strip,
        sound_file=settings.sound_file if settings.sound_source == "FILE" else "",
        model=settings.model,
        seed=settings.seed,
        temperature=settings.temperature,
    )


def make_plan(context: bpy.types.Context, wish: Wish) -> Plan:
    """Look everything up and copy it out of bpy. Raises MeshTalkError."""
    problem = head_problem(wish.head)
    if problem is not None:
        raise SceneError(problem)
    folder = model_folder(wish.model)
    if folder is None:
        raise SceneError(
            f"There is no model “{wish.model}”: choose another, or add its folder in the preferences."
        )
    scene, sequencer = context.scene, sequencer_scene(context)
    rate = scene_rate(scene.render.fps, scene.render.fps_base)
    request = JobRequest(
        folder,
        chosen_threads(),
        _source(sequencer, wish),
        read_rest_pose(wish.head),
        GenerateOptions(seed=wish.seed, temperature=wish.temperature, fps=rate, keep_vertices=False),
        landmarks=placed_landmarks(wish.head),
        stored_binding=stored_binding(wish.head),
        corrective_tolerance_mm=_tolerance(wish.head),
    )
    return Plan(
        handle_of(wish.head),
        scene.session_uid,
        sequencer.session_uid,
        rate,
        folder.name,
        wish.sound_file,
        request,
    )


def write_result(plan: Plan, result: JobResult) -> str:
    """Write the take into the file and say what was done. Raises MeshTalkError before anything is changed."""
    head = find_head(plan.head)
    scene, sequencer = _find_scene(plan.scene_uid), _find_scene(plan.sequencer_uid)
    if scene_rate(scene.render.fps, scene.render.fps_base) != plan.rate:
        raise SceneError("The scene's frame rate was changed while MeshTalk was running: generate again.")
    source = plan.request.source
    frame = current_frame(source, sequencer)
    template = loaded_bundle(plan.request.model, plan.request.threads).template
    plans = plan_objects(find_parts(plan.head), plan.request.rest, result, lip_motion(template))
    actions = [_write_object(plan, key_plan, result, frame) for key_plan in plans]
    if result.binding_data is not None and result.fit is not None:
        store_binding(head, result.binding_data, result.fit)
        set_fitted_landmarks(head, result.fit_landmarks)
    note = _add_strip(scene, sequencer, plan) if plan.sound_file else ""
    pinned = (
        "; unpin the active shape key to see it" if any(p.thing.show_only_shape_key for p in plans) else ""
    )
    done = summary(plans, result.take.corrective_error_mm)
    return f"“{actions[0].name}”: {len(result.take.weights)} frames{done}{note}{pinned}"


def _write_object(plan: Plan, keys: KeyPlan, result: JobResult, frame: int) -> bpy.types.Action:
    """Make one object's keys and its Action."""
    apply_keys(keys)
    label = f"MeshTalk {plan.request.source.label}"
    is_face = keys.thing.session_uid == plan.head.face.object_uid
    return write_take(
        keys.thing.data.shape_keys,
        {value_path(name): weights for name, weights in keys.curves.items()},
        frame,
        plan.rate,
        label if is_face else f"{label} {keys.thing.name}",
        _record(plan, result, frame),
    )


def _tolerance(head: bpy.types.Object) -> float | None:
    return head.meshtalk.corrective_tolerance if head.meshtalk.use_correctives else None


def _source(sequencer: bpy.types.Scene, wish: Wish) -> SoundSource:
    if wish.sound_file:
        return source_of_file(wish.sound_file, sequencer.frame_start)
    return source_of_strip(sequencer, wish.strip)


def _find_scene(uid: int) -> bpy.types.Scene:
    scene = next((scene for scene in bpy.data.scenes if scene.session_uid == uid), None)
    if scene is None:
        raise SceneError("The scene was deleted while MeshTalk was running: nothing was changed.")
    return scene


def _add_strip(scene: bpy.types.Scene, sequencer: bpy.types.Scene, plan: Plan) -> str:
    """Make the sound heard in time with the take; a Blender without sound keeps the take all the same."""
    source = plan.request.source
    if not has_sound_support():
        return "; this Blender has no sound, so no strip was made"
    path = plan.sound_file if plan.sound_file.startswith("//") else str(source.path)
    try:
        strip = add_sound_strip(sequencer, path, source.path.stem, source.frame)
    except MeshTalkError as error:
        return f"; {error}"
    show_in_sequencer(bpy.context, sequencer)
    scene.meshtalk.strip = strip.name
    scene.meshtalk.sound_source = "STRIP"
    return ""


def _record(plan: Plan, result: JobResult, frame: int) -> dict[str, object]:
    """The Action's tag: what it was made from."""
    return {
        "format": 1,
        "model": plan.model,
        "sound": str(plan.request.source.path),
        "strip": plan.request.source.strip,
        "head": plan.head.face.name,
        "seed": result.take.seed,
        "temperature": result.temperature,
        "frame": frame,
        "fps": str(plan.rate),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
