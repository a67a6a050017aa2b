# SPDX-License-Identifier: GPL-3.0-or-later
"""The masked autoregressive model over time and heads (section 3.3).

p(c | a) = ∏ₜ ∏ₕ p(c[t, h] | labels of earlier frames, labels of earlier heads at t, audio code).

Four masked layers of kernel 2: each takes its input at the same frame and ``dilation`` frames earlier. Of the
earlier frame all heads are seen; of the same frame only heads up to the own one (below the own one in the
first layer, whose input are the labels themselves).

Heads that only hear (``audio_heads``) need no history: their logits are the first stage's own, copied by
``adopt_heard``. Sampling can't drift away from the sound there.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.model.expression import Fusion, heard_heads
from training.model.layers import leaky
from training.model.settings import AUTOREGRESSIVE_DILATIONS, ModelSettings

HEARD_SHARPNESS = 100.0
"""Factor on the logits of heads that only hear: noise of 1 then does to them what 0.01 does in stage 1, so
they are the likeliest, whatever the seed. At 16 lips missed some closures and opening peaks came 4 ms further
from their time.
"""


class MaskedLayer(nn.Module):
    """One masked convolution of kernel 2 over ``(B, T, H·channels)``, with the audio code added."""

    mask: Tensor

    def __init__(self, settings: ModelSettings, dilation: int, first: bool) -> None:
        super().__init__()
        width = settings.heads * settings.channels
        self.dilation, self.first = dilation, first
        self.earlier = nn.Linear(width, width)
        self.same = nn.Linear(width, width, bias=False)
        self.audio = nn.Linear(settings.code, width, bias=False)
        blocks = torch.ones(settings.heads, settings.heads).tril(-1 if first else 0)
        mask = blocks.repeat_interleave(settings.channels, 0).repeat_interleave(settings.channels, 1)
        self.register_buffer("mask", mask, persistent=False)

    @property
    def same_weight(self) -> Tensor:
        """Weights of the same frame, ``(width, width)``, zero where a head may not look."""
        return self.same.weight * self.mask

    def forward(self, x: Tensor, audio_code: Tensor) -> Tensor:
        """All frames in parallel; before the first frame the input is zero."""
        delayed = F.pad(x, (0, 0, self.dilation, 0))[:, : x.shape[1]]
        y = leaky(self.earlier(delayed) + F.linear(x, self.same_weight) + self.audio(audio_code))
        return y if self.first else x + y


class Autoregressive(nn.Module):
    """Labels ``(B, T, H)`` and audio code ``(B, T, code)`` -> ``logits (B, T, H, C)``, each from what came
    before.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.heads, self.categories, self.channels = settings.heads, settings.categories, settings.channels
        self.embedding = nn.Embedding(settings.heads * settings.categories, settings.channels)
        layers = [
            MaskedLayer(settings, dilation, index == 0)
            for index, dilation in enumerate(AUTOREGRESSIVE_DILATIONS)
        ]
        self.layers = nn.ModuleList(layers)
        self.leave_weight = nn.Parameter(
            torch.randn(self.heads, self.categories, self.channels) * self.channels**-0.5
        )
        self.leave_bias = nn.Parameter(torch.zeros(self.heads, self.categories))
        self.heard = heard_heads(settings)
        if self.heard is not None:
            self.heard.requires_grad_(False)

    def adopt_heard(self, fusion: Fusion) -> None:
        """Take the heads that only hear from the first stage."""
        if self.heard is not None and fusion.heard is not None:
            self.heard.load_state_dict(fusion.heard.state_dict())

    def heard_logits(self, audio_code: Tensor) -> Tensor | None:
        """Logits ``(..., audio_heads, C)`` of the heads that only hear."""
        return None if self.heard is None else HEARD_SHARPNESS * self.heard(audio_code)

    @property
    def masked_layers(self) -> list[MaskedLayer]:
        """The layers with their own type, which ``ModuleList`` doesn't keep."""
        return [layer for layer in self.layers if isinstance(layer, MaskedLayer)]

    def embed(self, labels: Tensor) -> Tensor:
        """Labels ``(..., H)`` -> ``(..., H·channels)``."""
        offsets = torch.arange(self.heads, device=labels.device) * self.categories
        return self.embedding(labels + offsets).flatten(-2)

    def forward(self, labels: Tensor, audio_code: Tensor) -> Tensor:
        """Logits of every label given the true earlier ones (teacher forcing)."""
        x = self.embed(labels)
        for layer in self.layers:
            x = layer(x, audio_code)
        hidden = x.unflatten(-1, (self.heads, self.channels))
        logits = torch.einsum("bthk,hck->bthc", hidden, self.leave_weight) + self.leave_bias
        heard = self.heard_logits(audio_code)
        return logits if heard is None else torch.cat([heard, logits[..., heard.shape[-2] :, :]], -2)


class AutoregressiveStep(nn.Module):
    """One frame of the same model for several lanes, unrolled over heads: what is exported.

    The flat state ``(L, S1)`` holds, for each layer of dilation d, its last d inputs, oldest first. Zeros are
    the beginning, as the parallel form pads with zeros.
    """

    def __init__(self, model: Autoregressive) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, audio_code: Tensor, noise: Tensor, forced: Tensor, state: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """``audio_code (L, code)``, ``noise (L, H, C)``, ``forced (L, H)`` int64, ``state (L, S1)``.

        Returns ``labels (L, H)`` int64, ``logits (L, H, C)`` without noise, and the state for the next frame.
        """
        model = self.model
        width = model.heads * model.channels
        buffers = list(state.split([layer.dilation * width for layer in model.masked_layers], -1))
        before = [
            layer.earlier(buffer[:, :width]) + layer.audio(audio_code)
            for layer, buffer in zip(model.masked_layers, buffers, strict=True)
        ]
        inputs: list[list[Tensor]] = [[] for _ in range(len(model.masked_layers) + 1)]
        heard = model.heard_logits(audio_code)
        labels, logits = [], []
        for head in range(model.heads):
            scores = self._head(head, before, inputs)
            if heard is not None and head < heard.shape[-2]:
                scores = heard[:, head]
            chosen = (scores + noise[:, head]).argmax(-1)
            chosen = torch.where(forced[:, head] >= 0, forced[:, head], chosen)
            inputs[0].append(model.embedding(chosen + head * model.categories))
            labels.append(chosen)
            logits.append(scores)
        kept = [
            torch.cat([buffer[:, width:], *entries], -1)
            for buffer, entries in zip(buffers, inputs[:-1], strict=True)
        ]
        return torch.stack(labels, -1), torch.stack(logits, 1), torch.cat(kept, -1)

    def _head(self, head: int, before: list[Tensor], inputs: list[list[Tensor]]) -> Tensor:
        """Push one head through all layers, given the heads before it; returns its logits ``(L, C)``."""
        model = self.model
        own = slice(head * model.channels, (head + 1) * model.channels)
        for index, layer in enumerate(model.masked_layers):
            y = before[index][:, own]
            seen = inputs[index]
            if seen:
                weight = layer.same.weight[own, : len(seen) * model.channels]
                y = y + F.linear(torch.cat(seen, -1), weight)
            y = leaky(y)
            inputs[index + 1].append(y if layer.first else inputs[index][head] + y)
        return F.linear(inputs[-1][head], model.leave_weight[head], model.leave_bias[head])
