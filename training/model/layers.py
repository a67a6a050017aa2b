# SPDX-License-Identifier: GPL-3.0-or-later
"""Small pieces that several networks share."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE = 0.2


def leaky(x: Tensor) -> Tensor:
    """The leaky rectifier that all networks here use."""
    return F.leaky_relu(x, SLOPE)


class Recurrent(nn.Module):
    """Causal LSTM over ``(B, T, size)`` whose state is one flat vector ``(B, 2 * layers * size)``."""

    def __init__(self, size: int, layers: int) -> None:
        super().__init__()
        self.size, self.layers = size, layers
        self.lstm = nn.LSTM(size, size, num_layers=layers, batch_first=True)

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Returns the outputs ``(B, T, size)`` and the state after the last frame; no state means the
        beginning.
        """
        if state is None:
            output, (hidden, cell) = self.lstm(x)
        else:
            parts = state.unflatten(-1, (2, self.layers, self.size)).permute(1, 2, 0, 3)
            output, (hidden, cell) = self.lstm(x, (parts[0].contiguous(), parts[1].contiguous()))
        return output, torch.stack([hidden, cell]).permute(2, 0, 1, 3).flatten(1)
