# SPDX-License-Identifier: GPL-3.0-or-later
"""The decoder (section 3.1): a UNet from a head's rest and latent codes to motion."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.model.layers import Recurrent, leaky
from training.model.settings import ModelSettings


class Decoder(nn.Module):
    """Rest ``(B, rest_size)`` and one-hot codes ``(B, T, H, C)`` -> motion of unit size ``(B, T,
    motion_size)``.

    The rest goes down 512 → 256 → 128, joins the embedded codes, passes two LSTMs and goes up again with
    additive skips from the rest's own layers. The skip at the very top, rest + displacement, is done on
    vertices.
    """

    def __init__(self, settings: ModelSettings, rest_size: int, motion_size: int) -> None:
        super().__init__()
        wide, middle, narrow = settings.unet
        self.down_wide = nn.Linear(rest_size, wide)
        self.down_middle = nn.Linear(wide, middle)
        self.down_narrow = nn.Linear(middle, narrow)
        self.embed = nn.Linear(settings.heads * settings.categories, narrow)
        self.join = nn.Linear(2 * narrow, narrow)
        self.recurrent = Recurrent(narrow, settings.lstm_layers)
        self.up_middle = nn.Linear(narrow, middle)
        self.up_wide = nn.Linear(middle, wide)
        self.leave = nn.Linear(wide, motion_size)

    def forward(self, rest: Tensor, codes: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Returns the motion and the LSTMs' state after the last frame."""
        return self.decode(rest, self.embed(codes.flatten(-2)), state)

    def decode(self, rest: Tensor, embedded: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The same from codes that are embedded already, ``(B, T, narrow)``."""
        wide = leaky(self.down_wide(rest)).unsqueeze(1)
        middle = leaky(self.down_middle(wide))
        narrow = leaky(self.down_narrow(middle))
        joined = torch.cat([narrow.expand_as(embedded), leaky(embedded)], -1)
        output, after = self.recurrent(leaky(self.join(joined)), state)
        x = leaky(self.up_middle(output + narrow)) + middle
        x = leaky(self.up_wide(x)) + wide
        return self.leave(x), after

    def embed_labels(self, labels: Tensor) -> Tensor:
        """Labels ``(B, T, H)`` -> the embedding of their one-hot codes, by looking columns up."""
        categories = self.embed.in_features // labels.shape[-1]
        offsets = torch.arange(labels.shape[-1], device=labels.device) * categories
        columns = self.embed.weight.T[(labels + offsets).flatten()]
        return columns.unflatten(0, labels.shape).sum(-2) + self.embed.bias
