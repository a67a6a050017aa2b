# SPDX-License-Identifier: GPL-3.0-or-later
"""Presets of a take's live controls: those that come with MeshTalk, and the user's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from ...engine.control_limits import LIMITS
from ...engine.generate.control_values import Controls
from .errors import SceneError
from .own_files import Stamp, fresh_file, json_files, own_folder, stamp

BUILT_IN = Path(__file__).resolve().parents[1] / "presets" / "controls"
FOLDER = "controls"
FORMAT = 1
LONGEST = 60

LOOK = ("mouth", "jaw", "brow", "blink", "gaze", "smooth_mouth", "smooth_upper", "closure")
"""What a preset sets, where it doesn't say otherwise to what was spoken. The offset belongs to the sound, and
key reduction to who edits the keys: both stay unless a preset names them."""

ALIKE = 5e-4
"""Sliders that differ by less show the same number."""


@dataclass(frozen=True)
class ControlPreset:
    """A name, the controls that it sets, and whether the user saved it."""

    name: str
    values: Mapping[str, float]
    is_own: bool = False

    def is_set(self, controls: Controls) -> bool:
        """Whether controls stand as this preset has them."""
        return all(abs(getattr(controls, name) - value) < ALIKE for name, value in self.values.items())


def all_presets() -> tuple[list[ControlPreset], list[str]]:
    """The user's own presets, then those that come with the add-on, and a sentence for each file that can't
    be used."""
    own, problems = own_presets()
    given, given_problems = _read(BUILT_IN, stamp(BUILT_IN))
    taken = {preset.name for preset in own}
    return [*own, *(preset for preset in given if preset.name not in taken)], problems + given_problems


def own_presets() -> tuple[list[ControlPreset], list[str]]:
    """The presets that the user saved, and a sentence for each file that can't be used."""
    folder = own_folder(FOLDER)
    found, problems = _read(folder, stamp(folder)) if folder is not None else ([], [])
    return [replace(preset, is_own=True) for preset in found], problems


def find_preset(name: str) -> ControlPreset | None:
    """The preset of a name; None where there is none."""
    return next((preset for preset in all_presets()[0] if preset.name == name), None)


def preset_of(controls: Controls) -> ControlPreset | None:
    """The preset that controls stand at; None where they were turned by hand."""
    return next((preset for preset in all_presets()[0] if preset.is_set(controls)), None)


def save_preset(controls: Controls, name: str) -> Path:
    """Write controls as a preset of the user's own; one of the same name is replaced. Raises SceneError."""
    name = name.strip()
    if not name or len(name) > LONGEST:
        raise SceneError(f"Give the preset a name of 1 to {LONGEST} letters.")
    if any(preset.name.lower() == name.lower() for preset in _read(BUILT_IN, stamp(BUILT_IN))[0]):
        raise SceneError(f"“{name}” comes with MeshTalk: choose another name.")
    folder = own_folder(FOLDER, create=True)
    if folder is None:
        raise SceneError("Presets can be saved only where MeshTalk is installed as an extension.")
    names = (*LOOK, "tolerance") if controls.tolerance > 0 else LOOK
    values = {each: round(getattr(controls, each), 4) for each in names}
    content = {"format": FORMAT, "name": name, "controls": values}
    path = _file_with(folder, name) or fresh_file(folder, name, "controls")
    try:
        path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise SceneError(f"The preset can't be written to {path}: {error.strerror}.") from error
    return path


def remove_preset(name: str) -> None:
    """Delete one of the user's own presets. Raises SceneError."""
    folder = own_folder(FOLDER)
    path = None if folder is None else _file_with(folder, name)
    if path is None:
        raise SceneError(f"“{name}” is not one of your own presets.")
    try:
        path.unlink()
    except OSError as error:
        raise SceneError(f"The preset {path} can't be removed: {error.strerror}.") from error


def read_preset(path: Path) -> ControlPreset:
    """The preset of a JSON file. Raises SceneError."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SceneError(f"The preset {path.name} can't be read ({error}): choose another.") from error
    except (ValueError, RecursionError) as error:
        raise SceneError(
            f"The preset {path.name} is no JSON ({error}): correct or remove the file."
        ) from error
    return _preset_from(data, path.name)


def _preset_from(data: Any, file: str) -> ControlPreset:
    fields = data if isinstance(data, dict) else {}
    name, values = fields.get("name"), fields.get("controls")
    if fields.get("format") != FORMAT:
        raise SceneError(f"The preset {file} needs “format”: {FORMAT}; it may be for another MeshTalk.")
    if not (isinstance(name, str) and name.strip() and isinstance(values, dict)):
        raise SceneError(f"The preset {file} needs a “name” and “controls” in braces.")
    for each, value in values.items():
        low, high = LIMITS.get(each, (0.0, -1.0))
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise SceneError(f"The preset {file} has “{each}”: {value!r}, which is no control or too far.")
    spoken = {each: getattr(Controls(), each) for each in LOOK}
    return ControlPreset(name.strip(), spoken | {each: float(value) for each, value in values.items()})


@lru_cache(maxsize=8)
def _read(folder: Path, _stamp: Stamp) -> tuple[list[ControlPreset], list[str]]:
    presets, problems = [], []
    for path in json_files(folder):
        try:
            presets.append(read_preset(path))
        except SceneError as error:
            problems.append(str(error))
    return presets, problems


def _file_with(folder: Path, name: str) -> Path | None:
    """The file that holds the preset of this name."""
    for path in json_files(folder):
        try:
            found = read_preset(path).name
        except SceneError:
            continue  # told in the panel
        if found.lower() == name.lower():
            return path
    return None
