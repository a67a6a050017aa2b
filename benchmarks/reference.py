# SPDX-License-Identifier: GPL-3.0-or-later
"""The published algorithm, written down plainly (tests/engine/reference), beside the engine: same sound, same
weights, same labels."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from engine.bundle import Bundle
from engine.generate import GenerateOptions, generate
from tests.engine.reference import Reference

from .figures import Figure, Times, timed
from .setting import CACHE, Setting, template_head

TARGETS = {15.0: 40.0, 60.0: 150.0}


def run(setting: Setting) -> list[Figure]:
    """How many times as long the reference takes, wav to vertices."""
    preset = "default" if setting.quick else "released"
    figures = []
    for seconds, target in zip(setting.lengths(*TARGETS), TARGETS.values(), strict=True):
        one, labels = _engine(setting, preset, seconds, 1)
        every, _ = _engine(setting, preset, seconds, setting.threads)
        plain, note, wanted = _reference(setting, setting.bundle(preset), seconds)
        if not np.array_equal(labels, wanted):
            raise AssertionError("the reference's labels differ")
        name = f"{seconds:g} s: the reference takes"
        threads = f"wall, {setting.threads} threads"
        figures += [
            Figure(f"{name}", plain.wall / seconds, "x real", note=f"  {note}"),
            Figure(f"{name} ({threads})", plain.wall / every.wall, "x", target, True),
            Figure(f"{name} (processor time, 1 thread)", plain.processor / one.processor, "x", target, True),
        ]
    return figures


def _engine(setting: Setting, preset: str, seconds: float, threads: int) -> tuple[Times, Any]:
    """What the engine takes on so many threads, and its labels."""
    bundle = setting.bundle(preset, threads)
    head, sound = template_head(bundle), setting.sound(seconds)
    takes = list(generate(bundle, setting.sound(2.0), head, GenerateOptions()))
    spent = timed(lambda: takes.extend(generate(bundle, sound, head, GenerateOptions())), 2)
    return spent, takes[-1].labels


def _reference(setting: Setting, bundle: Bundle, seconds: float) -> tuple[Times, str, Any]:
    """What the reference took and its labels; measured once for a model and a length, then kept."""
    checksum = bundle.card.checksums[bundle.card.graphs["autoregressive"]][:12]
    path = CACHE / f"reference-{checksum}-{seconds:g}.json"
    if path.is_file() and not setting.quick:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return Times(kept["wall"], kept["processor"]), "(measured before)", np.array(kept["labels"], np.int16)
    reference, head, sound = Reference(bundle), template_head(bundle), setting.sound(seconds)
    found = []

    def work() -> None:
        labels = reference.sample(reference.hear(sound), 0, bundle.card.default_temperature)
        reference.move(labels, head)
        found.append(labels)

    spent = timed(work)
    if not setting.quick:
        CACHE.mkdir(parents=True, exist_ok=True)
        kept = {"wall": spent.wall, "processor": spent.processor, "labels": found[0].tolist()}
        path.write_text(json.dumps(kept), encoding="utf-8")
    return spent, "(measured now)", found[0]
