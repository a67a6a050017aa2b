# SPDX-License-Identifier: GPL-3.0-or-later
"""What drives the shape keys that a mesh already has: by their names, by a preset, or as its user set it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bpy

from ...engine.rigs import Preset, RigMapping, recognise
from ...engine.rigs.presets import read_presets
from ...engine.rigs.recognise import apply_preset
from ..ids import EXTENSION_ID

BUILT_IN = Path(__file__).resolve().parents[1] / "presets" / "mappings"
FOLDER = "mappings"


def mapping_of(head: bpy.types.Object, unit_names: Sequence[str]) -> RigMapping | None:
    """What drives the keys of this mesh, without those that have drivers of their own; None where it has no
    key that is known."""
    names = free_keys(head)
    presets, _problems = all_presets()
    chosen = head.meshtalk.mapping
    picked = next((preset for preset in presets if preset.name == chosen), None) if chosen else None
    if picked is not None:
        return apply_preset(picked, names, unit_names)
    return recognise(names, unit_names, presets)


def key_ranges(head: bpy.types.Object) -> dict[str, tuple[float, float]]:
    """Slider range of each shape key of a mesh, by name."""
    keys = head.data.shape_keys
    return {block.name: (block.slider_min, block.slider_max) for block in keys.key_blocks} if keys else {}


def free_keys(head: bpy.types.Object) -> list[str]:
    """The names of a mesh's shape keys that can be keyed: not the basis, and none with a driver."""
    keys = head.data.shape_keys
    if keys is None:
        return []
    driven = {driver.data_path for driver in keys.animation_data.drivers} if keys.animation_data else set()
    return [
        block.name
        for block in keys.key_blocks
        if block != keys.reference_key and _value_path(block.name) not in driven
    ]


def all_presets() -> tuple[list[Preset], list[str]]:
    """The user's own presets, then those that come with the add-on, and a sentence for each file that can't
    be used."""
    own, own_problems = read_presets(folder) if (folder := user_folder()) else ([], [])
    given, problems = read_presets(BUILT_IN)
    return own + given, own_problems + problems


def user_folder(create: bool = False) -> Path | None:
    """Where the user's own presets are; None where Blender runs the add-on without having installed it."""
    try:
        return Path(bpy.utils.extension_path_user(EXTENSION_ID, path=FOLDER, create=create))
    except ValueError:  # not an installed extension
        return None


def _value_path(key_name: str) -> str:
    return f'key_blocks["{bpy.utils.escape_identifier(key_name)}"].value'
