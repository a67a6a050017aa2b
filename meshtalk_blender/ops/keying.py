# SPDX-License-Identifier: GPL-3.0-or-later
"""What a take does to each object of a head: decided here, before anything is changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import bpy
import numpy as np
from numpy.typing import NDArray

from ..scene.actions import locked_paths
from ..scene.errors import SceneError
from ..scene.mesh import PartSlice, RestPose
from ..scene.shape_keys import KeyPlan, Shape, plan_keys, read_state
from .job import JobResult

Floats = NDArray[np.float32]

CORRECTIVE = "MeshTalk Corrective "
"""Corrective keys are called so, and by their name in the model: each means the same shape in every take."""

LEAST = 1e-3
"""A shape moves an object when a vertex moves by this part of the head's largest motion (0.03 mm)."""


def plan_objects(
    objects: Mapping[int, bpy.types.Object], rest: RestPose, result: JobResult
) -> tuple[KeyPlan, ...]:
    """The plan of each object that the take moves, the face first; `objects` by the session_uid that the
    slices of `rest` name. SceneError when the take would move nothing at all."""
    face = objects[rest.slices[0].object_uid]
    least = LEAST * float(np.sqrt(np.square(result.unit_deltas).sum(axis=2).max()))
    plans = [
        _plan_object(objects[part.object_uid], part, result, face.meshtalk.missing_units != "SKIP", least)
        for part in rest.slices
        if part.object_uid in objects
    ]
    moved = tuple(plan for plan in plans if plan.curves)
    if not moved:
        raise SceneError(_nothing_to_move(face, plans))
    return moved


def summary(plans: Sequence[KeyPlan]) -> str:
    """What was made of the plans, for the user."""
    made, renewed, driven, locked, sculpted = (
        sum(len(getattr(plan, what)) for plan in plans)
        for what in ("fresh", "renewed", "driven", "locked", "sculpted")
    )
    text = f" on {len(plans)} objects" if len(plans) > 1 else ""
    text += f", {_count(made)} made" if made else ""
    text += f", {_count(renewed)} renewed" if renewed else ""
    text += f"; {_count(driven)} {_have(driven)} drivers and {_were(driven)} left to them" if driven else ""
    text += (
        f"; {_count(locked)} {_have(locked)} a locked curve and {_were(locked)} left alone" if locked else ""
    )
    text += f"; {_count(sculpted)} kept as you shaped {'them' if sculpted > 1 else 'it'}" if sculpted else ""
    return text


def _plan_object(
    thing: bpy.types.Object, part: PartSlice, result: JobResult, make: bool, least: float
) -> KeyPlan:
    state = read_state(thing, locked_paths(thing.data.shape_keys))
    units = list(_shapes(part, result.take.unit_names, result.unit_deltas, result.take.weights, 0.0))
    scale = float(np.abs(np.linalg.det(part.turn.astype(np.float64))) ** (1 / 3))
    return plan_keys(thing, state, units, _correctives(part, result), make=make, least=least * scale)


def _correctives(part: PartSlice, result: JobResult) -> list[Shape]:
    take, deltas = result.take, result.corrective_deltas
    if deltas is None or take.corrective_names is None or take.corrective_weights is None:
        return []
    names = [CORRECTIVE + name for name in take.corrective_names]
    return list(_shapes(part, names, deltas, take.corrective_weights, -1.0))


def _shapes(
    part: PartSlice, names: Sequence[str], deltas: Floats, weights: Floats, lowest: float
) -> Iterator[Shape]:
    own = deltas[:, part.start : part.stop]
    if not np.array_equal(part.turn, np.eye(3)):
        own = own @ part.turn
    for number, name in enumerate(names):
        yield Shape(name, own[number], weights[:, number], lowest)


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
