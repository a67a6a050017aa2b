# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells from the names of a mesh's shape keys what kind of rig it has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from .mapping import MOUTH, UNITS, VISEME_KIND, KeyDrive, Preset, PresetKey, RigMapping, units_of
from .names import match_names
from .visemes import VISEMES

LOOSE = "Shape keys by name"


def recognise(
    key_names: Iterable[str], unit_names: Sequence[str], presets: Iterable[Preset]
) -> RigMapping | None:
    """What drives the keys of a mesh; None where none of them is known.

    Units win over visemes where they cover the mouth (Ready Player Me has both), because they can do more;
    next to visemes they still move what is not the mouth.
    """
    names = list(key_names)
    found = [mapping for preset in presets if (mapping := apply_preset(preset, names, unit_names))]
    loose = apply_preset(_by_name(unit_names), names, unit_names)
    units = _largest(
        [mapping for mapping in (*found, loose) if mapping and mapping.kind == UNITS], unit_names
    )
    if units is not None and units.covers_mouth(unit_names):
        return units
    visemes = _largest([mapping for mapping in found if mapping.kind == VISEME_KIND], unit_names)
    if visemes is None:
        return units
    return visemes if units is None else _with_units(visemes, units, unit_names)


def apply_preset(preset: Preset, key_names: Iterable[str], unit_names: Sequence[str]) -> RigMapping | None:
    """The preset's keys that a mesh has; None where it has none, or lacks one that the preset needs."""
    usable = [entry for entry in preset.keys if _is_known(entry.drive, unit_names)]
    found = match_names({entry.spellings[0]: entry.spellings for entry in usable}, key_names)
    keys = tuple(
        KeyDrive(found[entry.spellings[0]], entry.drive, entry.gain, entry.on and not _yields(entry, found))
        for entry in usable
        if entry.spellings[0] in found
    )
    missing = set(preset.needs) - {key.drive for key in keys}
    return RigMapping(preset.name, preset.kind, keys) if keys and not missing else None


def _yields(entry: PresetKey, found: dict[str, str]) -> bool:
    return any(other in found for other in entry.unless)


def _is_known(drive: str, unit_names: Sequence[str]) -> bool:
    return drive in VISEMES or bool(units_of(drive, unit_names))


def _by_name(unit_names: Sequence[str]) -> Preset:
    return Preset(LOOSE, UNITS, tuple(PresetKey((unit,), unit) for unit in unit_names))


def _largest(mappings: Sequence[RigMapping], unit_names: Sequence[str]) -> RigMapping | None:
    """The mapping that reaches the most units and visemes; of equals the first."""
    return max(mappings, key=lambda mapping: _reach(mapping, unit_names), default=None)


def _reach(mapping: RigMapping, unit_names: Sequence[str]) -> int:
    visemes = {entry.drive for entry in mapping.used if entry.is_viseme}
    return len(visemes) + len(mapping.units(unit_names))


def _with_units(visemes: RigMapping, units: RigMapping, unit_names: Sequence[str]) -> RigMapping:
    """The visemes' keys, and those of the units above the mouth that they leave alone."""
    driven, taken = visemes.units(unit_names), {entry.key for entry in visemes.keys}
    others = tuple(
        entry
        for entry in units.keys
        if entry.key not in taken
        and not any(unit in driven or unit.startswith(MOUTH) for unit in units_of(entry.drive, unit_names))
    )
    return replace(visemes, keys=visemes.keys + others)
