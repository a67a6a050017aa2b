# SPDX-License-Identifier: GPL-3.0-or-later
"""The arrows between the rooms of DESIGN.md: panels → ops → {props, scene} → engine ← training."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("engine", "meshtalk_blender", "training")
FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))

LATE = {"onnxruntime", "soundfile", "soxr"}
"""Imported by the engine inside functions only, so that it loads where they are missing."""

HEIGHTS = {"panels": 4, "ops": 3, "props": 2, "preferences": 2, "models": 1, "scene": 1, "ids": 0}
"""Rooms of the add-on; a room may use its own and lower ones. Properties list the scene's strips, so they
may look at it, and never the other way."""

FORBIDDEN = {
    "engine": {
        "bpy",
        "bmesh",
        "mathutils",
        "aud",
        "torch",
        "onnx",
        "meshtalk_blender",
        "training",
        "librosa",
        "scipy",
    },
    "meshtalk_blender": {"torch", "onnx", "training", "onnxruntime"},
    "training": {"bpy", "bmesh", "mathutils", "aud", "meshtalk_blender"},
}


@dataclass(frozen=True)
class Import:
    """An imported module by its full name, where it stands, and whether that is inside a function."""

    module: str
    line: int
    late: bool


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_file_keeps_to_the_arrows(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    for found in imports(path):
        top = found.module.split(".")[0]
        where = f"{path.relative_to(ROOT)}:{found.line} imports {found.module}"
        assert top not in FORBIDDEN[room], where
        if room == "engine":
            assert top not in LATE or found.late, f"{where} outside a function"
            assert top not in {"soundfile", "soxr"} or path.parent.name == "audio", (
                f"{where} outside engine/audio"
            )
        if room == "meshtalk_blender":
            assert not climbs(path, found.module), f"{where}, which lies higher or beside it"


@pytest.mark.parametrize("room", ["engine", "meshtalk_blender"])
def test_shipped_code_imports_itself_relatively(room: str) -> None:
    """Both are mounted as ``bl_ext.<repository>.meshtalk.…``, where absolute names don't exist."""
    for path in (ROOT / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            assert not {name.split(".")[0] for name in names} & set(ROOMS), (
                f"{path.relative_to(ROOT)}:{node.lineno}"
            )


def test_engine_loads_without_its_heavy_packages() -> None:
    """Importing all of the engine loads neither onnxruntime nor Blender, torch or sound libraries."""
    code = (
        "import pkgutil, sys, importlib, engine\n"
        "for m in pkgutil.walk_packages(engine.__path__, 'engine.'):\n"
        "    importlib.import_module(m.name)\n"
        "heavy = ('bpy', 'torch', 'onnxruntime', 'soundfile', 'soxr', 'training')\n"
        "print(' '.join(name for name in heavy if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_walk_sees_every_kind_of_import(tmp_path: Path) -> None:
    """The proof above is worth only as much as its reader."""
    path = tmp_path / "sample.py"
    path.write_text(
        "import bpy.types\nfrom torch import nn\ndef f():\n    import soxr\n"
        "    importlib.import_module('onnxruntime')\n    __import__('aud')\n",
        encoding="utf-8",
    )
    assert {(found.module, found.late) for found in imports(path, "sample")} == {
        ("bpy.types", False),
        ("torch.nn", False),
        ("soxr", True),
        ("onnxruntime", True),
        ("aud", True),
    }


def imports(path: Path, module: str | None = None) -> Iterator[Import]:
    """Every import of a file, relative names resolved; type-checking blocks count too."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = package_of(path) if module is None else module
    late = {id(inner) for node in ast.walk(tree) if is_function(node) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        for name in imported_names(node, package):
            yield Import(name, node.lineno, id(node) in late)  # type: ignore[attr-defined]


def imported_names(node: ast.AST, package: str) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        start = ".".join([*base, *([node.module] if node.module else [])])
        return [f"{start}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in ("import_module", "__import__") and isinstance(node.args[0].value, str):
            return [node.args[0].value]
    return []


def is_function(node: ast.AST) -> bool:
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))


def package_of(path: Path) -> str:
    """Dotted name of the package that a file's relative imports start from."""
    return ".".join(path.relative_to(ROOT).parent.parts)


def climbs(path: Path, module: str) -> bool:
    """Whether a module of the add-on imports from a room that is higher, or beside its own."""
    own = add_on_room(".".join([package_of(path), path.stem]))
    other = add_on_room(module)
    if own is None or other is None or own == other:
        return False
    return HEIGHTS[other] >= HEIGHTS[own]


def add_on_room(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "meshtalk_blender" and len(parts) > 1 and parts[1] in HEIGHTS else None
