# SPDX-License-Identifier: GPL-3.0-or-later
"""From nothing to the first take: a fresh Python, and a fresh Blender's Python where there is one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from .figures import Figure
from .setting import ROOT, SPEECH, Setting

TARGET_SECONDS = 3.0
SECONDS = 5.0

PROGRAM = """
import time
began = time.perf_counter(), time.process_time()
import json, sys
marks = {}
def mark(name):
    marks[name] = time.perf_counter() - began[0], time.process_time() - began[1]
from engine.audio.sound import load_sound
from engine.bundle import default_bundle_path, load_bundle
from engine.generate import GenerateOptions, generate
from engine.geometry.bind import bind_head
mark("our imports")
bundle = load_bundle(default_bundle_path())
mark("model checked")
sound = load_sound(sys.argv[1], duration=float(sys.argv[2]))
mark("sound read")
template = bundle.template
head = bind_head(template, template.rest, template.faces)
mark("head bound")
bundle.session("audio_encoder")
mark("onnxruntime imported, first graph open")
bundle.loop(); bundle.fast_decoder()
mark("all graphs open")
generate(bundle, sound, head, GenerateOptions(keep_vertices=False))
mark("first result")
print(json.dumps(marks))
"""


def run(setting: Setting) -> list[Figure]:
    """When each step was done, counted from the first import."""
    figures = _marks("Python", sys.executable)
    python = blender_python()
    return figures if python is None else figures + _marks("Blender's Python", python)


def blender_python() -> str | None:
    """A Python that has bpy: $MESHTALK_BPY_PYTHON, or one of the environments that `build.py test` makes."""
    named = os.environ.get("MESHTALK_BPY_PYTHON")
    places = [Path(named)] if named else sorted(ROOT.glob(".venv-bpy-*/bin/python"), reverse=True)
    return next((str(place) for place in places if place.exists()), None)


def _marks(what: str, python: str) -> list[Figure]:
    command = [python, "-c", PROGRAM, str(SPEECH), str(SECONDS)]
    marks: dict[str, list[float]] = {}
    for _ in range(2):  # the second time the files are in memory, as they are after Blender's own start
        found = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        marks = json.loads(found.stdout)
    figures = []
    for name, (wall, processor) in marks.items():
        target = TARGET_SECONDS if name == "first result" else None
        figures.append(Figure(f"{what}: {name}", wall, "s", target, note=f"  {processor:.2f} s processor"))
    return figures
