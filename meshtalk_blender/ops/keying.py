# SPDX-License-Identifier: GPL-3.0-or-later
"""What a take does to each object of a head: decided here, before anything is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import bpy
import numpy as np
from numpy.typing import NDArray

from ...engine.rigs.mapping import MOUTH, VISEME_KIND, KeyDrive, RigMapping, units_of
from ...engine.rigs.own_shapes import OwnShapes
from ..scene.actions import locked_paths
from ..scene.errors import SceneError
from ..scene.mapping import mapping_of
from ..scene.mesh import PartSlice, RestPose
from ..scene.names import match_units
from ..scene.recipe import LAYER, Recipe
from ..scene.shape_keys import KeyPlan, KeyState, Shape, largest, plan_keys, read_state, value_path

Floats = NDArray[np.float32]

CORRECTIVE = "MeshTalk Corrective "
"""Corrective keys are called so, and by their name in the model: each means the same shape in every take."""

MOST_NAMES = 4
"""So many names of what a head lacks are told."""

LEAST = 2e-3
"""A shape moves an object when a vertex moves by this part of the head's largest motion (0.07 mm)."""


SHARE = 0.3
"""A corrective is written on the objects that it moves by this part of its largest motion: lower teeth get
those of the jaw, and not those of the lips that the jaw hardly answers."""


@dataclass(frozen=True, eq=False)
class Motion:
    """What a model can do to a head: displacements (U, V', 3) of its units and (K, V', 3) of the correctives
    that a take uses, in the space of the head's rest pose. One that `is_part` of a performance leaves all
    other keys alone."""

    unit_names: tuple[str, ...]
    unit_deltas: Floats
    corrective_names: tuple[str, ...] = ()
    corrective_deltas: Floats | None = None
    is_part: bool = False
    own_shapes: OwnShapes | None = None

    @property
    def is_layer(self) -> bool:
        """Whether it plays on top of what moves the head, with keys of its own."""
        return not self.unit_names

    @cached_property
    def least(self) -> float:
        """A vertex moves visibly from here on."""
        deltas = self.corrective_deltas if self.is_layer else self.unit_deltas
        return LEAST * max((largest(each) for each in (() if deltas is None else deltas)), default=0.0)


@dataclass(frozen=True, eq=False)
class ObjectPlan:
    """What a take does to one object: to its `keys`, and the `recipe` of their curves; how many keys of its
    `own` it drives, and the units that would move it and stay `lacking`."""

    keys: KeyPlan
    recipe: Recipe
    own: int = 0
    lacking: tuple[str, ...] = ()

    @property
    def thing(self) -> bpy.types.Object:
        """The object."""
        return self.keys.thing


def plan_objects(
    objects: Mapping[int, bpy.types.Object], rest: RestPose, motion: Motion
) -> tuple[ObjectPlan, ...]:
    """The plan of each object that the take moves, the face first; `objects` by the session_uid that the
    slices of `rest` name. SceneError when the take would move nothing at all."""
    face = objects[rest.slices[0].object_uid]
    parts = [(objects[part.object_uid], part) for part in rest.slices if part.object_uid in objects]
    if motion.is_layer:
        plans = [_plan_layer(thing, part, motion) for thing, part in parts]
    else:
        policy = face.meshtalk.missing_units
        plans = _matched([_plan_object(thing, part, motion, policy) for thing, part in parts], motion)
    moved = tuple(plan for plan in plans if plan.recipe.paths)
    if not moved:
        raise SceneError(_nothing_to_move(face, [plan.keys for plan in plans]))
    return moved


def _matched(plans: list[ObjectPlan], motion: Motion) -> list[ObjectPlan]:
    """The plans with values matched to the shapes of the face's own keys. Other objects' keys of the same
    names take the same values; units that keys of the model's own shape show are left to those."""
    if motion.own_shapes is None:
        return plans
    known = motion.own_shapes.drives
    others = [entry.drive for entry in plans[0].recipe.drives if entry not in known]
    own = motion.own_shapes.without_units(others)
    return [
        replace(plan, recipe=replace(plan.recipe, own=own))
        if any(entry in known for entry in plan.recipe.drives)
        else plan
        for plan in plans
    ]


def summary(plans: Sequence[KeyPlan], used: int, left_mm: float | None) -> str:
    """What was made of the plans, for the user; `used` correctives move, and `left_mm` is what they leave of
    the motion at the lips."""
    made, renewed, driven, locked, sculpted = (
        sum(len(getattr(plan, what)) for plan in plans)
        for what in ("fresh", "renewed", "driven", "locked", "sculpted")
    )
    text = f" on {len(plans)} objects" if len(plans) > 1 else ""
    text += f", {_count(made)} made" if made else ""
    text += f", {_count(renewed)} renewed" if renewed else ""
    if used == 1 and left_mm is not None:
        text += f", 1 corrective leaves {left_mm:.2f} mm at the lips"
    elif used and left_mm is not None:
        text += f", {used} correctives leave {left_mm:.2f} mm at the lips"
    text += f"; {_count(driven)} {_have(driven)} drivers and {_were(driven)} left to them" if driven else ""
    text += (
        f"; {_count(locked)} {_have(locked)} a locked curve and {_were(locked)} left alone" if locked else ""
    )
    if sculpted:
        text += f"; {_count(sculpted)} kept as changed since MeshTalk made {'them' if sculpted > 1 else 'it'}"
        text += " (delete to have made anew)"
    return text


def own_note(face: ObjectPlan) -> str:
    """How many of a head's own keys are driven, and for what it has none; nothing where it brings none."""
    if face.own == 0:
        return ""
    text = f", {_count(face.own)} of its own driven"
    if not face.lacking:
        return text
    names = ", ".join(face.lacking[:MOST_NAMES])
    more = len(face.lacking) - MOST_NAMES
    return text + (f"; none for {names} and {more} more" if more > 0 else f"; none for {names}")


def _plan_layer(thing: bpy.types.Object, part: PartSlice, motion: Motion) -> ObjectPlan:
    """Keys of their own for each shape; all others are left as they are."""
    state = read_state(thing)
    made = frozenset(name for name in state.made if name.startswith(LAYER))
    shapes = _correctives(part, motion, LAYER)
    used = [shape for shape in shapes if shape.name in state.names or shape.is_worth_a_key]
    missing = [shape for shape in used if shape.name not in state.names]
    moved = tuple(shape.name for shape in used)
    keys = plan_keys(thing, replace(state, made=made), moved, shapes, missing)
    recipe = Recipe(correctives=tuple((name, name.removeprefix(LAYER)) for name in keys.moved))
    return ObjectPlan(keys, recipe.resting([value_path(name) for name in keys.idle]))


def _plan_object(thing: bpy.types.Object, part: PartSlice, motion: Motion, policy: str) -> ObjectPlan:
    names = motion.unit_names
    state = read_state(thing, locked_paths(thing.data.shape_keys))
    mapping = _mapping(thing, state, names)
    drives = () if mapping is None else _known(mapping, names)
    units = _units(part, motion)
    covered = frozenset() if mapping is None else mapping.units(names)
    driven = match_units(names, state.driven)
    covered |= driven.keys() | set(state.names)
    wanted = _wanted(policy, mapping, state, names) - covered
    missing = [unit for unit in units if unit.name in wanted and unit.is_worth_a_key]
    drives += tuple(KeyDrive(unit.name, unit.name) for unit in missing)
    only_ours = bool(drives) and state.made.union(unit.name for unit in missing).issuperset(
        entry.key for entry in drives
    )
    extra = _correctives(part, motion, CORRECTIVE) if only_ours else []
    used = [shape for shape in extra if shape.name in state.names]
    if policy != "SKIP":
        fresh = [shape for shape in extra if shape.name not in state.names and shape.is_worth_a_key]
        used, missing = used + fresh, missing + fresh
    moved = (*(entry.key for entry in drives), *(shape.name for shape in used))
    keys = plan_keys(thing, state, tuple(dict.fromkeys(moved)), (*units, *extra), missing, driven.values())
    correctives = tuple((shape.name, shape.name.removeprefix(CORRECTIVE)) for shape in used)
    recipe = Recipe(drives, correctives).without(set(moved).difference(keys.moved))
    idle = () if motion.is_part else keys.idle
    made = state.made.union(shape.name for shape in keys.fresh)
    own = sum(name not in made for name in keys.moved)
    there = covered.union(unit.name for unit in missing)
    lacking = tuple(unit.name for unit in units if unit.is_worth_a_key and unit.name not in there)
    return ObjectPlan(keys, recipe.resting([value_path(name) for name in idle]), own, lacking)


def _known(mapping: RigMapping, names: Sequence[str]) -> tuple[KeyDrive, ...]:
    """The keys that are on, and that this model can move."""
    return tuple(entry for entry in mapping.used if entry.is_viseme or units_of(entry.drive, names))


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


def _units(part: PartSlice, motion: Motion) -> list[Shape]:
    """The take's units on one object."""
    names = motion.unit_names
    return _shapes(part, names, motion.unit_deltas, 0.0, [motion.least] * len(names))


def _correctives(part: PartSlice, motion: Motion, prefix: str) -> list[Shape]:
    """The take's correctives on one object; none where it has none."""
    deltas = motion.corrective_deltas
    if deltas is None:
        return []
    names = [prefix + name for name in motion.corrective_names]
    limits = [max(motion.least, SHARE * largest(each)) for each in deltas]
    return _shapes(part, names, deltas, -1.0, limits)


def _shapes(
    part: PartSlice, names: Sequence[str], deltas: Floats, lowest: float, limits: Sequence[float]
) -> list[Shape]:
    """Motion (K, V', 3) in the rest pose's space as shapes of one object; `limits` (K,) are in that space
    too."""
    own = deltas[:, part.start : part.stop]
    if not np.array_equal(part.turn, np.eye(3)):
        own = own @ part.turn
    scale = float(np.abs(np.linalg.det(part.turn.astype(np.float64))) ** (1 / 3))
    return [Shape(name, own[number], lowest, scale * limits[number]) for number, name in enumerate(names)]


def _nothing_to_move(face: bpy.types.Object, plans: Sequence[KeyPlan]) -> str:
    if any(plan.driven or plan.locked for plan in plans):
        return (
            f"All shape keys of “{face.name}” that speech moves have drivers or locked curves: remove or "
            "unlock some."
        )
    return f"“{face.name}” has no shape keys that speech moves: let MeshTalk make the missing ones."


def _count(number: int) -> str:
    return f"{number} {'shape keys' if number != 1 else 'shape key'}"


def _have(number: int) -> str:
    return "have" if number != 1 else "has"


def _were(number: int) -> str:
    return "were" if number != 1 else "was"
