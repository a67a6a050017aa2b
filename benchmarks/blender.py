# SPDX-License-Identifier: GPL-3.0-or-later
"""A minute of speech in Blender, on a head of 27,000 vertices with all units made."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine.audio.sound import SAMPLE_RATE

from .figures import Figure
from .setting import ROOT, Missing, Setting, ict_mesh
from .start import blender_python

SECONDS = 60.0

UNITS = {
    "units of the mouth": ("jaw", "mouth", "cheekPuff", "tongue"),
    "units of the upper face": ("brow", "eye", "cheekSquint", "nose"),
}
"""What the names of units begin with."""


def run(setting: Setting) -> list[Figure]:
    """What an animator waits for, and what the file costs; Missing without bpy."""
    python = blender_python()
    if python is None:
        raise Missing("there is no Python with bpy (set MESHTALK_BPY_PYTHON, or run build.py test once)")
    with tempfile.TemporaryDirectory() as folder:
        found = _job(python, Path(folder), setting)
    figures = [
        _figure("adding the add-on", found["registered"], "s"),
        _figure("first result of 5 s, template head, from the press", found["first"], "s", 3.0),
    ]
    if "whole" not in found:
        return figures
    (seconds,) = setting.lengths(SECONDS)
    both = [sum(pair) for pair in zip(found["target_of"], found["write_heads"], strict=True)]
    return [
        *figures,
        _figure(f"{seconds:g} s on the ICT head, from the press to the take", found["whole"], "s"),
        Figure("the same again against the template's, wall", found["again"], "x", 1.2),
        _figure("reading the mesh and writing keys and curves", both, "s", 1.0),
        _figure("of it writing", found["write_heads"], "s"),
        _figure("a frame costs more than without keys", _more(found, "play"), "ms", 3.0),
        _figure("of it with all curves but one animated key", _more(found, "play_one"), "ms"),
        _figure("of it each further key that isn't 0", _each(found), "ms"),
        Figure("keys that aren't 0, in a frame", sum(found["busy"].values())),
        *(Figure(f"of them {kind}", busy) for kind, busy in _kinds(found["busy"]).items()),
        Figure("the file grows by", found["size"] - found["size_before"], "MB", 40.0),
        Figure("keys", found["keys"]),
    ]


def _more(found: dict[str, Any], name: str) -> list[float]:
    return [after - before for after, before in zip(found[name], found["play_before"], strict=True)]


def _kinds(busy: dict[str, float]) -> dict[str, float]:
    """How many of the keys that aren't 0 are of each kind, by their names."""
    sums = dict.fromkeys([*UNITS, "correctives"], 0.0)
    for name, part in busy.items():
        sums[next((kind for kind, starts in UNITS.items() if name.startswith(starts)), "correctives")] += part
    return sums


def _each(found: dict[str, Any]) -> list[float]:
    """What one key more costs."""
    keys = sum(found["busy"].values()) - found["play_one_busy"]
    return [(all_ - one) / keys for all_, one in zip(found["play"], found["play_one"], strict=True)]


def _figure(name: str, times: Sequence[float], unit: str, target: float | None = None) -> Figure:
    """A time on the wall's clock, with that of the processors beside it."""
    wall, processor = times
    return Figure(name, wall, unit, target, note=f"  {processor:.2f} {unit} processor")


def _write_speech(path: Path, setting: Setting, seconds: float) -> None:
    """Real speech: a take of noise has fewer keys that aren't 0, and plays quicker."""
    import soundfile

    soundfile.write(path, setting.sound(seconds).samples, SAMPLE_RATE, "PCM_16")


def _job(python: str, folder: Path, setting: Setting) -> dict[str, Any]:
    template = setting.bundle("default").template
    arrays = {"own_vertices": template.rest, "own_polygons": template.faces}
    try:
        arrays["vertices"], arrays["polygons"] = ict_mesh()
    except Missing:
        pass
    np.savez(folder / "meshes.npz", **arrays)
    short, long = folder / "short.wav", folder / "long.wav"
    _write_speech(short, setting, 5.0)
    _write_speech(long, setting, *setting.lengths(SECONDS))
    job = Path(__file__).with_name("blender_job.py")
    command = [python, str(job), str(ROOT), str(folder / "meshes.npz"), str(short), str(long)]
    environment = {**os.environ, "BLENDER_USER_RESOURCES": str(folder), "ORT_DISABLE_TELEMETRY": "1"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT")]
    if done.returncode or not lines:
        raise RuntimeError(f"Blender's job failed: {done.stderr[-2000:]}")
    return json.loads(lines[-1].removeprefix("RESULT"))
