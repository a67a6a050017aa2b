# SPDX-License-Identifier: GPL-3.0-or-later
"""Sound to vertices on the template head, as a part of the sound's length."""

from __future__ import annotations

from engine.generate import GenerateOptions, generate
from engine.generate.decode import Mover
from engine.generate.pipeline import move, perform

from .figures import Figure, timed
from .setting import Setting, template_head

TARGETS = {"default": 0.03, "released": 0.06, "paper": 0.5}
LENGTHS = {"default": (10.0, 60.0, 600.0), "released": (10.0, 60.0, 600.0), "paper": (10.0,)}
WARM_UP = 2.0


def run(setting: Setting) -> list[Figure]:
    """Real time of each preset at several lengths, and how far it stays the same."""
    figures = []
    for preset in ("default",) if setting.quick else TARGETS:
        figures += _preset(setting, preset)
    return figures


def _preset(setting: Setting, preset: str) -> list[Figure]:
    bundle = setting.bundle(preset)
    head = template_head(bundle)
    generate(bundle, setting.sound(WARM_UP), head, GenerateOptions())
    figures, parts = [], []
    for seconds in setting.lengths(*LENGTHS[preset]):
        sound, mover = setting.sound(seconds), Mover(bundle, head)

        def work(sound=sound, mover=mover) -> None:
            performance = perform(bundle, sound, GenerateOptions())
            for _block in move(mover, performance, 0):
                pass

        spent = timed(work, 1 if seconds > 100 else 3)
        parts.append(spent.processor / seconds)
        name = f"{preset}, {seconds:g} s: part of real time"
        figures.append(Figure(f"{name}, wall", spent.wall / seconds, "", TARGETS[preset]))
        figures.append(Figure(f"{name}, processors", parts[-1]))
    if len(parts) > 1:
        name = f"{preset}: real time at {setting.lengths(*LENGTHS[preset])[-1]:g} s against the shortest"
        figures.append(Figure(name, parts[-1] / parts[0], "", 1.15))
    return figures
