# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension's folder as Blender sees it: the repository's layout, a manifest with wheels, one entry."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from . import project
from .project import BuildError

STAGE = project.BUILD / "stage" / "meshtalk"
SOURCES = ("meshtalk_blender", "engine")
SINGLE_FILES = ("LICENSE",)
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".*", "*.orig")
ENTRY = '''# SPDX-License-Identifier: GPL-3.0-or-later
"""MeshTalk: recorded speech in, the motion of a whole face out. Written by build.py."""

from .meshtalk_blender import register, unregister

__all__ = ("register", "unregister")
'''


def stage(wheels: Iterable[Path] = (), platform: str | None = None, target: Path = STAGE) -> Path:
    """Mirror the add-on into `target`, with these wheels for this platform (Blender's name); gives `target`.

    The folder itself is kept, because links may point at it; what does not belong there goes.
    """
    target.mkdir(parents=True, exist_ok=True)
    wheels = sorted(wheels)
    expected = {*SOURCES, *SINGLE_FILES, "blender_manifest.toml", "__init__.py"}
    for entry in target.iterdir():
        if entry.name not in expected and not (wheels and entry.name == "wheels"):
            _remove(entry)
    for name in SOURCES:
        _copy_folder(project.ROOT / name, target / name)
    for name in SINGLE_FILES:
        shutil.copy2(project.ROOT / name, target / name)
    _copy_wheels(wheels, target / "wheels")
    (target / "__init__.py").write_text(ENTRY, encoding="utf-8")
    text = manifest_text([f"./wheels/{wheel.name}" for wheel in wheels], [platform] if platform else [])
    (target / "blender_manifest.toml").write_text(text, encoding="utf-8")
    return target


def manifest_text(wheels: list[str], platforms: list[str]) -> str:
    """The repository's manifest with its top-level lists of wheels and platforms filled in."""
    text = project.MANIFEST.read_text(encoding="utf-8")
    project.manifest()  # a damaged manifest is refused here, with a sentence
    text = re.sub(r"(?ms)^(wheels|platforms)\s*=\s*\[.*?\]\s*\n", "", text)
    lines = "".join(
        f"{key} = [\n{''.join(f'  {chr(34)}{value}{chr(34)},{chr(10)}' for value in values)}]\n"
        for key, values in (("platforms", platforms), ("wheels", wheels))
        if values
    )
    head, table, tail = text.partition("\n[")  # keys after the first table would belong to that table
    return f"{head.rstrip()}\n{lines}{table}{tail}" if lines else text


def link(blender: str, repository: str = "user_default") -> Path:
    """Make Blender's user extensions folder point at the stage; gives the link's path."""
    folder = _extensions_folder(blender) / repository
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / "meshtalk"
    if place.is_symlink():
        place.unlink()
    elif place.exists():
        raise BuildError(f"{place} is an installed copy: remove the extension in Blender, then link again.")
    place.symlink_to(STAGE, target_is_directory=True)
    return place


def _extensions_folder(blender: str) -> Path:
    resources = os.environ.get("BLENDER_USER_RESOURCES")
    if resources:
        return Path(resources) / "extensions"
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA", home)) / "Blender Foundation" / "Blender"
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support" / "Blender"
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "blender"
    return base / blender / "extensions"


def _copy_folder(source: Path, target: Path) -> None:
    if not source.is_dir():
        raise BuildError(f"{source.name}/ is missing from the checkout: there is nothing to stage.")
    _remove(target)
    shutil.copytree(source, target, ignore=LEFT_OUT)


def _copy_wheels(wheels: list[Path], target: Path) -> None:
    if not wheels:
        return
    target.mkdir(exist_ok=True)
    wanted = {wheel.name for wheel in wheels}
    for entry in target.iterdir():
        if entry.name not in wanted:
            _remove(entry)
    for wheel in wheels:
        if not (target / wheel.name).exists():
            shutil.copy2(wheel, target / wheel.name)


def _remove(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
    else:
        entry.unlink(missing_ok=True)
