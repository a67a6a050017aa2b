# SPDX-License-Identifier: GPL-3.0-or-later
"""The wheels that the extension brings, and the zip, made and checked by Blender's own tool."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from pathlib import Path

from . import environments, project, staging
from .project import BuildError

WHEELS = project.BUILD / "wheels"
# 4.2 to 5.0 have Python 3.11; 5.1 and 5.2 have 3.13; Debian's 4.3 has 3.13 and its 5.2 has 3.14.
PYTHONS = ("3.11", "3.13", "3.14")
# Imported at run time, and not by name in pyproject.toml: soundfile asks for both.
# Left out on purpose: numpy (Blender has its own); flatbuffers, packaging, protobuf and pycparser, which
# onnxruntime and cffi ask for but import only for what MeshTalk does not do (tests/build checks that).
BESIDES = ("cffi", "typing-extensions")
TAGS = {
    "linux-x64": tuple(f"manylinux_2_{n}_x86_64" for n in range(28, 16, -1)) + ("manylinux2014_x86_64",),
    "windows-x64": ("win_amd64",),
    "macos-arm64": tuple(f"macosx_{n}_0_{a}" for n in (14, 13, 12, 11) for a in ("arm64", "universal2")),
}


def this_platform() -> str:
    """Blender's name of the platform this runs on; BuildError when there are no wheels for it."""
    systems = {"linux": "linux", "win32": "windows", "darwin": "macos"}
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}.get(platform.machine().lower(), "arm64")
    name = f"{systems.get(sys.platform, sys.platform)}-{machine}"
    if name not in TAGS:
        raise BuildError(f"There is no onnxruntime for {name}; the zip can be built for {', '.join(TAGS)}.")
    return name


def wheels(target: str | None = None) -> list[Path]:
    """Download (once) the wheels for a platform and every Blender Python; gives their paths."""
    target = target or this_platform()
    folder = WHEELS / target
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [r for r in project.dependencies() if project.package_name(r) != "numpy"]
    stamp = folder / "requirements.txt"
    text = "\n".join((*wanted, *BESIDES, *PYTHONS))
    if not (stamp.exists() and stamp.read_text(encoding="utf-8") == text):
        shutil.rmtree(folder)
        folder.mkdir()
        for python in PYTHONS:
            _download(target, python, [*wanted, *BESIDES], folder)
        stamp.write_text(text, encoding="utf-8")
    return sorted(folder.glob("*.whl"))


def _download(target: str, python: str, wanted: list[str], folder: Path) -> None:
    print(f"Fetching wheels for {target}, Python {python} ...", flush=True)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    pip += ["--no-deps", "--only-binary=:all:", "--implementation=cp", f"--python-version={python}"]
    pip += [f"--dest={folder}", *(f"--platform={tag}" for tag in TAGS[target])]
    result = subprocess.run([*pip, *wanted], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if result.returncode:
        reason = (result.stderr.strip().splitlines() or ["no message"])[-1]
        raise BuildError(f"Fetching wheels failed; is the package index reachable? pip says: {reason}")


def build_zip(target: str | None = None) -> Path:
    """Stage with wheels, build the zip with Blender's tool, validate it with the same; gives its path."""
    target = target or this_platform()
    stage = staging.stage(wheels(target), target)
    return pack(stage, project.DIST / f"meshtalk-{project.version()}-{target}.zip")


def pack(stage: Path, path: Path) -> Path:
    """Zip a staged folder to `path` and validate the zip, both with Blender's tool; gives `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    blender_tool("build", f"--source-dir={stage}", f"--output-filepath={path}")
    blender_tool("validate", str(path))
    return path


def blender_tool(*arguments: str) -> str:
    """Run Blender's extension tool out of the bpy wheel; gives its output, BuildError when it objects."""
    environment = environments.any_blender()
    found = sorted(environment.path.glob("**/bl_pkg/cli/blender_ext.py"))
    if not found:
        raise BuildError(f"{environment.folder} holds no blender_ext.py: delete that folder and try again.")
    command = [str(environment.python), str(found[0]), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if result.returncode:
        raise BuildError(f"Blender's extension tool refused: {(result.stdout + result.stderr).strip()}")
    return result.stdout
