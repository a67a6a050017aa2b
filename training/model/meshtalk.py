# SPDX-License-Identifier: GPL-3.0-or-later
"""The first stage as a whole: everything that stands between sound, motion, latent codes and vertices."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.model.audio import AudioEncoder
from training.model.decoder import Decoder
from training.model.expression import ExpressionEncoder, Fusion
from training.model.latent import one_hot
from training.model.settings import ModelSettings
from training.model.space import VertexSpace

CODE_GAIN, LOGIT_GAIN = 3.0, 5.0
"""Factors on the first weights of what leaves the encoders and the fusion."""


class MeshTalk(nn.Module):
    """Audio encoder, expression encoder, fusion and decoder, on the given vertex space.

    ``phonemes`` sizes the auxiliary phoneme classifier on the audio code. It and the ``readout``, which draws
    motion straight from the audio code, only teach the audio encoder; both are dropped at export.
    """

    def __init__(
        self, settings: ModelSettings, space: VertexSpace, phonemes: int = 0, readout: bool = False
    ) -> None:
        super().__init__()
        self.settings, self.space = settings, space
        self.audio_encoder = AudioEncoder(settings)
        self.expression_encoder = ExpressionEncoder(settings, space.motion_size)
        self.fusion = Fusion(settings)
        self.decoder = Decoder(settings, space.rest_size, space.motion_size)
        self.phoneme_head = nn.Linear(settings.code, phonemes) if phonemes else None
        self.readout = nn.Linear(settings.code, space.motion_size) if readout else None

    def ear(self) -> nn.ModuleDict:
        """What the audio encoder is trained with on its own: itself, its two readers and the space."""
        parts: dict[str, nn.Module | None] = {
            "audio_encoder": self.audio_encoder,
            "readout": self.readout,
            "phoneme_head": self.phoneme_head,
            "space": self.space,
        }
        return nn.ModuleDict({name: part for name, part in parts.items() if part is not None})

    def encode_motion(self, vector: Tensor, state: Tensor | None = None) -> Tensor:
        """Motion vectors ``(B, T, motion_size)`` in metres -> expression code ``(B, T, code)``."""
        return self.expression_encoder(vector / self.space.motion_scale, state)[0]

    def read_out(self, audio_code: Tensor) -> Tensor:
        """Audio code ``(B, T, code)`` -> motion vectors in metres, without latent and decoder."""
        assert self.readout is not None
        return self.readout(audio_code) * self.space.motion_scale

    def decode(self, rest_vector: Tensor, codes: Tensor) -> Tensor:
        """Rest ``(B, rest_size)`` and one-hot codes ``(B, T, H, C)`` -> motion vectors in metres."""
        return self.decoder(rest_vector, codes)[0] * self.space.motion_scale

    @torch.no_grad()
    def labels(self, audio_code: Tensor, vector: Tensor) -> Tensor:
        """The likeliest labels ``(B, T, H)`` of motion vectors with their audio code."""
        return self.fusion(audio_code, self.encode_motion(vector)).argmax(-1)

    @torch.no_grad()
    def decode_labels(self, rest_vector: Tensor, labels: Tensor) -> Tensor:
        """Labels ``(B, T, H)`` -> motion vectors in metres."""
        return self.decode(rest_vector, one_hot(labels, self.settings.categories))

    @torch.no_grad()
    def enlarge_first_weights(self) -> None:
        """Let untrained labels depend on the input more than on noise.

        Blinks are then learnt in hundreds of steps instead of thousands (measured).
        """
        self.audio_encoder.leave.weight.mul_(CODE_GAIN)
        self.expression_encoder.leave.weight.mul_(CODE_GAIN)
        for heads in (self.fusion.joint, self.fusion.heard):
            if heads is not None:
                heads.leave.weight.mul_(LOGIT_GAIN)
