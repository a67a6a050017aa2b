# SPDX-License-Identifier: GPL-3.0-or-later
"""The most memory that the command line takes for long sounds, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from engine.audio.sound import SAMPLE_RATE
from engine.generate import GenerateOptions, generate

from .figures import Figure
from .setting import ROOT, Setting, template_head

TARGETS = {600.0: 500.0, 3600.0: 700.0}
GENERATIONS, GROWTH_MB = 200, 20.0

PROGRAM = """
import sys
from pathlib import Path
import numpy as np
from engine.audio.sound import load_sound
from engine.bundle import default_bundle_path, load_bundle
from engine.generate import GenerateOptions
from engine.generate.decode import Mover
from engine.generate.pipeline import move, perform
from engine.geometry.bind import bind_head
bundle = load_bundle(default_bundle_path())
template = bundle.template
head = bind_head(template, template.rest, template.faces)
performance = perform(bundle, load_sound(sys.argv[1]), GenerateOptions())
mover = Mover(bundle, head)
weights = [block.weights for block in move(mover, performance, 0)]
mover.clean(np.concatenate(weights))
lines = Path("/proc/self/status").read_text().splitlines()
print(next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")))
"""


def run(setting: Setting) -> list[Figure]:
    """Peak memory by length, and growth over many generations."""
    figures = []
    for seconds, target in zip(setting.lengths(*TARGETS), TARGETS.values(), strict=True):
        figures.append(Figure(f"peak memory for {seconds:g} s of sound", peak_mb(seconds), "MB", target))
    return [*figures, _growth(setting)]


def peak_mb(seconds: float) -> float:
    """Peak memory of a process that reads a sound of some seconds and generates, with vertices."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.wav"
        write_wav(path, seconds)
        found = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(path)], cwd=ROOT, check=True, capture_output=True, text=True
        )
    return float(found.stdout)


def write_wav(path: Path, seconds: float) -> None:
    """Syllables of noise, 16 bits, written second by second."""
    import soundfile

    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    rng = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", SAMPLE_RATE, 1, "PCM_16") as file:
        for _ in range(round(seconds)):
            file.write(0.2 * rng.standard_normal(SAMPLE_RATE) * np.maximum(0, np.sin(20 * time)))


def _growth(setting: Setting) -> Figure:
    """How much more a process holds after many generations."""
    bundle = setting.bundle("default")
    head, sound = template_head(bundle), setting.sound(1.0)
    count = 5 if setting.quick else GENERATIONS
    for seed in range(10):
        generate(bundle, sound, head, GenerateOptions(seed))
    before = _held_mb()
    for seed in range(count):
        generate(bundle, sound, head, GenerateOptions(seed))
    return Figure(f"growth over {count} generations", _held_mb() - before, "MB", GROWTH_MB)


def _held_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 2**20
