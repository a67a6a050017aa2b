# SPDX-License-Identifier: GPL-3.0-or-later
"""The two stages: what a step of each computes and how it is validated."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.audio.features import MelSettings
from training.data.batches import Batch, draw_batch
from training.data.clip import ClipSource
from training.fit.loop import Stage, parameters
from training.fit.losses import Gumbel, encode, stage_one_loss
from training.fit.preset import Preset
from training.model.autoregressive import Autoregressive
from training.model.meshtalk import MeshTalk

VALIDATION_BATCHES = 4
VALIDATION_SEED = 7


@dataclass(frozen=True)
class Sources:
    """The splits that training reads, how their features were made, and where tensors shall live."""

    train: ClipSource
    validation: ClipSource
    features: MelSettings
    device: torch.device


def stage_one(model: MeshTalk, preset: Preset, sources: Sources) -> Stage:
    """Encoders, fusion and decoder with the cross-modality loss (section 3.2)."""
    start, end = preset.loss.temperature
    quiet, loud = preset.loss.noise

    def loss(step: int, fraction: float) -> tuple[Tensor, dict[str, Tensor]]:
        gumbel = Gumbel(start * (end / start) ** fraction, quiet + (loud - quiet) * fraction)
        return stage_one_loss(model, _batch(preset, sources, 1, step), preset.loss, gumbel, preset.bfloat16)

    def validate() -> dict[str, float]:
        return validate_stage_one(model, validation_batches(preset, sources))

    return Stage("stage1", model, parameters([model]), loss, validate, preset.stage1, preset.seed)


def stage_two(model: MeshTalk, autoregressive: Autoregressive, preset: Preset, sources: Sources) -> Stage:
    """The autoregressive model on the labels of the frozen first stage (section 3.3)."""
    model.eval().requires_grad_(False)
    autoregressive.adopt_heard(model.fusion)

    def loss(step: int, fraction: float) -> tuple[Tensor, dict[str, Tensor]]:
        batch = _batch(preset, sources, 2, step)
        return label_loss(model, autoregressive, batch, preset.bfloat16, preset.loss.corrupted_labels), {}

    def validate() -> dict[str, float]:
        return validate_stage_two(model, autoregressive, validation_batches(preset, sources))

    return Stage(
        "stage2", autoregressive, parameters([autoregressive]), loss, validate, preset.stage2, preset.seed + 1
    )


def label_loss(
    model: MeshTalk,
    autoregressive: Autoregressive,
    batch: Batch,
    bfloat16: bool = False,
    corrupted: float = 0.0,
) -> Tensor:
    """Mean cross entropy (nats a label) of the first stage's labels, teacher-forced.

    A share ``corrupted`` of the labels that the model sees is random, so that it learns to go on from labels
    that the first stage wouldn't have given, as its own samples are.
    """
    with torch.no_grad():
        codes = encode(model, batch, bfloat16)
        labels = model.fusion(codes.audio, codes.expression).argmax(-1)
    seen = labels
    if corrupted > 0:
        other = torch.randint_like(labels, autoregressive.categories)
        seen = torch.where(torch.rand(labels.shape, device=labels.device) < corrupted, other, labels)
    logits = autoregressive(seen, codes.audio)
    return F.cross_entropy(logits.flatten(0, 2), labels.flatten())


@torch.no_grad()
def validate_stage_one(model: MeshTalk, batches: list[Batch]) -> dict[str, float]:
    """Root mean squared errors in mm on the validation split, with the likeliest labels.

    ``reconstruct_…`` from a clip's own codes, ``heard_mouth`` with the expression of another clip, and the
    share of phonemes that the audio code tells.
    """
    model.eval()
    space = model.space
    sums: dict[str, list[float]] = {}
    for batch in batches:
        codes = encode(model, batch)
        own = model.decode_labels(codes.rest, model.fusion(codes.audio, codes.expression).argmax(-1))
        other = model.decode_labels(
            codes.rest, model.fusion(codes.audio, codes.expression.roll(1, 0)).argmax(-1)
        )
        squares = {
            f"reconstruct_{region}": (own, region) for region in ("all", "mouth", "upper", "eyelids", "lips")
        }
        squares["heard_mouth"], squares["heard_lips"] = (other, "mouth"), (other, "lips")
        for name, (decoded, region) in squares.items():
            sums.setdefault(name, []).append(
                float(space.squared_error(decoded - codes.target, region).mean())
            )
        if model.phoneme_head is not None and bool((batch.phonemes >= 0).any()):
            right = (model.phoneme_head(codes.audio).argmax(-1) == batch.phonemes)[batch.phonemes >= 0]
            sums.setdefault("phonemes_right", []).append(float(right.float().mean()))
    return {
        f"valid_{name}": sum(values) / len(values)
        if name == "phonemes_right"
        else math.sqrt(sum(values) / len(values))
        for name, values in sums.items()
    }


@torch.no_grad()
def validate_stage_two(
    model: MeshTalk, autoregressive: Autoregressive, batches: list[Batch]
) -> dict[str, float]:
    """Cross entropy on the validation split, nats a label."""
    autoregressive.eval()
    losses = [float(label_loss(model, autoregressive, batch)) for batch in batches]
    return {"valid_cross_entropy": sum(losses) / len(losses)}


def validation_batches(preset: Preset, sources: Sources) -> list[Batch]:
    """The same few batches of the validation split every time."""
    return [
        draw_batch(sources.validation, preset.batch, (VALIDATION_SEED, index), sources.features).to(
            sources.device
        )
        for index in range(VALIDATION_BATCHES)
    ]


def _batch(preset: Preset, sources: Sources, stage: int, step: int) -> Batch:
    seed = (preset.seed, stage, step)
    batch = draw_batch(sources.train, preset.batch, seed, sources.features, preset.augmentation)
    return batch.to(sources.device)


def sample_motion(model: MeshTalk, preset: Preset, sources: Sources, batches: int = 24) -> Tensor:
    """Motion vectors ``(N, motion_size)`` of the training split, to learn their statistics from."""
    drawn = [
        draw_batch(sources.train, preset.batch, (preset.seed, 0, step), sources.features)
        for step in range(batches)
    ]
    device = sources.device
    return torch.cat([model.space.motion_vector(batch.motion.to(device)).flatten(0, 1) for batch in drawn])
