# SPDX-License-Identifier: GPL-3.0-or-later
"""Mappings as files: JSON that people can read and write (docs/rigs.md)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import MeshTalkError
from .mapping import KINDS, Preset, PresetKey, is_mixed, sides_of

FORMAT = 1
KEY_FIELDS = ("key", "also", "drive", "gain", "on", "unless")
PRESET_FIELDS = ("format", "name", "kind", "needs", "keys")
MOST_GAIN = 10.0


class RigError(MeshTalkError):
    """A preset can't be used: its file or what stands in it."""


def read_preset(path: Path) -> Preset:
    """The preset of a JSON file. Raises RigError."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RigError(f"The mapping {path.name} can't be read ({error}): choose another.") from error
    except (ValueError, RecursionError) as error:
        raise RigError(
            f"The mapping {path.name} is no JSON ({error}): correct or remove the file."
        ) from error
    return preset_from_data(data, path.name)


def read_presets(folder: Path) -> tuple[list[Preset], list[str]]:
    """The presets of a folder by file name, and a sentence for each that can't be used."""
    presets, problems = [], []
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else []:
        try:
            presets.append(read_preset(path))
        except RigError as error:
            problems.append(str(error))
    return presets, problems


def preset_from_data(data: Any, file: str = "mapping") -> Preset:
    """A preset from what its JSON holds. Raises RigError, naming the file and the key."""
    fields = _fields(data, PRESET_FIELDS, f"The mapping {file}")
    if fields.get("format") != FORMAT:
        raise RigError(f"The mapping {file} needs “format”: {FORMAT}; it may be for another MeshTalk.")
    name, kind, keys = fields.get("name"), fields.get("kind"), fields.get("keys")
    if not (isinstance(name, str) and name.strip()):
        raise RigError(f"The mapping {file} needs a “name”.")
    if kind not in KINDS:
        raise RigError(f"The mapping {file} needs a “kind”: “{KINDS[0]}” or “{KINDS[1]}”.")
    if not (isinstance(keys, list) and keys):
        raise RigError(f"The mapping {file} needs a list “keys” with at least one key.")
    entries = tuple(_entry(key, f"Key {number} of the mapping {file}") for number, key in enumerate(keys, 1))
    _refuse_twice(entries, file)
    return Preset(
        name.strip(), kind, entries, _words(fields.get("needs", []), "needs", f"The mapping {file}")
    )


def preset_text(preset: Preset) -> str:
    """A preset as JSON, one key a line; what has its usual value is left out."""
    lines = ",\n".join("    " + json.dumps(_entry_data(key), ensure_ascii=False) for key in preset.keys)
    head = {"format": FORMAT, "name": preset.name, "kind": preset.kind}
    if preset.needs:
        head["needs"] = list(preset.needs)
    start = json.dumps(head, ensure_ascii=False, indent=2).removesuffix("\n}")
    return f'{start},\n  "keys": [\n{lines}\n  ]\n}}\n'


def _entry(data: Any, where: str) -> PresetKey:
    fields = _fields(data, KEY_FIELDS, where)
    key, drive, gain, on = (
        fields.get("key"),
        fields.get("drive"),
        fields.get("gain", 1.0),
        fields.get("on", True),
    )
    if not (isinstance(key, str) and key):
        raise RigError(f"{where} needs a “key”: the shape key's name.")
    if not (isinstance(drive, str) and any(sides_of(drive))):
        raise RigError(f"{where} (“{key}”) needs a “drive”: a viseme or a unit.")
    if is_mixed(drive):
        raise RigError(f"{where} (“{key}”) adds to a viseme: let one viseme alone drive the key.")
    if isinstance(gain, bool) or not isinstance(gain, int | float) or not _is_gain(gain):
        raise RigError(f"{where} (“{key}”) needs a “gain” between {-MOST_GAIN:g} and {MOST_GAIN:g}.")
    if not isinstance(on, bool):
        raise RigError(f"{where} (“{key}”) needs “on” to be true or false.")
    also = _words(fields.get("also", []), "also", where)
    return PresetKey((key, *also), drive, float(gain), on, _words(fields.get("unless", []), "unless", where))


def _entry_data(key: PresetKey) -> dict[str, Any]:
    data: dict[str, Any] = {"key": key.spellings[0]}
    if key.spellings[1:]:
        data["also"] = list(key.spellings[1:])
    data["drive"] = key.drive
    if key.gain != 1.0:
        data["gain"] = round(key.gain, 4)
    if not key.on:
        data["on"] = False
    if key.unless:
        data["unless"] = list(key.unless)
    return data


def _is_gain(gain: float) -> bool:
    return math.isfinite(gain) and abs(gain) <= MOST_GAIN


def _fields(data: Any, known: tuple[str, ...], where: str) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise RigError(f"{where} must be an object in braces.")
    other = next((field for field in data if field not in known), None)
    if other is not None:
        raise RigError(f"{where} has “{other}”, which means nothing; known are {', '.join(known)}.")
    return data


def _words(value: Any, field: str, where: str) -> tuple[str, ...]:
    if not (isinstance(value, list) and all(isinstance(word, str) and word for word in value)):
        raise RigError(f"{where} needs “{field}” to be a list of names.")
    return tuple(value)


def _refuse_twice(entries: tuple[PresetKey, ...], file: str) -> None:
    names = [entry.spellings[0] for entry in entries]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise RigError(f"The mapping {file} names the key “{twice}” twice: keep one.")
