# SPDX-License-Identifier: GPL-3.0-or-later
"""How far each stage is from what this machine can do: bytes that must move and operations that must be done,
against measured copy, read and matrix rates, on one thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.audio.features import MelSettings, clip_gain, log_mel
from engine.bundle import Bundle
from engine.bundle.sampler_weights import DILATIONS, SamplerWeights, read_sampler
from engine.generate.decode import Mover
from engine.generate.encode import encode_audio
from engine.generate.moving import BLOCKS_ALONE
from engine.generate.sample import sample_labels

from .figures import Figure, timed
from .setting import Setting, template_head

SECONDS = 10.0
FLOAT = 4
FITTING, CLEANING = 56, 50
"""Steps of the solver of unit weights in the mean of rows of speech, each one product with a matrix of units
× units."""


@dataclass(frozen=True)
class Rates:
    """What one thread can do: copied bytes (read and written), bytes read again and again from a working set
    of so many bytes, and floating point operations of matrix products, each a second."""

    copied: float
    matrix: float

    def read(self, working_set: float) -> float:
        """Bytes a second of a matrix times vector product over a matrix of this size."""
        side = max(64, round((working_set / FLOAT) ** 0.5))
        matrix, vector = np.ones((side, side), np.float32), np.ones(side, np.float32)
        times = max(3, round(2e8 / matrix.nbytes))
        spent = timed(lambda: [matrix @ vector for _ in range(times)], 3).processor
        return matrix.nbytes * times / spent


@dataclass(frozen=True)
class Stage:
    """What a stage needs for one frame, and what it does."""

    name: str
    operations: float
    read: float
    """Bytes of weights that are read once for a frame or a block, shared out over the block's frames."""
    written: float
    work: Callable[[], object]


def run(setting: Setting) -> list[Figure]:
    """Milliseconds a frame, the least that they could be, and what bounds them."""
    rates = _rates()
    figures = [
        Figure("one thread copies", rates.copied / 1e9, "GB/s"),
        Figure("one thread multiplies matrices", rates.matrix / 1e9, "GFLOP/s"),
    ]
    for preset in ("default",) if setting.quick else ("default", "released"):
        bundle = setting.bundle(preset, 1)
        (seconds,) = setting.lengths(SECONDS)
        frames = round(seconds * bundle.card.frame_rate)
        for stage in _stages(setting, bundle, seconds):
            figures += _figures(preset, stage, frames, rates)
    return figures


def _figures(preset: str, stage: Stage, frames: int, rates: Rates) -> list[Figure]:
    stage.work()
    took = timed(stage.work, 3).processor / frames
    moving = stage.written / rates.copied
    if stage.read:
        moving += stage.read / rates.read(stage.read)
    computing = stage.operations / rates.matrix
    bound = "bytes" if moving > computing else "operations"
    least = max(moving, computing)
    told = f"  {stage.operations / 1e6:.2f} MFLOP, {(stage.read + stage.written) / 1e6:.2f} MB; by {bound}"
    return [
        Figure(f"{preset}, {stage.name}: a frame", took * 1000, "ms"),
        Figure(f"{preset}, {stage.name}: the least", least * 1000, "ms", note=told),
        Figure(f"{preset}, {stage.name}: times the least", took / least, "x"),
    ]


def _rates() -> Rates:
    one, other = np.ones(1 << 25, np.float32), np.empty(1 << 25, np.float32)
    copied = 2 * one.nbytes / timed(lambda: np.copyto(other, one), 5).processor
    matrix = np.ones((1024, 1024), np.float32)
    return Rates(copied, 2 * 1024.0**3 / timed(lambda: matrix @ matrix, 5).processor)


def _stages(setting: Setting, bundle: Bundle, seconds: float) -> list[Stage]:
    card, sound = bundle.card, setting.sound(seconds)
    frames = round(seconds * card.frame_rate)
    gain = clip_gain(sound.samples, card.mel)
    codes = encode_audio(bundle, sound.samples, frames)
    labels = sample_labels(bundle, codes, (0,), 1.0)[0]
    mover = Mover(bundle, template_head(bundle))
    decoder = mover.decoder
    codes_of_all = np.concatenate(list(decoder.coefficients(labels)))
    together = card.block_frames * BLOCKS_ALONE  # as for a take alone
    blocks = [codes_of_all[at : at + together] for at in range(0, frames, together)]
    weights = np.concatenate([mover.weights_of(block) for block in blocks])
    solving = 2.0 * len(card.units) ** 2
    size, units, width = card.vertices * 3, len(card.units), blocks[0].shape[1]
    return [
        _features(card.mel, lambda: log_mel(sound.samples, 0, 3 * frames, card.mel, gain)),
        _ear(bundle, lambda: encode_audio(bundle, sound.samples, frames)),
        _sampler(bundle, lambda: sample_labels(bundle, codes, (0,), 1.0)),
        _decoder(width, card.block_frames, lambda: list(decoder.coefficients(labels))),
        Stage("unit weights", 2.0 * width * units + FITTING * solving, 0.0, FLOAT * units,
              lambda: [mover.weights_of(block) for block in blocks]),
        Stage("clean curves", CLEANING * solving, 0.0, 2.0 * FLOAT * units, lambda: mover.clean(weights)),
        Stage("vertices", 2.0 * width * size, FLOAT * width * size / together, FLOAT * size,
              lambda: [mover.vertices_of(block) for block in blocks]),
    ]  # fmt: skip


def _features(mel: MelSettings, work: Callable[[], object]) -> Stage:
    """Three windows a frame: a real Fourier transform (2.5 n log2 n) and the mel filters."""
    each = 2.5 * mel.fft * np.log2(mel.fft) + 2.0 * (mel.fft // 2 + 1) * mel.bands
    written = FLOAT * (mel.window + 4.0 * mel.fft + mel.bands)  # windows, complex doubles, bands
    return Stage("features (FFT, mel)", mel.per_frame * each, 0.0, mel.per_frame * written, work)


def _ear(bundle: Bundle, work: Callable[[], object]) -> Stage:
    """Six convolutions of kernel 5 over the block and its context; features included."""
    card = bundle.card
    channels, kernel, reach = 128, 5, sum(card.audio_context)
    convolutions = 6 * 2.0 * channels * channels * kernel
    rows = (card.mel.per_frame * card.block_frames + 0.5 * reach) / card.block_frames
    features = _features(card.mel, work)
    operations = rows * (convolutions + 2.0 * card.mel.bands * channels) + features.operations
    read = FLOAT * 6 * channels * channels * kernel / card.block_frames
    return Stage("hearing (features and encoder)", operations, read, features.written, work)


def _sampler(bundle: Bundle, work: Callable[[], object]) -> Stage:
    """One seed: weights of the past are read once for as many frames as the layer looks back, those of the
    same frame for each."""
    path = bundle.folder / bundle.card.graphs["autoregressive"]
    weights: SamplerWeights = read_sampler(path.read_bytes(), bundle.card)
    width, later = weights.width, list(zip(weights.layers, DILATIONS, strict=True))[1:]
    same = float(sum(np.count_nonzero(layer.same) for layer, _ in later))
    leave = float(np.count_nonzero(weights.leave))
    past = float(sum(layer.earlier.size for layer, _ in later))
    shared = sum(layer.earlier.size / dilation for layer, dilation in later)
    tables = 2.0 * weights.heads * width  # a row for each label, of this frame and the one before
    audio = 4.0 * width * bundle.card.audio_code
    operations = 2 * (past + same + leave + audio) + tables
    return Stage("sampling", operations, FLOAT * (shared + same + leave + tables), 0.0, work)


def _decoder(width: int, block: int, work: Callable[[], object]) -> Stage:
    """The joining layer, two LSTMs of 128 (their weights are read for every frame), 256, 512, K."""
    recurrent = 2 * 4 * 128 * 256
    dense = 256 * 128 + 128 * 256 + 256 * 512 + 512 * width
    read = FLOAT * (recurrent / 2 + (recurrent / 2 + dense) / block)
    return Stage("decoder, to coefficients", 2.0 * (recurrent + dense), read, FLOAT * width, work)
