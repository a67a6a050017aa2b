# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes of the model, as a preset file gives them."""

from __future__ import annotations

from dataclasses import dataclass

from training.errors import TrainingError

MEL_BANDS = 80
MEL_PER_FRAME = 3
AUTOREGRESSIVE_DILATIONS = (1, 2, 4, 8)
LATE_KERNEL = 3
"""Video frames that a late layer of the audio encoder sees."""


@dataclass(frozen=True)
class ModelSettings:
    """Sizes of all networks; the defaults are those of the ``default`` preset.

    ``rank`` is ``"low"`` (vertex layers work on coefficients of two fixed linear bases) or ``"full"`` (on V·3
    values). ``heads`` and ``categories`` size the latent, the first ``audio_heads`` heads are read from the
    audio code alone (0: every head from both codes, as in the paper). ``channels`` is the width of the
    autoregressive model per head. ``mel_before`` and ``mel_after`` are the mel frames (1/90 s) that the audio
    encoder sees around a frame's own three; their sum is fixed by kernel, dilations and late layers, so they
    only set how far it looks ahead. ``audio_late`` layers of ``audio_late_channels`` inside follow at the
    video's rate.
    """

    rank: str = "low"
    heads: int = 16
    audio_heads: int = 10
    categories: int = 64
    channels: int = 32
    code: int = 128
    audio_channels: int = 128
    audio_kernel: int = 5
    audio_dilations: tuple[int, ...] = (2, 4, 6, 2, 4, 6)
    audio_dropout: float = 0.2
    audio_late: int = 0
    audio_late_channels: int = 256
    mel_before: int = 48
    mel_after: int = 48
    expression_hidden: tuple[int, int] = (256, 128)
    fusion_hidden: int = 256
    unet: tuple[int, int, int] = (512, 256, 128)
    lstm_layers: int = 2

    def __post_init__(self) -> None:
        if self.rank not in ("low", "full"):
            raise TrainingError(f'The preset\'s rank is "{self.rank}", but it must be "low" or "full".')
        reach = (self.audio_kernel - 1) * sum(self.audio_dilations)
        reach += (LATE_KERNEL - 1) * MEL_PER_FRAME * self.audio_late
        if self.mel_before < 0 or self.mel_after < 0 or self.mel_before + self.mel_after != reach:
            raise TrainingError(
                f"The preset's mel_before and mel_after must add up to {reach}, its reach, "
                f"but they add up to {self.mel_before + self.mel_after}."
            )
        if not 0 <= self.audio_heads < self.heads:
            raise TrainingError("The preset's audio_heads must be at least 0 and less than heads.")
        if min(self.heads, self.categories, self.channels, self.code) < 1 or self.categories < 2:
            raise TrainingError(
                "The preset's heads, channels and code must be positive and categories at least 2."
            )

    @property
    def autoregressive_state(self) -> int:
        """Floats of one lane's state: the inputs that each dilated layer still has to see."""
        return sum(AUTOREGRESSIVE_DILATIONS) * self.heads * self.channels

    @property
    def decoder_state(self) -> int:
        """Floats of the decoder's LSTM state: hidden and cell of every layer."""
        return 2 * self.lstm_layers * self.unet[-1]

    @property
    def expression_state(self) -> int:
        """Floats of the expression encoder's LSTM state."""
        return 2 * self.expression_hidden[-1]
