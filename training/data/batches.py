# SPDX-License-Identifier: GPL-3.0-or-later
"""Batches of clips as tensors, drawn from nothing but the seed and the step's number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.audio.features import MelSettings
from training.data.augment import Augmentation, augment
from training.data.clip import UNKNOWN_PHONEME, Clip, ClipSource

IGNORED = -100
"""Label that torch's cross entropy leaves out."""


@dataclass(frozen=True, eq=False)
class Batch:
    """``rest (B, V, 3)``, ``motion (B, T, Km)`` or ``(B, T, V, 3)``, ``mel (B, N, 80)``, ``phonemes (B, T)``
    int64.
    """

    rest: Tensor
    motion: Tensor
    mel: Tensor
    phonemes: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        return Batch(*(value.to(device) for value in (self.rest, self.motion, self.mel, self.phonemes)))


def collate(clips: list[Clip]) -> Batch:
    """Stack clips of equal length."""
    rest, motion, mel = (
        torch.from_numpy(np.stack([getattr(clip, name) for clip in clips]))
        for name in ("rest", "motion", "mel")
    )
    phonemes = torch.full(motion.shape[:2], IGNORED, dtype=torch.int64)
    for row, clip in enumerate(clips):
        if clip.phonemes is not None:
            known = torch.from_numpy(clip.phonemes.astype(np.int64))
            phonemes[row] = torch.where(known == UNKNOWN_PHONEME, IGNORED, known)
    return Batch(rest, motion, mel, phonemes)


@dataclass(frozen=True)
class BatchSettings:
    """``batch`` clips of ``frames`` frames; a stretch may reach ``margin`` frames past a clip's ends."""

    batch: int = 16
    frames: int = 64
    margin: int = 12


def draw_batch(
    source: ClipSource,
    settings: BatchSettings,
    seed: tuple[int, ...],
    features: MelSettings,
    augmentation: Augmentation | None = None,
) -> Batch:
    """The batch that belongs to ``seed``, so that a resumed run sees what an uninterrupted one would have
    seen.
    """
    rng = np.random.default_rng(seed)
    clips = []
    for _ in range(settings.batch):
        index = source.choose(rng)
        spare = source.frames(index) - settings.frames
        low, high = min(0, spare) - settings.margin, max(0, spare) + settings.margin
        clips.append(source.clip(index, int(rng.integers(low, high + 1)), settings.frames, rng))
    batch = collate(clips)
    if augmentation is None:
        return batch
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    return Batch(
        batch.rest, batch.motion, augment(batch.mel, augmentation, features, generator), batch.phonemes
    )
