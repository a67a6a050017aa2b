# SPDX-License-Identifier: GPL-3.0-or-later
"""The two stages: what a step of each computes and how it is validated."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.audio.features import MelSettings
from training.data.batches import Batch, BatchSettings, draw_batch
from training.data.clip import ClipSource
from training.fit.guide import learn_guide
from training.fit.loop import Stage, parameters
from training.fit.losses import Gumbel, ear_loss, encode, hear, settle_loss, stage_one_loss
from training.fit.preset import Preset
from training.model.autoregressive import Autoregressive
from training.model.meshtalk import MeshTalk
from training.model.space import REGIONS

VALIDATION_BATCHES = 4
VALIDATION_SEED = 7


@dataclass(frozen=True)
class Sources:
    """The splits that training reads, how their features were made, and where tensors shall live."""

    train: ClipSource
    validation: ClipSource
    features: MelSettings
    device: torch.device


def ear_stage(model: MeshTalk, preset: Preset, sources: Sources) -> Stage:
    """The audio encoder on its own: it learns far more in the same time without latent and decoder."""
    ear = model.ear()

    def loss(step: int, fraction: float) -> tuple[Tensor, dict[str, Tensor]]:
        batch = _batch(preset, sources, 0, step, preset.ear_batch)
        return ear_loss(model, batch, preset.loss, preset.bfloat16)

    def validate() -> dict[str, float]:
        return validate_ear(model, validation_batches(preset, sources))

    return Stage("ear", ear, parameters([ear]), loss, validate, preset.ear, preset.seed + 2)


def stage_one(model: MeshTalk, preset: Preset, sources: Sources) -> Stage:
    """Encoders, fusion and decoder with the cross-modality loss (section 3.2)."""
    start, end = preset.loss.temperature
    quiet, loud = preset.loss.noise
    guide = None
    if preset.loss.guide > 0:
        guide = learn_guide(model.space, preset.model, sample_motion(model, preset, sources))

    def loss(step: int, fraction: float) -> tuple[Tensor, dict[str, Tensor]]:
        gumbel = Gumbel(start * (end / start) ** fraction, quiet + (loud - quiet) * fraction)
        left = max(0.0, 1 - fraction / preset.loss.guide_until)
        settings = dataclasses.replace(preset.loss, guide=preset.loss.guide * left)
        batch = _batch(preset, sources, 1, step)
        return stage_one_loss(model, batch, settings, gumbel, preset.bfloat16, guide if left > 0 else None)

    def validate() -> dict[str, float]:
        return validate_stage_one(model, validation_batches(preset, sources))

    trained = parameters([model.audio_encoder]) if preset.ear.scheduled else ()
    return Stage(
        "stage1",
        model,
        parameters([model]),
        loss,
        validate,
        preset.stage1,
        preset.seed,
        trained,
        preset.ear_rate,
    )


def settle_stage(model: MeshTalk, preset: Preset, sources: Sources) -> Stage:
    """The decoder alone, once labels are fixed: in stage 1 it sees them noisier than they are in use."""

    def loss(step: int, fraction: float) -> tuple[Tensor, dict[str, Tensor]]:
        return settle_loss(model, _batch(preset, sources, 3, step), preset.loss, preset.bfloat16)

    def validate() -> dict[str, float]:
        return validate_stage_one(model, validation_batches(preset, sources))

    decoder = model.decoder
    model.eval()
    return Stage("settle", decoder, parameters([decoder]), loss, validate, preset.settle, preset.seed + 3)


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
def validate_ear(model: MeshTalk, batches: list[Batch]) -> dict[str, float]:
    """Root mean squared errors in mm of what is read out of the audio code; the share of phonemes told."""
    model.eval()
    squares: dict[str, list[float]] = {"mouth": [], "lips": []}
    right: list[float] = []
    for batch in batches:
        codes = hear(model, batch)
        wrong = model.read_out(codes.audio) - codes.target
        for region, values in squares.items():
            values.append(float(model.space.squared_error(wrong, region).mean()))
        right += _phonemes_right(model, codes.audio, batch.phonemes)
    found = {f"valid_heard_{name}": math.sqrt(sum(values) / len(values)) for name, values in squares.items()}
    return found | ({"valid_phonemes_right": sum(right) / len(right)} if right else {})


def _phonemes_right(model: MeshTalk, audio_code: Tensor, phonemes: Tensor) -> list[float]:
    """The share of phonemes that the audio code tells, in a list that is empty where none is known."""
    known = phonemes >= 0
    if model.phoneme_head is None or not bool(known.any()):
        return []
    return [float((model.phoneme_head(audio_code).argmax(-1) == phonemes)[known].float().mean())]


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
        squares = {f"reconstruct_{region}": (own, region) for region in REGIONS}
        squares["heard_mouth"], squares["heard_lips"] = (other, "mouth"), (other, "lips")
        for name, (decoded, region) in squares.items():
            sums.setdefault(name, []).append(
                float(space.squared_error(decoded - codes.target, region).mean())
            )
        sums.setdefault("phonemes_right", []).extend(_phonemes_right(model, codes.audio, batch.phonemes))
    return {
        f"valid_{name}": sum(values) / len(values)
        if name == "phonemes_right"
        else math.sqrt(sum(values) / len(values))
        for name, values in sums.items()
        if values
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


def _batch(
    preset: Preset, sources: Sources, stage: int, step: int, settings: BatchSettings | None = None
) -> Batch:
    seed = (preset.seed, stage, step)
    batch = draw_batch(sources.train, settings or preset.batch, seed, sources.features, preset.augmentation)
    return batch.to(sources.device)


def sample_motion(model: MeshTalk, preset: Preset, sources: Sources, batches: int = 24) -> Tensor:
    """Motion vectors ``(N, motion_size)`` of the training split, to learn their statistics from."""
    drawn = [
        draw_batch(sources.train, preset.batch, (preset.seed, 0, step), sources.features)
        for step in range(batches)
    ]
    device = sources.device
    return torch.cat([model.space.motion_vector(batch.motion.to(device)).flatten(0, 1) for batch in drawn])


def reader_batches(preset: Preset, sources: Sources, batches: int = 48) -> list[Batch]:
    """Batches of the training split from which the readers of an encoder that hears already are fitted."""
    return [_batch(preset, sources, 4, step, preset.ear_batch) for step in range(batches)]
