# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of the user's own: in Blender's folder for this extension, nowhere else."""

from __future__ import annotations

import re
from itertools import count
from pathlib import Path

import bpy

from ..ids import EXTENSION_ID

Stamp = tuple[tuple[str, int], ...]


def own_folder(name: str, create: bool = False) -> Path | None:
    """A folder of the user's own; None where Blender runs the add-on without having installed it."""
    try:
        return Path(bpy.utils.extension_path_user(EXTENSION_ID, path=name, create=create))
    except ValueError:  # not an installed extension
        return None


def json_files(folder: Path | None) -> list[Path]:
    """The JSON files of a folder by name; none where there is no such folder."""
    return sorted(folder.glob("*.json")) if folder is not None and folder.is_dir() else []


def stamp(folder: Path | None) -> Stamp:
    """What changes when a JSON file of a folder does."""
    return tuple((file.name, file.stat().st_mtime_ns) for file in json_files(folder))


def fresh_file(folder: Path, name: str, otherwise: str) -> Path:
    """A JSON file, called as its content is named or `otherwise`, that isn't there yet."""
    stem = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or otherwise
    taken = {file.stem for file in json_files(folder)}
    numbered = (stem if number == 1 else f"{stem}_{number}" for number in count(1))
    return folder / f"{next(each for each in numbered if each not in taken)}.json"
