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
        output, state = self.recurrent(x, state)
        return self.leave(output), state


class Fusion(nn.Module):
    """Both codes ``(B, T, code)`` -> latent ``logits (B, T, heads, categories)``: a three-layer perceptron.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        hidden = settings.fusion_hidden
        self.heads, self.categories = settings.heads, settings.categories
        self.first = nn.Linear(2 * settings.code, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.leave = nn.Linear(hidden, settings.heads * settings.categories)

    def forward(self, audio_code: Tensor, expression_code: Tensor) -> Tensor:
        x = leaky(self.first(torch.cat([audio_code, expression_code], -1)))
        return self.leave(leaky(self.second(x))).unflatten(-1, (self.heads, self.categories))
