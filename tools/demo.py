# SPDX-License-Identifier: GPL-3.0-or-later
"""`build.py demo`: sets Blender up as a module and makes the talking head in it (demo/talking_head.py)."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from . import environments, project, staging
from .project import BuildError

DEFAULT_MODEL = project.ROOT / "engine" / "models" / "default"
DEFAULT_SPEECH = project.ROOT / "samples" / "speech.flac"


def run(speech: Path | None, model: Path | None, seed: int, out: Path | None) -> int:
    """Make the demo's three files; the exit status."""
    speech = (speech or DEFAULT_SPEECH).resolve()
    model = (model or DEFAULT_MODEL).resolve()
    out = (out or project.BUILD / "demo").resolve()
    if not speech.is_file():
        raise BuildError(f"There is no recording at {speech}.")
    if not (model / "model.json").is_file():
        raise BuildError(f"There is no model bundle in {model} (no model.json).")
    environment = environments.demo_environment()
    environments.prepare([environment])
    with tempfile.TemporaryDirectory(prefix="meshtalk-demo-") as resources:
        staging.stage(target=Path(resources) / "extensions" / "user_default" / "meshtalk")
        options = ["--speech", str(speech), "--model", str(model), "--seed", str(seed), "--out", str(out)]
        command = [str(environment.python), "-m", "demo.talking_head", *options]
        variables = {**os.environ, "BLENDER_USER_RESOURCES": resources, "PYTHONUNBUFFERED": "1"}
        return subprocess.run(command, cwd=project.ROOT, env=variables, stdin=subprocess.DEVNULL).returncode
