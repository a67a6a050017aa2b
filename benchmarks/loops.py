# SPDX-License-Identifier: GPL-3.0-or-later
"""The sampler both ways: one call of the bundle's step graph a frame, and the whole loop in one graph."""

from __future__ import annotations

import numpy as np

from engine.bundle import Bundle
from engine.generate.loop import LoopSampler, Sampler, StepSampler
from engine.generate.sample import FRAMES_AT_ONCE

from .figures import Figure, timed
from .setting import Setting

FRAMES = 160


def run(setting: Setting) -> list[Figure]:
    """Milliseconds a frame by preset and number of seeds."""
    figures = []
    for preset in ("default",) if setting.quick else ("default", "released"):
        bundle = setting.bundle(preset)
        loop = bundle.loop()
        assert loop is not None
        for lanes in (1, 8, 16):
            step = _milliseconds(bundle, StepSampler(bundle, lanes), lanes)
            whole = _milliseconds(bundle, LoopSampler(bundle, loop, lanes), lanes)
            name = f"{preset}, {lanes} seed{'s' if lanes > 1 else ''}"
            figures += [
                Figure(f"{name}: one call a frame", step, "ms"),
                Figure(f"{name}: the loop in one graph", whole, "ms"),
                Figure(f"{name}: times as fast", step / whole, "x"),
            ]
    return figures


def _milliseconds(bundle: Bundle, sampler: Sampler, lanes: int) -> float:
    card, rng = bundle.card, np.random.default_rng(0)
    code = rng.standard_normal((FRAMES_AT_ONCE, card.audio_code)).astype(np.float32)
    shape = (lanes, FRAMES_AT_ONCE, card.heads, card.categories)
    noise = rng.gumbel(size=shape).astype(np.float32)
    sampler.run(code, noise)

    def work() -> None:
        for _ in range(FRAMES // FRAMES_AT_ONCE):
            sampler.run(code, noise)

    return timed(work, 3).processor / FRAMES * 1000
