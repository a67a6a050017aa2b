# SPDX-License-Identifier: GPL-3.0-or-later
"""Which shape keys of one object a take moves: those that are there, those that are made or renewed.

Everything is decided in `plan_keys` before anything is changed in `apply_keys`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from .made_keys import made_names, read_displacements, read_shape, remember, untouched

Floats = NDArray[np.float32]

SAME = 1e-6
"""A made key is renewed when its shape changed by more than this part of the mesh's size."""


@dataclass(frozen=True, eq=False)
class Shape:
    """One shape of a take on one object: displacements (V', 3) in its object space, with weights from
    `lowest` to 1. Where no vertex moves further than `least` it needs no key."""

    name: str
    deltas: Floats
    lowest: float = 0.0
    least: float = 0.0

    @property
    def is_worth_a_key(self) -> bool:
        """Whether the object moves visibly under it."""
        return largest(self.deltas) > self.least


@dataclass(frozen=True)
class KeyState:
    """An object's keys apart from its basis: their `names`, slider `ranges`, those that `made` by the add-on,
    and those whose values are `driven` by drivers or `locked` in the Action that plays now."""

    names: tuple[str, ...] = ()
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    made: frozenset[str] = frozenset()
    driven: frozenset[str] = frozenset()
    locked: frozenset[str] = frozenset()

    @property
    def own(self) -> tuple[str, ...]:
        """The keys that the user brought."""
        return tuple(name for name in self.names if name not in self.made)


@dataclass(frozen=True, eq=False)
class KeyPlan:
    """What a take does to the keys of one object: it animates those in `moved` and rests those in `idle`;
    `fresh` shapes become keys, `renewed` ones replace what an earlier binding made; `driven`, `locked` and
    `sculpted` keys are left as they are."""

    thing: bpy.types.Object
    moved: tuple[str, ...]
    idle: tuple[str, ...] = ()
    fresh: tuple[Shape, ...] = ()
    renewed: tuple[Shape, ...] = ()
    driven: tuple[str, ...] = ()
    locked: tuple[str, ...] = ()
    sculpted: tuple[str, ...] = ()


def largest(deltas: Floats) -> float:
    """The largest length of displacements (V, 3)."""
    return float(np.sqrt(np.einsum("vc,vc->v", deltas, deltas).max(initial=0.0)))


def value_path(key_name: str) -> str:
    """RNA path of a shape key's value, from its Key datablock."""
    return f'key_blocks["{bpy.utils.escape_identifier(key_name)}"].value'


def read_state(thing: bpy.types.Object, locked_paths: Iterable[str] = ()) -> KeyState:
    """The keys of an object as they are now; `locked_paths` are those of locked F-curves."""
    keys = thing.data.shape_keys
    if keys is None:
        return KeyState()
    blocks = [block for block in keys.key_blocks if block != keys.reference_key]
    names = tuple(block.name for block in blocks)
    locked = set(locked_paths)
    return KeyState(
        names,
        {block.name: (block.slider_min, block.slider_max) for block in blocks},
        frozenset(made_names(keys)),
        _driven(keys, names),
        frozenset(name for name in names if value_path(name) in locked),
    )


def plan_keys(
    thing: bpy.types.Object,
    state: KeyState,
    moved: Sequence[str],
    shapes: Sequence[Shape],
    missing: Sequence[Shape],
    driven: Iterable[str] = (),
) -> KeyPlan:
    """Animate the keys `moved`; those of them that are `missing` are made from these shapes, and other keys
    that the add-on made rest.

    `shapes` are all that the take has for this object: keys that the add-on made for one of them follow a new
    binding. `driven` are keys that the take would move, had they no drivers.
    """
    ours = {shape.name: shape for shape in shapes if shape.name in state.made and shape.name in moved}
    renewed, sculpted = _renewals(thing, ours)
    held = state.driven | state.locked
    idle = tuple(name for name in sorted(state.made - held) if name not in moved) if moved else ()
    kept = tuple(name for name in moved if name not in held)
    locked = tuple(name for name in moved if name in state.locked)
    return KeyPlan(thing, kept, idle, tuple(missing), renewed, tuple(driven), locked, sculpted)


def apply_keys(plan: KeyPlan) -> None:
    """Make and renew the plan's keys; the values of those that are there stay as they are."""
    thing = plan.thing
    if not plan.fresh and not plan.renewed:
        return
    if thing.data.shape_keys is None:
        thing.shape_key_add(name="Basis", from_mix=False)
    keys: Any = thing.data.shape_keys
    rest = read_shape(keys.reference_key)
    names = {_make_key(thing, shape, rest): shape.deltas for shape in plan.fresh}
    for shape in plan.renewed:
        _write_shape(keys.key_blocks[shape.name], read_shape(keys.key_blocks[shape.name].relative_key), shape)
        names[shape.name] = shape.deltas
    remember(keys, names)
    thing.data.update()


def _renewals(
    thing: bpy.types.Object, shapes: Mapping[str, Shape]
) -> tuple[tuple[Shape, ...], tuple[str, ...]]:
    """Which of our keys get another shape now; and which would, had nobody changed them since."""
    if not shapes:
        return (), ()
    keys = thing.data.shape_keys
    now = read_displacements(keys, shapes)
    most = SAME * float(np.ptp(read_shape(keys.reference_key), axis=0).max())
    changed = [
        name
        for (name, shape), was in zip(shapes.items(), now, strict=True)
        if largest(was - shape.deltas) > most
    ]
    ours = untouched(keys) if changed else frozenset()
    renewed = tuple(shapes[name] for name in changed if name in ours)
    return renewed, tuple(name for name in changed if name not in ours)


def _make_key(thing: bpy.types.Object, shape: Shape, rest: Floats) -> str:
    block = thing.shape_key_add(name=shape.name, from_mix=False)
    block.relative_key = thing.data.shape_keys.reference_key
    block.slider_min, block.slider_max = shape.lowest, 1.0
    _write_shape(block, rest, shape)
    block.value = 0.0  # 5.0 and later make new keys at 1
    return block.name


def _write_shape(block: bpy.types.ShapeKey, rest: Floats, shape: Shape) -> None:
    block.points.foreach_set("co", np.ascontiguousarray(rest + shape.deltas, np.float32).ravel())


def _driven(keys: bpy.types.Key, names: Iterable[str]) -> frozenset[str]:
    if keys.animation_data is None:
        return frozenset()
    paths = {driver.data_path for driver in keys.animation_data.drivers}
    return frozenset(name for name in names if value_path(name) in paths)
