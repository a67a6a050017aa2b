# SPDX-License-Identifier: GPL-3.0-or-later
"""What a take does to each object of a head: decided here, before anything is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import bpy
import numpy as np
from numpy.typing import NDArray

from ...engine.rigs import LipMotion, RigMapping, drive
from ...engine.rigs.mapping import MOUTH, VISEME_KIND
from ..scene.actions import locked_paths
from ..scene.errors import SceneError
from ..scene.mapping import mapping_of
from ..scene.mesh import PartSlice, RestPose
from ..scene.names import match_units
from ..scene.shape_keys import KeyPlan, KeyState, Shape, largest, plan_keys, read_state
from .job import JobResult

Floats = NDArray[np.float32]

CORRECTIVE = "MeshTalk Corrective "
"""Corrective keys are called so, and by their name in the model: each means the same shape in every take."""

LEAST = 2e-3
"""A shape moves an object when a vertex moves by this part of the head's largest motion (0.07 mm)."""


SHARE = 0.3
"""A corrective is written on the objects that it moves by this part of its largest motion: lower teeth get
those of the jaw, and not those of the lips that the jaw hardly answers."""


def plan_objects(
    objects: Mapping[int, bpy.types.Object], rest: RestPose, result: JobResult, lips: LipMotion
) -> tuple[KeyPlan, ...]:
    """The plan of each object that the take moves, the face first; `objects` by the session_uid that the
    slices of `rest` name, `lips` of the model. SceneError when the take would move nothing at all."""
    face = objects[rest.slices[0].object_uid]
    least = LEAST * max(largest(deltas) for deltas in result.unit_deltas)
    plans = [
        _plan_object(objects[part.object_uid], part, result, lips, face.meshtalk.missing_units, least)
        for part in rest.slices
        if part.object_uid in objects
    ]
    moved = tuple(plan for plan in plans if plan.curves)
    if not moved:
        raise SceneError(_nothing_to_move(face, plans))
    return moved


def summary(plans: Sequence[KeyPlan], left_mm: float | None) -> str:
    """What was made of the plans, for the user; `left_mm` is what correctives leave of the motion at the
    lips."""
    made, renewed, driven, locked, sculpted = (
        sum(len(getattr(plan, what)) for plan in plans)
        for what in ("fresh", "renewed", "driven", "locked", "sculpted")
    )
    text = f" on {len(plans)} objects" if len(plans) > 1 else ""
    text += f", {_count(made)} made" if made else ""
    text += f", {_count(renewed)} renewed" if renewed else ""
    used = sum(name.startswith(CORRECTIVE) and bool(w.any()) for name, w in plans[0].curves.items())
    text += f", {used} correctives leave {left_mm:.2f} mm at the lips" if used and left_mm is not None else ""
    text += f"; {_count(driven)} {_have(driven)} drivers and {_were(driven)} left to them" if driven else ""
    text += (
        f"; {_count(locked)} {_have(locked)} a locked curve and {_were(locked)} left alone" if locked else ""
    )
    if sculpted:
        text += f"; {_count(sculpted)} kept as changed since MeshTalk made {'them' if sculpted > 1 else 'it'}"
        text += " (delete to have made anew)"
    return text


def _plan_object(
    thing: bpy.types.Object, part: PartSlice, result: JobResult, lips: LipMotion, policy: str, least: float
) -> KeyPlan:
    take = result.take
    state = read_state(thing, locked_paths(thing.data.shape_keys))
    mapping = _mapping(thing, state, take.unit_names)
    values = {} if mapping is None else drive(mapping, take.unit_names, take.weights, lips, state.ranges)
    units = _units(part, result, least)
    covered = frozenset() if mapping is None else mapping.units(take.unit_names)
    driven = match_units(take.unit_names, state.driven)
    covered |= driven.keys() | set(state.names)
    wanted = _wanted(policy, mapping, state, take.unit_names) - covered
    missing = [unit for unit in units if unit.name in wanted and unit.is_worth_a_key]
    only_ours = state.made.issuperset(values) and (values or missing)
    extra = _correctives(part, result, least) if only_ours else []
    values |= {shape.name: shape.weights for shape in extra if shape.name in state.names}
    if policy != "SKIP":
        missing += [shape for shape in extra if shape.name not in state.names and shape.is_worth_a_key]
    return plan_keys(thing, state, values, (*units, *extra), missing, driven.values())


def _mapping(thing: bpy.types.Object, state: KeyState, units: Sequence[str]) -> RigMapping | None:
    """What drives the object's keys. Where the user brought visemes, units that an earlier take made for the
    mouth would open it twice."""
    mapping = mapping_of(thing, units)
    own = _own(mapping, state)
    if mapping is None or own is None or own.kind != VISEME_KIND:
        return mapping
    keys = tuple(key for key in mapping.keys if key.key not in state.made or not key.drive.startswith(MOUTH))
    return replace(mapping, keys=keys)


def _own(mapping: RigMapping | None, state: KeyState) -> RigMapping | None:
    """The part of a mapping that is about keys which the user brought."""
    if mapping is None:
        return None
    keys = tuple(key for key in mapping.keys if key.key not in state.made)
    return replace(mapping, keys=keys) if keys else None


def _wanted(policy: str, mapping: RigMapping | None, state: KeyState, units: Sequence[str]) -> frozenset[str]:
    """The units that may get keys by the head's setting for missing ones."""
    own = _own(mapping, state)
    if policy == "SKIP" or (policy == "AUTO" and own is not None and own.covers_mouth(units)):
        return frozenset()
    if own is not None and own.kind == VISEME_KIND:
        return frozenset(unit for unit in units if not unit.startswith(MOUTH))
    return frozenset(units)


def _units(part: PartSlice, result: JobResult, least: float) -> list[Shape]:
    """The take's units on one object."""
    names = result.take.unit_names
    return _shapes(part, names, result.unit_deltas, result.take.weights, 0.0, [least] * len(names))


def _correctives(part: PartSlice, result: JobResult, least: float) -> list[Shape]:
    """The take's correctives on one object; none where it has none."""
    take, deltas = result.take, result.corrective_deltas
    if deltas is None or take.corrective_names is None or take.corrective_weights is None:
        return []
    names = [CORRECTIVE + name for name in take.corrective_names]
    limits = [max(least, SHARE * largest(each)) for each in deltas]
    return _shapes(part, names, deltas, take.corrective_weights, -1.0, limits)


def _shapes(
    part: PartSlice,
    names: Sequence[str],
    deltas: Floats,
    weights: Floats,
    lowest: float,
    limits: Sequence[float],
) -> list[Shape]:
    """Motion (K, V', 3) in the face's space as shapes of one object; `limits` (K,) are in the face's space
    too."""
    own = deltas[:, part.start : part.stop]
    if not np.array_equal(part.turn, np.eye(3)):
        own = own @ part.turn
    scale = float(np.abs(np.linalg.det(part.turn.astype(np.float64))) ** (1 / 3))
    return [
        Shape(name, own[number], weights[:, number], lowest, scale * limits[number])
        for number, name in enumerate(names)
    ]


def _nothing_to_move(face: bpy.types.Object, plans: Sequence[KeyPlan]) -> str:
    if any(plan.driven or plan.locked for plan in plans):
        return (
            f"All shape keys of “{face.name}” that speech moves have drivers or locked curves: remove or "
            "unlock some."
        )
    return f"“{face.name}” has no shape keys that speech moves: let MeshTalk make the missing ones."


def _count(number: int) -> str:
    return f"{number} shape key{'s' if number != 1 else ''}"


def _have(number: int) -> str:
    return "have" if number != 1 else "has"


def _were(number: int) -> str:
    return "were" if number != 1 else "was"
