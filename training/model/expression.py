# SPDX-License-Identifier: GPL-3.0-or-later
"""The expression encoder and the fusion of both codes into latent logits (section 3.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.model.layers import Recurrent, leaky
from training.model.settings import ModelSettings


class ExpressionEncoder(nn.Module):
    """Motion of unit size ``(B, T, motion_size)`` -> ``expression code (B, T, code)``, causal."""

    def __init__(self, settings: ModelSettings, motion_size: int) -> None:
        super().__init__()
        first, second = settings.expression_hidden
        self.first = nn.Linear(motion_size, first)
        self.second = nn.Linear(first, second)
        self.recurrent = Recurrent(second, 1)
        self.leave = nn.Linear(second, settings.code)

    def forward(self, motion: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Returns the code and the LSTM's state after the last frame."""
        x = leaky(self.second(leaky(self.first(motion))))
        output, after = self.recurrent(x, state)
        return self.leave(output), after


class Heads(nn.Module):
    """Codes ``(..., inputs)`` -> ``logits (..., heads, categories)`` of some heads: three layers."""

    def __init__(self, inputs: int, hidden: int, heads: int, categories: int) -> None:
        super().__init__()
        self.heads, self.categories = heads, categories
        self.first = nn.Linear(inputs, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.leave = nn.Linear(hidden, heads * categories)

    def forward(self, codes: Tensor) -> Tensor:
        x = leaky(self.second(leaky(self.first(codes))))
        return self.leave(x).unflatten(-1, (self.heads, self.categories))


class Fusion(nn.Module):
    """Both codes ``(B, T, code)`` -> latent ``logits (B, T, heads, categories)``.

    With ``audio_heads`` the first heads are read from the audio code alone and the others from both. What the
    mouth does is then in heads that the sound decides, and a sampler can take them straight from the sound.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        hidden, joint = settings.fusion_hidden, settings.heads - settings.audio_heads
        self.joint = Heads(2 * settings.code, hidden, joint, settings.categories)
        self.heard = heard_heads(settings)

    def forward(self, audio_code: Tensor, expression_code: Tensor) -> Tensor:
        logits = self.joint(torch.cat([audio_code, expression_code], -1))
        return logits if self.heard is None else torch.cat([self.heard(audio_code), logits], -2)


def heard_heads(settings: ModelSettings) -> Heads | None:
    """The perceptron of the heads that only hear, or None when there are none."""
    if settings.audio_heads == 0:
        return None
    return Heads(settings.code, settings.fusion_hidden, settings.audio_heads, settings.categories)
