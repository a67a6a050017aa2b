# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a generation takes once everything is loaded: ``python -m tools.speed SPEECH [SECONDS …]``."""

from __future__ import annotations

import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np

from engine.audio.sound import Sound, load_sound
from engine.bundle import default_bundle_path, load_bundle
from engine.generate import GenerateOptions, generate
from engine.geometry.bind import bind_head

RATE = 16_000


def repeated(sound: Sound, seconds: int) -> Sound:
    """``sound`` over and over, ``seconds`` long."""
    return Sound(np.resize(sound.samples, RATE * seconds).astype(np.float32), Fraction(seconds))


def main(arguments: list[str]) -> None:
    """Print wall and processor time of each length, on the default bundle's own head."""
    if not arguments:
        sys.exit("speed: give a recording, and then lengths in seconds (10 and 60 when none are given).")
    bundle = load_bundle(default_bundle_path())
    template = bundle.template
    head = bind_head(template, template.rest, template.faces)
    sound = load_sound(Path(arguments[0]))
    generate(bundle, repeated(sound, 2), head, GenerateOptions())
    for seconds in [int(word) for word in arguments[1:]] or [10, 60]:
        wall, processor = time.perf_counter(), time.process_time()
        generate(bundle, repeated(sound, seconds), head, GenerateOptions())
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        print(f"{seconds:4d} s of speech: {wall:.2f} s, of the processors {processor:.2f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
