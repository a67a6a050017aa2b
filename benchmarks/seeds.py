# SPDX-License-Identifier: GPL-3.0-or-later
"""Many seeds together against one, and one head of many vertices against the template."""

from __future__ import annotations

from collections.abc import Callable

from engine.audio.sound import Sound
from engine.bundle import Bundle
from engine.generate import GenerateOptions, generate
from engine.geometry.bind import bind_head
from engine.geometry.topology import Binding

from .figures import Figure, in_turns
from .setting import Missing, Setting, ict_mesh, template_head

SEEDS, SECONDS, ROUNDS = 16, 10.0, 5

KINDS = {"curves": False, "curves and vertices": True}
"""What is generated, and whether vertices are kept. In Blender they are not."""


def run(setting: Setting) -> list[Figure]:
    """16 seeds against one, and a head of 27,000 vertices against the template's, with and without
    vertices."""
    bundle, (seconds,) = setting.bundle("default"), setting.lengths(SECONDS)
    head, sound, figures = template_head(bundle), setting.sound(seconds), []
    for what, kept in KINDS.items():
        one, many = (_work(bundle, sound, head, count, kept) for count in (1, SEEDS))
        figures += _ratio(f"{SEEDS} seeds against one, {seconds:g} s, {what}", one, many, 4.0)
    try:
        vertices, polygons = ict_mesh()
    except Missing:
        return figures
    other = bind_head(bundle.template, vertices, polygons)
    name = f"{len(vertices)} vertices against the template's {len(head.vertices)}"
    for what, kept in KINDS.items():
        own, large = (_work(bundle, sound, each, 1, kept) for each in (head, other))
        figures += _ratio(f"{name}, {what}", own, large, 1.2)
    return figures


def _work(bundle: Bundle, sound: Sound, head: Binding, takes: int, kept: bool) -> Callable[[], object]:
    return lambda: generate(bundle, sound, head, GenerateOptions(takes=takes, keep_vertices=kept))


def _ratio(
    name: str, less: Callable[[], object], more: Callable[[], object], target: float
) -> tuple[Figure, Figure]:
    """How many times as long one work takes as another, in turns."""
    one, other = in_turns((less, more), ROUNDS)
    note = f"  {other.wall:.3f} s against {one.wall:.3f}"
    return (
        Figure(f"{name}, wall", other.wall / one.wall, "x", target, note=note),
        Figure(f"{name}, processors", other.processor / one.processor, "x"),
    )
