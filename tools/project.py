# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things lie in the checkout, and what its two descriptions (manifest, pyproject) say."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
DIST = ROOT / "dist"
MANIFEST = ROOT / "blender_manifest.toml"
PYPROJECT = ROOT / "pyproject.toml"


class BuildError(Exception):
    """Something that the person who called build.py can mend; the text says what and how."""


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file; BuildError when it is missing or damaged."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BuildError(f"{path.name} is missing from {path.parent}: is this a whole checkout?") from None
    except tomllib.TOMLDecodeError as error:
        raise BuildError(f"{path.name} is not valid TOML: {error}") from None


def manifest() -> dict[str, Any]:
    """The add-on's manifest as it stands in the repository (without wheels)."""
    return read_toml(MANIFEST)


def version() -> str:
    """The project's version; the manifest is the only place where it stands."""
    return manifest()["version"]


def dependencies() -> tuple[str, ...]:
    """What the engine needs at run time, as pip requirements."""
    return tuple(read_toml(PYPROJECT)["project"]["dependencies"])


def extra(name: str) -> tuple[str, ...]:
    """The requirements of one extra ("dev" or "train")."""
    return tuple(read_toml(PYPROJECT)["project"]["optional-dependencies"][name])


def named(requirements: tuple[str, ...], name: str) -> str:
    """The requirement of one package among several; BuildError when it isn't there."""
    for requirement in requirements:
        if package_name(requirement) == name:
            return requirement
    raise BuildError(f"pyproject.toml does not name {name}: build.py needs to know its version.")


def package_name(requirement: str) -> str:
    """The package that a requirement such as `numpy>=1.24` names."""
    end = next((i for i, c in enumerate(requirement) if c in "<>=!~[; "), len(requirement))
    return requirement[:end].lower()
