# SPDX-License-Identifier: GPL-3.0-or-later
"""What drives the shape keys that a mesh already has: as its user set it, by a preset, or by their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import bpy

from ...engine.rigs.mapping import UNITS, VISEME_KIND, KeyDrive, Preset, PresetKey, RigMapping, units_of
from ...engine.rigs.presets import RigError, preset_text, read_preset, read_presets
from ...engine.rigs.recognise import apply_preset, recognise
from .errors import SceneError
from .own_files import Stamp, fresh_file, json_files, own_folder, stamp
from .parts import face_of

BUILT_IN = Path(__file__).resolve().parents[1] / "presets" / "mappings"
FOLDER = "mappings"
EDITED = "Edited"
LONGEST = 60


def mapping_of(head: bpy.types.Object, unit_names: Sequence[str]) -> RigMapping | None:
    """What drives the keys of this mesh, without those that have drivers of their own; None where it has no
    key that is known."""
    names = free_keys(head)
    boss = _boss(head)
    edited = _edited(boss, frozenset(names), unit_names) if is_edited(boss) else None
    if edited is not None or (is_edited(boss) and boss == head):
        return edited
    return _found(tuple(names), tuple(unit_names), boss.meshtalk.mapping, *_stamps())


def is_edited(head: bpy.types.Object) -> bool:
    """Whether the user edits this mesh's mapping by hand."""
    return bool(head.meshtalk_mapping.entries)


def edit_mapping(head: bpy.types.Object, unit_names: Sequence[str]) -> int:
    """Put every key that can be keyed into the mesh's own list, as it is driven now, and drop those that are
    gone. Gives how many were added."""
    found = mapping_of(head, unit_names)
    drives = {entry.key: entry for entry in found.keys} if found else {}
    listed, names = head.meshtalk_mapping.entries, free_keys(head)
    for number in reversed(range(len(listed))):
        if listed[number].name not in names:
            listed.remove(number)
    fresh = [name for name in names if name not in listed]
    for name in fresh:
        entry, known = listed.add(), drives.get(name)
        entry.name = name
        if known is not None:
            entry.drive, entry.gain, entry.on = known.drive, known.gain, known.on
    return len(fresh)


def choose_mapping(head: bpy.types.Object, name: str) -> None:
    """Let a preset decide for this mesh, or with no name the names of its keys; edits are dropped."""
    head.meshtalk_mapping.entries.clear()
    head.meshtalk_mapping.active = 0
    head.meshtalk.mapping = name


def is_missing(head: bpy.types.Object) -> bool:
    """Whether this mesh wants a preset that isn't on this machine."""
    wanted = head.meshtalk.mapping
    return bool(wanted) and all(preset.name != wanted for preset in all_presets()[0])


def key_ranges(head: bpy.types.Object) -> dict[str, tuple[float, float]]:
    """Slider range of each shape key of a mesh, by name."""
    keys = head.data.shape_keys
    return {block.name: (block.slider_min, block.slider_max) for block in keys.key_blocks} if keys else {}


def free_keys(head: bpy.types.Object) -> list[str]:
    """The names of a mesh's shape keys that can be keyed: not the basis, and none with a driver."""
    keys = head.data.shape_keys
    if keys is None:
        return []
    driven = driven_keys(head)
    return [
        block.name for block in keys.key_blocks if block != keys.reference_key and block.name not in driven
    ]


def driven_keys(head: bpy.types.Object) -> frozenset[str]:
    """The names of a mesh's shape keys whose values follow drivers."""
    keys = head.data.shape_keys
    if keys is None or keys.animation_data is None:
        return frozenset()
    paths = {driver.data_path for driver in keys.animation_data.drivers}
    return frozenset(block.name for block in keys.key_blocks if _value_path(block.name) in paths)


def all_presets() -> tuple[list[Preset], list[str]]:
    """The user's own presets, then those that come with the add-on, and a sentence for each file that can't
    be used."""
    own, problems = own_presets()
    given, given_problems = _read(BUILT_IN, stamp(BUILT_IN))
    taken = {preset.name for preset in own}
    return [*own, *(preset for preset in given if preset.name not in taken)], problems + given_problems


def own_presets() -> tuple[list[Preset], list[str]]:
    """The presets that the user saved, and a sentence for each file that can't be used."""
    folder = user_folder()
    return _read(folder, stamp(folder)) if folder is not None else ([], [])


def save_preset(head: bpy.types.Object, name: str, unit_names: Sequence[str]) -> Path:
    """Write the mesh's mapping as a preset of the user's own and let the mesh use it. Raises SceneError."""
    mapping, name = mapping_of(head, unit_names), name.strip()
    if mapping is None:
        raise SceneError("No shape key is driven: choose what drives one before saving.")
    if not name or len(name) > LONGEST:
        raise SceneError(f"Give the mapping a name of 1 to {LONGEST} letters.")
    if any(preset.name.lower() == name.lower() for preset in _read(BUILT_IN, stamp(BUILT_IN))[0]):
        raise SceneError(f"“{name}” comes with MeshTalk: choose another name.")
    folder = user_folder(create=True)
    if folder is None:
        raise SceneError("Mappings can be saved only where MeshTalk is installed as an extension.")
    keys = tuple(PresetKey((entry.key,), entry.drive, entry.gain, entry.on) for entry in mapping.keys)
    path = _file_of(folder, name)
    try:
        path.write_text(preset_text(Preset(name, mapping.kind, keys)), encoding="utf-8")
    except OSError as error:
        raise SceneError(f"The mapping can't be written to {path}: {error.strerror}.") from error
    head.meshtalk.mapping = name
    return path


def remove_preset(name: str) -> None:
    """Delete one of the user's own presets. Raises SceneError."""
    folder = user_folder()
    path = _file_with(folder, name) if folder is not None else None
    if path is None:
        raise SceneError(f"“{name}” is not one of your own mappings.")
    try:
        path.unlink()
    except OSError as error:
        raise SceneError(f"The mapping {path} can't be removed: {error.strerror}.") from error


def user_folder(create: bool = False) -> Path | None:
    """Where the user's own presets are; None where Blender runs the add-on without having installed it."""
    return own_folder(FOLDER, create)


def _boss(head: bpy.types.Object) -> bpy.types.Object:
    """Whose settings count: a part (teeth, lashes) without any of its own goes by its face, because rigs give
    both the same keys."""
    if is_edited(head) or head.meshtalk.mapping:
        return head
    return face_of(head) or head


def _edited(head: bpy.types.Object, names: frozenset[str], unit_names: Sequence[str]) -> RigMapping | None:
    """The list that the user edits, as far as the mesh has its keys and the model its units."""
    entries = [
        KeyDrive(key.name, key.drive.strip(), key.gain, key.on) for key in head.meshtalk_mapping.entries
    ]
    known = [entry for entry in entries if entry.is_viseme or units_of(entry.drive, unit_names)]
    keys = tuple(entry for entry in known if entry.key in names)
    kind = VISEME_KIND if any(entry.is_viseme for entry in keys if entry.on) else UNITS
    return RigMapping(head.meshtalk.mapping or EDITED, kind, keys) if keys else None


@lru_cache(maxsize=64)
def _found(
    names: tuple[str, ...], unit_names: tuple[str, ...], chosen: str, _own: Stamp, _given: Stamp
) -> RigMapping | None:
    """By the chosen preset, or by what the names look like; kept, because panels ask at every redraw. What a
    user saved for one head decides for others only where it is chosen."""
    picked = next((preset for preset in all_presets()[0] if preset.name == chosen), None) if chosen else None
    if picked is not None:
        return apply_preset(replace(picked, needs=()), names, unit_names)
    return recognise(names, unit_names, _read(BUILT_IN, stamp(BUILT_IN))[0])


def _stamps() -> tuple[Stamp, Stamp]:
    return stamp(user_folder()), stamp(BUILT_IN)


@lru_cache(maxsize=8)
def _read(folder: Path, _stamp: Stamp) -> tuple[list[Preset], list[str]]:
    return read_presets(folder)


def _file_of(folder: Path, name: str) -> Path:
    """The file of this name's preset: its own where there is one, else a new one that no other has."""
    return _file_with(folder, name) or fresh_file(folder, name, "mapping")


def _file_with(folder: Path, name: str) -> Path | None:
    """The file that holds the preset of this name."""
    for file in json_files(folder):
        try:
            found = read_preset(file).name
        except RigError:
            continue  # told in the panel
        if found.lower() == name.lower():
            return file
    return None


def _value_path(key_name: str) -> str:
    return f'key_blocks["{bpy.utils.escape_identifier(key_name)}"].value'
