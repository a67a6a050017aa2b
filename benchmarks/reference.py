# SPDX-License-Identifier: GPL-3.0-or-later
"""The published algorithm, written down plainly (tests/engine/reference), beside the engine: same sound, same
weights, same labels."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.blas import one_thread_a_product
from engine.bundle import Bundle
from engine.generate import GenerateOptions, generate
from tests.engine.reference import Reference

from .figures import Figure, Times, least, timed
from .setting import CACHE, Setting, template_head

TARGETS = {15.0: 40.0, 60.0: 150.0}
LONGEST = 15.0
"""Seconds of sound up to which the reference is always run to its end."""

ENGINE_RUNS, REFERENCE_RUNS = 5, 2
"""Of which the least counts. The engine's are before the reference's and again after them. *Measured* on an
idle machine: in a process' first seconds even one thread took half as much processor time again."""

PLACES, FRAMES = 9, 2
"""Places of a longer sound at which its frames are measured, and how many there."""


def run(setting: Setting) -> list[Figure]:
    """How many times as long the reference takes, wav to vertices."""
    preset = "default" if setting.quick else "released"
    lengths = zip(setting.lengths(*TARGETS), TARGETS.values(), strict=True)
    return [each for seconds, target in lengths for each in _compared(setting, preset, seconds, target)]


def _compared(setting: Setting, preset: str, seconds: float, target: float) -> list[Figure]:
    before = _engines(setting, preset, seconds)
    plain, note, wanted = _reference(setting, setting.bundle(preset, 1), seconds)
    with one_thread_a_product():  # NumPy's threads wait spinning, and would count twice
        alone, *_ = _reference(setting, setting.bundle(preset, 1), seconds, "-one-thread")
    after = _engines(setting, preset, seconds)
    if wanted is not None and not np.array_equal(after[0][1], wanted):
        raise AssertionError("the reference's labels differ")
    one, every = (least([early, late]) for (early, _), (late, _) in zip(before, after, strict=True))
    name, threads = f"{seconds:g} s: the reference takes", f"wall, {setting.threads} threads"
    return [
        Figure(f"{name} (wall)", plain.wall / seconds, "x real", note=f"  {note}"),
        Figure(f"{name} (processor time, 1 thread)", alone.processor / seconds, "x real"),
        Figure(f"{name} ({threads})", plain.wall / every.wall, "x", target, True),
        Figure(f"{name} (processor time, both 1 thread)", alone.processor / one.processor, "x"),
    ]


def _engines(setting: Setting, preset: str, seconds: float) -> list[tuple[Times, Any]]:
    """What the engine takes on one thread and on all, with its labels."""
    return [_engine(setting, preset, seconds, threads) for threads in (1, setting.threads)]


def _engine(setting: Setting, preset: str, seconds: float, threads: int) -> tuple[Times, Any]:
    """What the engine takes on so many threads, and its labels."""
    bundle = setting.bundle(preset, threads)
    head, sound = template_head(bundle), setting.sound(seconds)
    takes = list(generate(bundle, setting.sound(2.0), head, GenerateOptions()))

    def work() -> None:
        takes[:] = generate(bundle, sound, head, GenerateOptions())

    return timed(work, ENGINE_RUNS), takes[0].labels


def _reference(setting: Setting, bundle: Bundle, seconds: float, kind: str = "") -> tuple[Times, str, Any]:
    """What the reference took, how that is known, and its labels (None where it was estimated); a ``kind`` of
    run is kept under its own name."""
    checksum = bundle.card.checksums[bundle.card.graphs["autoregressive"]][:12]
    path = CACHE / f"reference-{checksum}-{seconds:g}{kind}-of-{REFERENCE_RUNS}.json"
    if path.is_file() and not setting.quick:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return Times(kept["wall"], kept["processor"]), "measured before", np.array(kept["labels"], np.int16)
    if seconds > LONGEST and not setting.full:
        return _estimate(setting, bundle, seconds), "estimated from some of its frames (--full runs it)", None
    spent, labels = _measure(setting, bundle, seconds)
    if not setting.quick:
        CACHE.mkdir(parents=True, exist_ok=True)
        kept = {"wall": spent.wall, "processor": spent.processor, "labels": labels.tolist()}
        path.write_text(json.dumps(kept), encoding="utf-8")
    return spent, "measured now", labels


def _measure(setting: Setting, bundle: Bundle, seconds: float) -> tuple[Times, Any]:
    reference, head, sound = Reference(bundle), template_head(bundle), setting.sound(seconds)
    found = []

    def work() -> None:
        labels = reference.sample(reference.hear(sound), 0, bundle.card.default_temperature)
        reference.move(labels, head)
        found.append(labels)

    return timed(work, REFERENCE_RUNS), found[0]


def _estimate(setting: Setting, bundle: Bundle, seconds: float) -> Times:
    """The sum over all frames of what single frames take at several places: each step passes over all that
    was sampled before, so a frame takes the longer the later it comes. Hearing and moving are measured on a
    tenth of the sound."""
    reference, head, short = Reference(bundle), template_head(bundle), setting.sound(seconds / 10)
    codes = reference.hear(short)
    frames = round(seconds * bundle.card.frame_rate)
    labels = np.zeros((len(codes), bundle.card.heads), np.int16)
    rest = [timed(lambda: reference.hear(short)), timed(lambda: reference.move(labels, head))]
    places = np.linspace(0, frames - FRAMES, PLACES).astype(int)
    spent = [_some_frames(reference, codes, int(place)) for place in places]
    walls, processors = zip(*((each.wall, each.processor) for each in spent), strict=True)
    every = np.arange(frames)
    return Times(
        float(np.interp(every, places, walls).sum()) / FRAMES + 10 * sum(each.wall for each in rest),
        float(np.interp(every, places, processors).sum()) / FRAMES
        + 10 * sum(each.processor for each in rest),
    )


def _some_frames(reference: Reference, codes: NDArray[np.float32], first: int) -> Times:
    """FRAMES frames from ``first`` on; which codes they hear doesn't matter."""
    longer = np.resize(codes, (first + FRAMES, codes.shape[1]))
    return timed(lambda: reference.sample(longer, 0, 1.0, first), 3)
