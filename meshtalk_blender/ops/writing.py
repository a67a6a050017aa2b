# SPDX-License-Identifier: GPL-3.0-or-later
"""What all jobs share: a head copied out of bpy before the work, and its take written after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ...engine.generate.lip_gaps import LipGaps, lip_gaps
from ...engine.takes.compose import overlaps
from ...engine.takes.curves import curves_of
from ..mapping_props import model_units
from ..models import chosen_threads, loaded_bundle, model_folder
from ..scene.binding import has_binding, store_binding, stored_binding, stored_figures
from ..scene.errors import SceneError
from ..scene.handles import HeadHandle, find_head, find_parts, handle_of, head_problem
from ..scene.landmarks import fitted_landmarks, placed_landmarks, set_fitted_landmarks
from ..scene.mesh import RestPose, read_rest_pose
from ..scene.overwriting import hiding_modifier
from ..scene.own_keys import OwnKeys, read_own_keys
from ..scene.parts import companions, forget_gone_parts
from ..scene.recipe import Recipe
from ..scene.shape_keys import apply_keys
from ..scene.sound import SoundSource, current_frame
from ..scene.strips import sequencer_scene
from ..scene.takes import SegmentContent, TakeContent, add_take, find_preview, renew_take
from ..scene.timing import scene_rate
from .keying import Motion, ObjectPlan, own_note, plan_objects, summary

if TYPE_CHECKING:
    from ...engine.generate import Take
    from ...engine.geometry.fit.binding import FitFigures
    from ...engine.rigs.own_shapes import OwnShapes

Place = tuple[float, float, float]

SILENT = 0.1
"""Mouth and jaw stay below this weight where nobody speaks (*measured*: silence, hum and noise 0.05 to 0.08,
speech at −50 dB 0.8)."""


@dataclass(frozen=True)
class Target:
    """A head to animate, copied out of bpy, and how: `landmarks` in the space of `rest`, `kind` and
    `placement` as in `take_props`; the `name` of the take may be empty, then it is called like its sound.
    `stored_fit` and `fitted` (in object space) are what came with `stored_binding`."""

    head: HeadHandle
    rest: RestPose
    scene_uid: int
    sequencer_uid: int
    rate: Fraction
    model: Path
    threads: int | None
    landmarks: Mapping[str, Place]
    stored_binding: bytes | None
    tolerance_mm: float | None
    placement: str = "NEW"
    kind: str = "GENERATE"
    name: str = ""
    own_keys: OwnKeys | None = None
    stored_fit: FitFigures | None = None
    fitted: Mapping[str, Place] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Spoken:
    """One stretch of a take: from `frame` on, or where the strip of its `source` is now."""

    take: Take
    source: SoundSource | None = None
    frame: int | None = None
    temperature: float = 1.0


@dataclass(frozen=True, eq=False)
class HeadResult:
    """What a job gives for one head: displacements (U, V', 3) of the units and (K, V', 3) of the correctives
    of that take which has most of them, in the space of the head's rest pose; `binding_data`, `fit` and
    `fit_landmarks` (in the same space) where the head was fitted anew. A result that `is_part` of a
    performance touches only the keys that it moves."""

    spoken: tuple[Spoken, ...]
    unit_deltas: NDArray[np.float32]
    corrective_deltas: NDArray[np.float32] | None = None
    binding_data: bytes | None = None
    fit: FitFigures | None = None
    fit_landmarks: Mapping[str, Place] = field(default_factory=dict)
    is_part: bool = False
    own_shapes: OwnShapes | None = None


@dataclass(frozen=True)
class Written:
    """What was written: the take's identifier, how its face's Action is called, and a sentence about it."""

    uid: str
    action: str
    sentence: str


def target_of(
    context: bpy.types.Context,
    head: bpy.types.Object | None,
    *,
    model: str,
    placement: str = "NEW",
    kind: str = "GENERATE",
    name: str = "",
) -> Target:
    """Look a head up and copy it out of bpy. Raises SceneError."""
    problem = head_problem(head)
    if problem is not None or head is None:
        raise SceneError(problem or "")
    folder = model_folder(model)
    if folder is None:
        raise SceneError(
            f"There is no model “{model}”: choose another, or add its folder in the preferences."
        )
    scene, rest = context.scene, read_rest_pose(head)
    return Target(
        handle_of(head),
        rest,
        scene.session_uid,
        sequencer_scene(context).session_uid,
        scene_rate(scene.render.fps, scene.render.fps_base),
        folder,
        chosen_threads(),
        rest.stretched_places(placed_landmarks(head)),
        stored_binding(head),
        head.meshtalk.corrective_tolerance if head.meshtalk.use_correctives else None,
        placement,
        kind,
        name,
        read_own_keys(head, model_units(model)),
        stored_figures(head),
        fitted_landmarks(head),
    )


def find_scene(uid: int) -> bpy.types.Scene:
    """The scene of before; SceneError where it is gone."""
    scene = next((scene for scene in bpy.data.scenes if scene.session_uid == uid), None)
    if scene is None:
        raise SceneError("The scene was deleted while MeshTalk was running: nothing was changed.")
    return scene


def check_target(target: Target) -> bpy.types.Object:
    """The head of before; SceneError where it, or the scene's rate, was changed since."""
    head = find_head(target.head)
    scene = find_scene(target.scene_uid)
    if scene_rate(scene.render.fps, scene.render.fps_base) != target.rate:
        raise SceneError("The scene's frame rate was changed while MeshTalk was running: generate again.")
    return head


def write_head(target: Target, result: HeadResult, *, preview: bool = False) -> Written:
    """Write a take into the file: keys, Actions, and the take itself. Raises SceneError before anything is
    changed. With `preview` it replaces the one that was looked at before."""
    return write_heads([(target, result)], preview=preview)[0]


def write_heads(
    results: Sequence[tuple[Target, HeadResult]], *, preview: bool = False
) -> tuple[Written, ...]:
    """The same for several heads: all or none."""
    ready = [_prepare(target, result) for target, result in results]
    return tuple(_write(each, preview) for each in ready)


@dataclass(frozen=True, eq=False)
class _Ready:
    """All that is decided before anything is changed."""

    target: Target
    result: HeadResult
    head: bpy.types.Object
    plans: tuple[ObjectPlan, ...]
    frames: tuple[int, ...]


def _prepare(target: Target, result: HeadResult) -> _Ready:
    head = check_target(target)
    sequencer = find_scene(target.sequencer_uid)
    frames = tuple(_frame_of(spoken, sequencer) for spoken in result.spoken)
    plans = plan_objects(find_parts(target.head), target.rest, _motion(result))
    return _Ready(target, result, head, plans, frames)


def _frame_of(spoken: Spoken, sequencer: bpy.types.Scene) -> int:
    if spoken.frame is not None:
        return spoken.frame
    if spoken.source is None:
        raise SceneError("A take needs a sound or a first frame: report this.")
    return current_frame(spoken.source, sequencer)


def _motion(result: HeadResult) -> Motion:
    takes = [spoken.take for spoken in result.spoken]
    names = max((take.corrective_names or () for take in takes), key=len)
    deltas = result.corrective_deltas if names else None
    return Motion(takes[0].unit_names, result.unit_deltas, names, deltas, result.is_part, result.own_shapes)


def _write(ready: _Ready, preview: bool) -> Written:
    head, gone = ready.head, forget_gone_parts(ready.head)
    for plan in ready.plans:
        apply_keys(plan.keys)
    _store_fit(ready)
    content = _content(ready, preview)
    shown = find_preview(head) if preview else None
    take = add_take(head, content) if shown is None else renew_take(head, shown, content)
    action = take.objects[0].action.name
    return Written(take.uid, action, _sentence(ready, action) + _gone_note(gone))


def _store_fit(ready: _Ready) -> None:
    """A new fit; or the one that the job began with, where what made it was undone while the job ran."""
    target, result, head = ready.target, ready.result, ready.head
    if result.binding_data is not None and result.fit is not None:
        store_binding(head, result.binding_data, result.fit)
        set_fitted_landmarks(head, target.rest.places_in_object_space(result.fit_landmarks))
    elif target.stored_binding is not None and target.stored_fit is not None and not has_binding(head):
        store_binding(head, target.stored_binding, target.stored_fit)
        set_fitted_landmarks(head, target.fitted)


def _content(ready: _Ready, preview: bool) -> TakeContent:
    target, result = ready.target, ready.result
    segments = tuple(
        _segment(spoken, frame, target) for spoken, frame in zip(result.spoken, ready.frames, strict=True)
    )
    recipes: tuple[tuple[bpy.types.Object, Recipe], ...] = tuple(
        (plan.thing, plan.recipe) for plan in ready.plans
    )
    return TakeContent(
        target.name or _label(result),
        target.kind,
        target.placement,
        target.rate,
        segments,
        recipes,
        _gaps(target.model, target.threads),
        _record(ready),
        preview,
        result.is_part,
    )


def _segment(spoken: Spoken, frame: int, target: Target) -> SegmentContent:
    source = spoken.source
    return SegmentContent(
        frame,
        curves_of(spoken.take),
        "" if source is None else str(source.path),
        "" if source is None else source.strip,
        target.model.name,
        str(spoken.take.seed),
        spoken.temperature,
        0.0 if source is None else float(source.silence),
    )


def _label(result: HeadResult) -> str:
    source = result.spoken[0].source
    return "take" if source is None else source.label


def _gaps(model: Path, threads: int | None) -> LipGaps:
    return _gaps_of(loaded_bundle(model, threads).template)


@lru_cache(maxsize=1)
def _gaps_of(template: Any) -> LipGaps:
    return lip_gaps(template)


def _sentence(ready: _Ready, action: str) -> str:
    """What was done, for the user."""
    takes = [spoken.take for spoken in ready.result.spoken]
    frames = sum(len(take.weights) for take in takes)
    left = max((take.corrective_error_mm or 0.0 for take in takes), default=0.0)
    used = _used_correctives(takes) if any(plan.recipe.correctives for plan in ready.plans) else 0
    done = summary([plan.keys for plan in ready.plans], used, left) + own_note(ready.plans[0])
    pinned = any(plan.thing.show_only_shape_key for plan in ready.plans)
    note = "; unpin the active shape key to see it" if pinned else ""
    notes = _silence_note(ready) + note + _hidden_note(ready) + _companions_note(ready) + _time_note(ready)
    notes += _end_note(ready)
    return f"“{action}”: {frames} frames{done}{_overlap_note(ready)}{notes}"


def _gone_note(gone: Sequence[str]) -> str:
    """Parts that were joined to the face, or deleted."""
    if len(gone) == 1:
        return f"; the part “{gone[0]}” is gone and was taken off the list"
    return f"; {len(gone)} parts are gone and were taken off the list" if gone else ""


def _silence_note(ready: _Ready) -> str:
    """A dead channel or the wrong end of a strip would otherwise look like a broken take."""
    takes = [spoken.take for spoken in ready.result.spoken]
    mouth = [name.startswith(("mouth", "jaw")) for name in takes[0].unit_names]
    opens = max((float(take.weights[:, mouth].max(initial=0.0)) for take in takes), default=0.0)
    is_quiet = ready.target.kind == "GENERATE" and any(mouth) and opens < SILENT
    return "; no speech was heard, so the mouth stays shut" if is_quiet else ""


def _hidden_note(ready: _Ready) -> str:
    """What overwrites the vertices; caches that a dub sets to integrate come through."""
    if ready.target.kind == "DUB":
        return ""
    moved = [plan.thing for plan in ready.plans if plan.keys.moved]
    found = [(thing, hiding_modifier(thing)) for thing in moved]
    return "".join(
        f"; “{modifier.name}” of “{thing.name}” hides its shape keys: turn it off to see them"
        for thing, modifier in found
        if modifier is not None
    )


def _companions_note(ready: _Ready) -> str:
    """Objects of the same rig with the same keys, which the user has to add once."""
    names = {name for plan in ready.plans for name in plan.keys.moved}
    others = companions(ready.head, names)
    if not others:
        return ""
    if len(others) == 1:
        return f"; “{others[0].name}” has the same shape keys: select it too and press Add Selected as Parts"
    return f"; {len(others)} meshes have the same shape keys: select them too and press Add Selected as Parts"


def _time_note(ready: _Ready) -> str:
    """Blender stretches the motion and not the sound."""
    render = find_scene(ready.target.scene_uid).render
    if render.frame_map_old == render.frame_map_new:
        return ""
    return "; the scene's Time Stretching is on, so the motion won't be in time with the sound"


def _end_note(ready: _Ready) -> str:
    """Playback and renders would stop in the middle of the speech; a frame less is nothing."""
    end = find_scene(ready.target.scene_uid).frame_end
    takes = (each.take for each in ready.result.spoken)
    last = max(frame + len(take.weights) - 1 for frame, take in zip(ready.frames, takes, strict=True))
    return f"; the scene ends at frame {end}, before the take (frame {last})" if last > end + 1 else ""


def _used_correctives(takes: Sequence[Take]) -> int:
    return max(
        (
            int(take.corrective_weights.any(axis=0).sum())
            for take in takes
            if take.corrective_weights is not None
        ),
        default=0,
    )


def _overlap_note(ready: _Ready) -> str:
    spoken, frames = ready.result.spoken, ready.frames
    spans = [(frame, frame + len(each.take.weights)) for frame, each in zip(frames, spoken, strict=True)]
    names = [
        each.source.label if each.source is not None else f"frame {f}"
        for each, f in zip(spoken, frames, strict=True)
    ]
    notes = [
        f"; “{names[two]}” begins before “{names[one]}” ends and takes over at frame {spans[two][0]}"
        for one, two in overlaps(spans)
    ]
    return "".join(notes)


def _record(ready: _Ready) -> dict[str, object]:
    """The Action's tag: what it was made from."""
    target, first = ready.target, ready.result.spoken[0]
    source = first.source
    return {
        "format": 1,
        "model": target.model.name,
        "sound": "" if source is None else str(source.path),
        "strip": "" if source is None else source.strip,
        "head": target.head.face.name,
        "seed": first.take.seed,
        "temperature": first.temperature,
        "frame": ready.frames[0],
        "fps": str(target.rate),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
