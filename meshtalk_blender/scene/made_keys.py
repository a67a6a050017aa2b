# SPDX-License-Identifier: GPL-3.0-or-later
"""Remembers the shape keys that the add-on made, and tells whether somebody has changed their shape since.

Blender offsets every key when the basis is edited, and rounds while it does; so what is kept of a shape is a
few random sums of its displacements, compared with a tolerance far below anything that an eye can see.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import bpy
import numpy as np
from numpy.typing import NDArray

from ..ids import TAG

Floats = NDArray[np.float32]

SUMS = 4
"""Random sums per shape: a change of one vertex must not slip through a weight near zero."""

ROUNDING = 4e-7
"""What float32 may lose per coordinate, as a part of the largest coordinate, with some room."""


def made_names(keys: bpy.types.Key | None) -> tuple[str, ...]:
    """The keys that the add-on made and that are still there."""
    if keys is None or TAG not in keys:
        return ()
    return tuple(name for name in keys[TAG]["made"] if name in keys.key_blocks)


def untouched(keys: bpy.types.Key) -> frozenset[str]:
    """Those of the made keys whose shape is still the one that the add-on gave them; a locked key, and one of
    a mesh whose vertices became more or fewer since, isn't among them."""
    known, tolerance = _known_sums(keys), _tolerance(keys)
    names = [name for name in made_names(keys) if name in known and not keys.key_blocks[name].lock_shape]
    sums = sums_of(read_displacements(keys, names))
    return frozenset(
        name for name, now in zip(names, sums, strict=True) if np.abs(now - known[name]).max() <= tolerance
    )


def renamed_keys(keys: bpy.types.Key) -> dict[str, str]:
    """New names by old ones of made keys that are gone, and whose shape exactly one other key has."""
    known = {name: sums for name, sums in _known_sums(keys).items() if name not in keys.key_blocks}
    if not known:
        return {}
    made, tolerance = made_names(keys), _tolerance(keys)
    names = [block.name for block in keys.key_blocks if block.name not in made]
    sums = sums_of(read_displacements(keys, names))
    found = {}
    for old, was in known.items():
        if np.abs(was).max() <= tolerance:  # as many a key without a shape
            continue
        same = [new for new, now in zip(names, sums, strict=True) if np.abs(now - was).max() <= tolerance]
        if len(same) == 1:
            found[old] = same[0]
    return {old: new for old, new in found.items() if list(found.values()).count(new) == 1}


def _known_sums(keys: bpy.types.Key) -> dict[str, NDArray[np.float64]]:
    """What the made keys' shapes summed up to; nothing where the mesh has other vertices now."""
    tag = keys.get(TAG)
    if tag is None or tag.get("vertices", 0) != len(keys.reference_key.data) or "sums" not in tag:
        return {}
    return dict(zip(tag["made"], np.array(tag["sums"]).reshape(-1, SUMS), strict=True))


def _tolerance(keys: bpy.types.Key) -> float:
    reference = read_shape(keys.reference_key)
    return ROUNDING * float(np.abs(reference).max()) * float(np.sqrt(reference.size))


def remember(keys: bpy.types.Key, shapes: Mapping[str, Floats]) -> None:
    """Note that the add-on has just given these displacements (V, 3) to keys, by name, new or not."""
    tag = keys.get(TAG)
    known: dict[str, NDArray[np.float64]] = {}
    if tag is not None:
        sums = np.array(tag.get("sums", ())).reshape(-1, SUMS)
        blank = np.full(SUMS, np.nan)  # equals nothing: such a key counts as changed
        padded = [*sums, *[blank] * len(tag["made"])]
        same = tag.get("vertices", 0) == len(keys.reference_key.data)
        known = {name: padded[number] if same else blank for number, name in enumerate(tag["made"])}
    if not shapes and not known:
        return
    known.update(zip(shapes, sums_of(list(shapes.values())), strict=True))
    known = {name: value for name, value in known.items() if name in keys.key_blocks}
    keys[TAG] = {
        "format": 1,
        "made": list(known),
        "sums": np.concatenate([np.zeros(0), *known.values()]).tolist(),
        "vertices": len(keys.reference_key.data),
    }


def read_shape(block: bpy.types.ShapeKey) -> Floats:
    """The positions (V, 3) of a key."""
    flat = np.empty(len(block.points) * 3, np.float32)
    block.points.foreach_get("co", flat)
    return flat.reshape(-1, 3)


def read_displacements(keys: bpy.types.Key, names: Iterable[str]) -> list[Floats]:
    """What each key adds (V, 3) to the key that it is relative to."""
    blocks = [keys.key_blocks[name] for name in names]
    bases = {block.relative_key.name: read_shape(block.relative_key) for block in blocks}
    return [read_shape(block) - bases[block.relative_key.name] for block in blocks]


def sums_of(displacements: Sequence[Floats]) -> NDArray[np.float64]:
    """The random sums (K, SUMS) of displacements (K, V, 3)."""
    sums = [each.astype(np.float64).ravel() @ _weights(each.size) for each in displacements]
    return np.array(sums).reshape(-1, SUMS)


@lru_cache(maxsize=4)
def _weights(count: int) -> NDArray[np.float64]:
    return np.random.default_rng(7).standard_normal((count, SUMS))


__all__ = [
    "made_names",
    "read_displacements",
    "read_shape",
    "remember",
    "renamed_keys",
    "sums_of",
    "untouched",
]
