# SPDX-License-Identifier: GPL-3.0-or-later
"""Which heads of the latent are about the upper face: brows, lids, gaze.

Where a model has heads that only hear, those are the mouth's and all others the upper face's: what such a
head says doesn't depend on what was sampled before, which is asked of the sampler itself. Other models are
asked through their decoder what each head moves.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from ..bundle import Bundle
from .read_back import upper_share

Bools = NDArray[np.bool_]
Float32 = NDArray[np.float32]

DEAF = 1e-3
"""Logits that another history changes by less than this don't depend on it."""

_known: WeakKeyDictionary[Bundle, Bools] = WeakKeyDictionary()


def upper_heads(bundle: Bundle) -> Bools:
    """Which heads (H,) of a model's latent are the upper face's; found out once for each bundle."""
    if bundle not in _known:
        hearing = hearing_heads(bundle)
        _known[bundle] = ~hearing if hearing.any() and not hearing.all() else _moving_the_upper_face(bundle)
    return _known[bundle]


def head_temperatures(bundle: Bundle, temperature: float | None, upper: float | None) -> float | Float32:
    """The temperature of all heads, or one for each (H,) where the upper face has its own; None stands for
    the model's own, and for the same in the upper face."""
    common = bundle.card.default_temperature if temperature is None else temperature
    if upper is None or upper == common:
        return common
    return np.where(upper_heads(bundle), np.float32(upper), np.float32(common))


def hearing_heads(bundle: Bundle) -> Bools:
    """Which heads (H,) hear the sound alone: their logits don't change with the labels before."""
    card = bundle.card
    random = np.random.default_rng(0)
    code = np.zeros((card.lanes, card.audio_code), np.float32)
    noise = np.zeros((card.lanes, card.heads, card.categories), np.float32)

    def logits(state: Float32, label: int) -> Float32:
        forced = np.full((card.lanes, card.heads), label, np.int64)
        inputs = {"audio_code": code, "noise": noise, "forced": forced, "state": state}
        return bundle.run("autoregressive", inputs)["logits"]

    state = random.standard_normal((card.lanes, card.autoregressive_state)).astype(np.float32)
    change = np.abs(logits(state, card.categories - 1) - logits(np.zeros_like(state), 0))
    return change.max(axis=(0, 2)) < DEAF


def _moving_the_upper_face(bundle: Bundle) -> Bools:
    """Heads (H,) that move the upper face more than the mouth; half of all where none does."""
    card, template = bundle.card, bundle.template
    share = upper_share(template)
    parts = np.empty(card.heads)
    for head in range(card.heads):
        labels = np.zeros((1, card.block_frames, card.heads), np.int64)
        labels[0, :, head] = np.arange(card.block_frames) % card.categories
        state = np.zeros((1, card.decoder_state), np.float32)
        moved = bundle.run("decoder", {"rest": template.rest[None], "labels": labels, "state": state})
        energy = moved["vertices"][0].var(axis=0).sum(axis=1)
        parts[head] = energy @ share / max(float(energy.sum()), 1e-30)
    upper = parts > 0.5
    return upper if upper.any() and not upper.all() else parts >= np.median(parts)
