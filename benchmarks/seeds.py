# SPDX-License-Identifier: GPL-3.0-or-later
"""Many seeds together against one, and one head of many vertices against the template."""

from __future__ import annotations

from engine.audio.sound import Sound
from engine.bundle import Bundle
from engine.generate import GenerateOptions, generate
from engine.geometry.bind import bind_head
from engine.geometry.topology import Binding

from .figures import Figure, Times, timed
from .setting import Missing, Setting, ict_mesh, template_head

SEEDS, SECONDS = 16, 10.0


def run(setting: Setting) -> list[Figure]:
    """16 seeds against one, with and without vertices; a head of 27,000 vertices against the template's."""
    bundle = setting.bundle("default")
    head, (seconds,) = template_head(bundle), setting.lengths(SECONDS)
    sound, figures = setting.sound(seconds), []
    for kept, what in ((False, "curves"), (True, "curves and vertices")):
        one, many = (
            _least(bundle, sound, head, GenerateOptions(takes=count, keep_vertices=kept))
            for count in (1, SEEDS)
        )
        name = f"{SEEDS} seeds against one, {seconds:g} s, {what}"
        figures.append(Figure(f"{name}, wall", many.wall / one.wall, "x", 4.0))
        figures.append(Figure(f"{name}, processors", many.processor / one.processor, "x"))
    try:
        vertices, polygons = ict_mesh()
    except Missing:
        return figures
    other = bind_head(bundle.template, vertices, polygons)
    own, large = (_least(bundle, sound, each, GenerateOptions()) for each in (head, other))
    name = f"{len(vertices)} vertices against the template's {len(head.vertices)}"
    figures.append(Figure(f"{name}, wall", large.wall / own.wall, "x", 1.2))
    figures.append(Figure(f"{name}, processors", large.processor / own.processor, "x"))
    return figures


def _least(bundle: Bundle, sound: Sound, head: Binding, options: GenerateOptions) -> Times:
    """The least of three generations after a first one."""
    generate(bundle, sound, head, options)
    return timed(lambda: generate(bundle, sound, head, options), 3)
