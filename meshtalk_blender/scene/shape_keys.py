# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds and makes the shape keys that carry the units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from ..ids import TAG
from .mesh import read_vertices
from .names import match_units


@dataclass(frozen=True)
class UnitKeys:
    """Shape-key names by unit: `names` in the units' order; `made` are new, `driven` follow drivers of the
    rig."""

    names: tuple[str, ...]
    made: tuple[str, ...]
    driven: frozenset[str]


def value_path(key_name: str) -> str:
    """RNA path of a shape key's value, from its Key datablock."""
    return f'key_blocks["{bpy.utils.escape_identifier(key_name)}"].value'


def existing_keys(head: bpy.types.Object, units: Sequence[str]) -> dict[str, str]:
    """The units that the mesh has keys for already, in any spelling, with the keys' names."""
    keys = head.data.shape_keys
    if keys is None:
        return {}
    return match_units(units, [block.name for block in keys.key_blocks if block != keys.reference_key])


def ensure_unit_keys(head: bpy.types.Object, units: Sequence[str], deltas: NDArray[np.float32]) -> UnitKeys:
    """Find each unit's key, or make it from `deltas` (U, V', 3) in object space; the keys' values stay as
    they are."""
    found = existing_keys(head, units)
    rest = read_vertices(head.data)
    if head.data.shape_keys is None:
        head.shape_key_add(name="Basis", from_mix=False)
    made = []
    for unit, delta in zip(units, deltas, strict=True):
        if unit not in found:
            found[unit] = _make_key(head, unit, rest + delta)
            made.append(found[unit])
    for name in found.values():
        _widen_slider(head.data.shape_keys.key_blocks[name])
    _record(head.data.shape_keys, made)
    head.data.update()
    return UnitKeys(
        tuple(found[unit] for unit in units), tuple(made), _driven(head.data.shape_keys, found.values())
    )


def _make_key(head: bpy.types.Object, unit: str, positions: NDArray[np.float32]) -> str:
    block = head.shape_key_add(name=unit, from_mix=False)
    block.relative_key = head.data.shape_keys.reference_key
    block.data.foreach_set("co", np.ascontiguousarray(positions, np.float32).ravel())
    block.value = 0.0  # 5.0 and later make new keys at 1
    return block.name


def _widen_slider(block: bpy.types.ShapeKey) -> None:
    """Animated values are clamped to the slider's range, so it must hold 0 to 1; a wider one stays."""
    if block.slider_min > 0.0:
        block.slider_min = 0.0
    if block.slider_max < 1.0:
        block.slider_max = 1.0


def _record(keys: bpy.types.Key, made: Sequence[str]) -> None:
    before = keys.get(TAG)
    earlier = list(before["made"]) if before is not None else []
    if made or earlier:
        keys[TAG] = {"format": 1, "made": [*earlier, *(name for name in made if name not in earlier)]}


def _driven(keys: bpy.types.Key, names: object) -> frozenset[str]:
    if keys.animation_data is None:
        return frozenset()
    paths = {driver.data_path for driver in keys.animation_data.drivers}
    return frozenset(name for name in names if value_path(name) in paths)
