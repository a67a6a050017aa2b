# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors on the test split, use of the latent, and how well the autoregressive model foretells labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.bundle import Bundle
from engine.generate.sample import sample_labels
from engine.template import Template
from training.data.clip import Clip
from training.evaluate.networks import BundleNetworks, Labels, motion_rows, true_displacement
from training.evaluate.regions import Regions, mean_of

Floats = NDArray[np.float32]


def measure_accuracy(bundle: Bundle, clips: list[Clip], template: Template, seed: int = 0) -> dict[str, Any]:
    """Reconstruction, generation and resting-face errors in mm, perplexities and cross entropies.

    ``reconstruction`` decodes a clip's own codes; ``generation`` samples from the sound alone, so its upper
    face is another performance than the clip's and only its mouth can be right; ``still`` is the face that
    never moves. ``template`` is that of the clips.
    """
    networks, regions = BundleNetworks(bundle, template), Regions(template)
    basis = motion_rows(template)
    rows: dict[str, list[dict[str, float]]] = {"reconstruction": [], "generation": [], "still": []}
    labels, codes = [], []
    for number, clip in enumerate(clips):
        true = true_displacement(clip, basis)
        audio = networks.audio_code(clip)
        own = networks.labels(audio, networks.expression_code(clip))
        drawn = sample_labels(bundle, audio, (seed + number,), bundle.card.default_temperature)[0]
        rows["reconstruction"].append(regions.errors(networks.decode(clip.rest, own), true))
        rows["generation"].append(regions.errors(networks.decode(clip.rest, drawn), true))
        rows["still"].append(regions.errors(np.zeros_like(true), true))
        labels.append(own)
        codes.append(audio)
    frames = [len(row) for row in labels]
    errors = {f"{name}_mm": mean_of(values, frames) for name, values in rows.items()}
    return errors | {"frames": sum(frames), "clips": len(clips)} | measure_latent(bundle, labels, codes)


def measure_latent(bundle: Bundle, labels: list[Labels], codes: list[Floats]) -> dict[str, Any]:
    """Perplexity of every head, and cross entropies in nats a label.

    The unigram baseline knows how often each category of a head occurs in these very labels, which is more
    than a model could know.
    """
    together = np.concatenate(labels)
    entropies = [_entropy(together[:, head], bundle.card.categories) for head in range(together.shape[1])]
    return {
        "perplexity": [round(float(np.exp(entropy)), 2) for entropy in entropies],
        "cross_entropy": {
            "autoregressive": autoregressive_cross_entropy(bundle, labels, codes),
            "unigram": float(np.mean(entropies)),
            "uniform": float(np.log(bundle.card.categories)),
        },
    }


def autoregressive_cross_entropy(bundle: Bundle, labels: list[Labels], codes: list[Floats]) -> float:
    """Mean cross entropy of the true labels, each given the true earlier ones; one clip in each lane."""
    lanes = bundle.card.lanes
    order = sorted(range(len(labels)), key=lambda index: len(labels[index]))
    total, count = 0.0, 0
    for first in range(0, len(order), lanes):
        group = order[first : first + lanes]
        total += _group_cross_entropy(bundle, [labels[i] for i in group], [codes[i] for i in group])
        count += sum(labels[i].size for i in group)
    return total / count


def _group_cross_entropy(bundle: Bundle, labels: list[Labels], codes: list[Floats]) -> float:
    card = bundle.card
    forced = np.zeros((card.lanes, card.heads), np.int64)
    audio = np.zeros((card.lanes, card.audio_code), np.float32)
    noise = np.zeros((card.lanes, card.heads, card.categories), np.float32)
    state = np.zeros((card.lanes, card.autoregressive_state), np.float32)
    total = 0.0
    for frame in range(max(len(row) for row in labels)):
        alive = [lane for lane, row in enumerate(labels) if frame < len(row)]
        for lane in alive:
            forced[lane], audio[lane] = labels[lane][frame], codes[lane][frame]
        out = bundle.run(
            "autoregressive", {"audio_code": audio, "noise": noise, "forced": forced, "state": state}
        )
        state = out["state_out"]
        total -= float(_log_chances(out["logits"][alive], forced[alive]).sum())
    return total


def _log_chances(logits: Floats, labels: Labels) -> NDArray[np.float64]:
    """Log probability of each label ``(n, H)`` under logits ``(n, H, C)``."""
    values = logits.astype(np.float64)
    top = values.max(-1, keepdims=True)
    norm = top[..., 0] + np.log(np.exp(values - top).sum(-1))
    return np.take_along_axis(values, labels[..., None], -1)[..., 0] - norm


def _entropy(labels: Labels, categories: int) -> float:
    share = np.bincount(labels, minlength=categories) / len(labels)
    share = share[share > 0]
    return float(-(share * np.log(share)).sum())
