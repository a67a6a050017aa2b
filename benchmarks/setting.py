# SPDX-License-Identifier: GPL-3.0-or-later
"""What benchmarks run on: the machine, speech of any length, models, heads."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from engine.audio.sound import SAMPLE_RATE, Sound, load_sound
from engine.bundle import Bundle, default_bundle_path, load_bundle
from engine.bundle.runtime import default_threads, import_onnxruntime
from engine.geometry.bind import bind_head
from engine.geometry.topology import Binding

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / "build" / "benchmarks"
"""Random models and the reference's times, which take minutes; git ignores it."""

SPEECH = ROOT / "samples" / "speech.flac"
ICT = ROOT.parent / "shared" / "heads" / "ict.npz"
"""ICT FaceKit's head (26,719 vertices), which isn't part of the project."""


class Missing(Exception):
    """A part can't run here; the message says what is missing."""


@dataclass(frozen=True)
class Setting:
    """How to measure: ``quick`` for a look at whether everything runs, ``full`` to run the reference to its
    end however long the sound."""

    quick: bool = False
    threads: int = default_threads()
    full: bool = False

    @cached_property
    def recording(self) -> Sound:
        return load_sound(SPEECH)

    def sound(self, seconds: float) -> Sound:
        """The sample recording over and over, so many seconds long."""
        samples = np.resize(self.recording.samples, round(SAMPLE_RATE * seconds)).astype(np.float32)
        return Sound(samples, Fraction(len(samples), SAMPLE_RATE))

    def bundle(self, preset: str, threads: int | None = None) -> Bundle:
        """A model of a preset: the default one as shipped, others with random weights."""
        return load_bundle(model_folder(preset), threads or self.threads)

    def lengths(self, *seconds: float) -> tuple[float, ...]:
        """Lengths of sound to measure at; a few seconds when it has to be quick."""
        return tuple(min(each, 2.0 + index) for index, each in enumerate(seconds)) if self.quick else seconds


def template_head(bundle: Bundle) -> Binding:
    """The model's own template as a head."""
    template = bundle.template
    return bind_head(template, template.rest, template.faces)


@lru_cache(maxsize=1)
def ict_mesh() -> tuple[Any, Any]:
    """Vertices and polygons of a head of 27,000 vertices; Missing where it isn't there."""
    from engine.heads import read_head

    if not ICT.is_file():
        raise Missing(f"there is no {ICT}")
    head = read_head(ICT)
    return head.vertices, head.polygons


def model_folder(preset: str) -> Path:
    """The folder of a model, exported when it isn't there yet; Missing without torch."""
    if preset == "default":
        return default_bundle_path()
    folder = CACHE / preset
    if not (folder / "model.json").is_file():
        try:
            from .random_models import export_random
        except ImportError as error:
            raise Missing(f"the model of the preset {preset} needs the training packages ({error})") from None
        export_random(preset, folder)
    return folder


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    load = os.getloadavg() if hasattr(os, "getloadavg") else ()
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": default_threads(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "onnxruntime": import_onnxruntime().__version__,
        "load": [round(each, 1) for each in load],
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
