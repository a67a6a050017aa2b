# SPDX-License-Identifier: GPL-3.0-or-later
"""The audio encoder (section 3.1): a temporal CNN from mel features to one code a video frame."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.model.layers import leaky
from training.model.settings import LATE_KERNEL, MEL_BANDS, MEL_PER_FRAME, ModelSettings


class LateLayer(nn.Module):
    """``x (B, width, N)`` -> what is added to it at the video's rate: wide inside, narrow outside.

    The first one reads the mel rate, so that it sees within a video frame what the mean over it loses. It
    adds nothing before it is trained: an encoder that gets more of them still hears what it heard.
    """

    def __init__(self, width: int, hidden: int, per_frame: int) -> None:
        super().__init__()
        self.spread = nn.Conv1d(width, hidden, LATE_KERNEL * per_frame, stride=per_frame)
        self.gather = nn.Conv1d(hidden, width, 1)
        for parameter in self.gather.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        return self.gather(leaky(self.spread(x)))


class AudioEncoder(nn.Module):
    """``mel (B, before + 3 T + after, 80)`` -> ``audio code (B, T, code)``.

    The convolutions are valid ones, without padding, so a frame's code depends on its own stretch of sound
    only and not on how a clip was cut. The whole clip passes once, instead of one window for every frame as
    in the paper. Layers that come after the mean over a video frame (``late``) cost a third of the others.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        width = settings.audio_channels
        self.enter = nn.Conv1d(MEL_BANDS, width, 1)
        self.layers = nn.ModuleList(
            nn.Conv1d(width, width, settings.audio_kernel, dilation=step) for step in settings.audio_dilations
        )
        self.dropout = settings.audio_dropout
        self.pool = nn.AvgPool1d(MEL_PER_FRAME, MEL_PER_FRAME)
        hidden = settings.audio_late_channels
        self.late = nn.ModuleList(
            LateLayer(width, hidden, 1 if index else MEL_PER_FRAME) for index in range(settings.audio_late)
        )
        self.leave = nn.Linear(width, settings.code)

    def forward(self, mel: Tensor) -> Tensor:
        x = leaky(self.enter(mel.transpose(1, 2)))
        for layer in self.layers:
            y = self._drop(leaky(layer(x)))
            cut = (x.shape[-1] - y.shape[-1]) // 2
            x = x[..., cut : x.shape[-1] - cut] + y
        slow, source, cut = self.pool(x), x, LATE_KERNEL // 2
        for layer in self.late:
            source = slow = slow[..., cut : slow.shape[-1] - cut] + layer(source)
        return self.leave(slow.transpose(1, 2))

    def _drop(self, x: Tensor) -> Tensor:
        """Dropout whose mask the clips of a batch share: drawing one for each costs as much as the
        convolution.
        """
        if not self.training or self.dropout == 0:
            return x
        kept = torch.rand(1, *x.shape[1:], device=x.device) >= self.dropout
        return x * (kept.to(x.dtype) / (1 - self.dropout))
