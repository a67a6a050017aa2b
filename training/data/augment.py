# SPDX-License-Identifier: GPL-3.0-or-later
"""Cheap augmentation of log-mel features, for ears that hear many voices, rooms and microphones.

Everything acts on features ``(B, N, 80)`` that are centred log10 energies, one draw a clip. The corpus holds
the expensive kinds (pitch, speed, reverberation); these cost a few milliseconds a batch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.audio.features import MelSettings


@dataclass(frozen=True)
class Augmentation:
    """Strengths: level and tilt in dB, shift in mel bands, noise floor in dB below the level, chances of the
    rest.
    """

    level_db: float = 2.0
    tilt_db: float = 8.0
    ripple_db: float = 3.0
    shift_bands: float = 2.5
    noise_chance: float = 0.5
    noise_db: tuple[float, float] = (-50.0, -28.0)
    mask_chance: float = 0.2
    mask_frames: int = 9


def augment(mel: Tensor, settings: Augmentation, features: MelSettings, generator: torch.Generator) -> Tensor:
    """A changed copy of the features ``(B, N, bands)``; equal generators give equal results."""

    def draw(*shape: int) -> Tensor:
        return torch.rand(len(mel), *shape, generator=generator).to(mel.device)

    def signed(*shape: int) -> Tensor:
        return 2 * draw(*shape) - 1

    mel = _shift(mel, settings.shift_bands * signed(1))
    band = torch.linspace(-1, 1, mel.shape[-1], device=mel.device)
    curve = settings.tilt_db * signed(1) * band + settings.level_db * signed(1)
    curve = curve + settings.ripple_db * signed(1) * torch.sin(
        math.pi * (1 + 3 * draw(1)) * (band + signed(1))
    )
    log_energy = mel * features.std + features.mean + (curve / 10)[:, None]
    low, high = settings.noise_db
    noise = (low + (high - low) * draw(1)) + settings.tilt_db * signed(1) * band
    noise = torch.where(draw(1) < settings.noise_chance, noise / 10 - 1.0, torch.full_like(noise, -20.0))
    floor = math.log10(features.floor)
    mixed = torch.logaddexp(log_energy * math.log(10), noise[:, None] * math.log(10)) / math.log(10)
    mel = (mixed.clamp_min(floor) - features.mean) / features.std
    return _mask(mel, settings, draw(1), draw(1))


def _shift(mel: Tensor, bands: Tensor) -> Tensor:
    """Move each clip's spectrum by a fraction of bands ``(B, 1)``, as another vocal tract's length would."""
    count = mel.shape[-1]
    position = (torch.arange(count, device=mel.device) + bands).clamp(0, count - 1)
    below = position.floor().long().clamp(max=count - 2)
    share = (position - below)[:, None]
    index = below[:, None].expand(-1, mel.shape[1], -1)
    return mel.gather(2, index) * (1 - share) + mel.gather(2, index + 1) * share


def _mask(mel: Tensor, settings: Augmentation, chance: Tensor, place: Tensor) -> Tensor:
    """Replace a few frames by the clip's mean spectrum, in some clips."""
    frames = torch.arange(mel.shape[1], device=mel.device)
    start = (place * (mel.shape[1] - settings.mask_frames)).long()
    hidden = (frames >= start) & (frames < start + settings.mask_frames) & (chance < settings.mask_chance)
    return torch.where(hidden[..., None], mel.mean(1, keepdim=True), mel)
