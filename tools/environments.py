# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual environments below the checkout: made when needed, kept while their requirements stay the same."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from . import project
from .project import BuildError

STAMP = "meshtalk-requirements.sha256"
BLENDER_VERSIONS = ("4.2", "4.5", "5.0")
DEMO_BLENDER = "4.5"
# Each Blender's own numpy, so that the tests meet the versions that users have.
BLENDER_NUMPY = {"4.2": "numpy==1.24.*", "4.5": "numpy==1.26.*", "5.0": "numpy<3"}
# Where some machines keep large wheels, such as PyTorch's build without CUDA, which then needs no download.
LOCAL_WHEELS = (Path("/opt/wheels"),)
BLENDER_LIBRARIES = "libx11-6 libxi6 libxxf86vm1 libxfixes3 libxrender1 libxkbcommon0 libsm6 libgl1 libegl1"


@dataclass(frozen=True)
class Environment:
    """A virtual environment: its folder, what goes in first, what goes in then, a line that must run."""

    folder: str
    first: tuple[str, ...]
    requirements: tuple[str, ...]
    check: str

    @property
    def path(self) -> Path:
        return project.ROOT / self.folder

    @property
    def python(self) -> Path:
        if os.name == "nt":
            return self.path / "Scripts" / "python.exe"
        return self.path / "bin" / "python"

    @property
    def stamp(self) -> str:
        """What the environment was made of: changes when a requirement, the Python or the place does."""
        parts = (sys.version, str(self.path), *self.first, "|", *self.requirements)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def is_ready(self) -> bool:
        stamp = self.path / STAMP
        return self.python.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == self.stamp


def training_environment() -> Environment:
    """Engine, training and build tests: everything but bpy."""
    train = project.extra("train")
    torch = project.named(train, "torch")  # first: what follows must find it there and pull no other
    rest = tuple(r for r in train if r != torch)
    requirements = (*project.dependencies(), *project.extra("dev"), *rest)
    return Environment(".venv", (torch,), requirements, "import torch, onnxruntime")


def blender_environment(blender: str) -> Environment:
    """One version of Blender as a module, with what the add-on and its tests need."""
    names = ("hypothesis", "pytest", "pytest-timeout")
    tests = tuple(project.named(project.extra("dev"), name) for name in names)
    requirements = (f"bpy=={blender}.*", BLENDER_NUMPY[blender], *project.dependencies(), *tests)
    return Environment(f".venv-bpy-{blender}", (), requirements, "import bpy")


def demo_environment() -> Environment:
    """Blender as a module, the engine's needs, and Pillow for the picture strip."""
    blender = (f"bpy=={DEMO_BLENDER}.*", BLENDER_NUMPY[DEMO_BLENDER])
    requirements = (*blender, *project.dependencies(), "pillow>=10.1")
    return Environment(".venv-demo", (), requirements, "import bpy")


def any_blender() -> Environment:
    """An environment with Blender in it: one that is ready, else the demo's, made now."""
    candidates = (demo_environment(), *(blender_environment(version) for version in BLENDER_VERSIONS))
    for environment in candidates:
        if environment.is_ready:
            return environment
    prepare(candidates[:1])
    return candidates[0]


def prepare(environments: Sequence[Environment]) -> None:
    """Make those of the environments that are missing or out of date, two at a time."""
    missing = [environment for environment in environments if not environment.is_ready]
    if not missing:
        return
    names = ", ".join(environment.folder for environment in missing)
    print(f"Setting up {names} (once; a few minutes) ...", flush=True)
    with ThreadPoolExecutor(max_workers=2) as pool:
        for done in [pool.submit(_make, environment) for environment in missing]:
            done.result()


def _make(environment: Environment) -> None:
    start = time.monotonic()
    shutil.rmtree(environment.path, ignore_errors=True)
    log = project.BUILD / "logs" / f"{environment.folder.lstrip('.')}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("", encoding="utf-8")
    _run_logged([sys.executable, "-m", "venv", str(environment.path)], log)
    pip = [str(environment.python), "-m", "pip", "install", "--disable-pip-version-check"]
    pip += [f"--find-links={folder}" for folder in LOCAL_WHEELS if folder.is_dir()]
    for requirements in filter(None, (environment.first, environment.requirements)):
        _run_logged([*pip, "--progress-bar=off", *requirements], log)
    _check(environment, log)
    (environment.path / STAMP).write_text(environment.stamp, encoding="utf-8")
    print(f"  {environment.folder} ready after {time.monotonic() - start:.0f} s", flush=True)


def _run_logged(command: list[str], log: Path) -> None:
    with log.open("a", encoding="utf-8") as out:
        result = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    if result.returncode:
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
        raise BuildError(f"Setting up failed; is the package index reachable? The end of {log}:\n{tail}")


def _check(environment: Environment, log: Path) -> None:
    command = [str(environment.python), "-c", environment.check]
    # Without this the mere import of onnxruntime writes into the user's cache.
    variables = {**os.environ, "ORT_DISABLE_TELEMETRY": "1"}
    result = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=variables)
    if result.returncode == 0:
        return
    with log.open("a", encoding="utf-8") as out:
        out.write(result.stderr)
    last = (result.stderr.strip().splitlines() or ["no message"])[-1]
    if "cannot open shared object file" in last:
        raise BuildError(
            f"Blender's Python module lacks a system library ({last.split(': ', 1)[-1]}): "
            f"on Debian or Ubuntu run `apt-get install {BLENDER_LIBRARIES}` and try again."
        )
    raise BuildError(f"{environment.folder} was set up, but `{environment.check}` fails in it: {last}")
