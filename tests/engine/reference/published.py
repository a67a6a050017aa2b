# SPDX-License-Identifier: GPL-3.0-or-later
"""Sound to vertices as the paper describes it and as a researcher would write it down (Richard et al. 2021).

* Hearing (section 3.1): one window of sound for each frame; windows overlap, nothing is shared.
* Sampling (section 3.3): T × H steps. Each step hands the sequence so far from layer to layer; every layer
  keeps what it has seen in a buffer that grows with the sequence, labels are one-hot.
* Moving: the decoder, block by block (as fast as ours: the bundle's own graph).

The weights are those of a bundle, so labels and vertices must be the engine's. Nothing here is slow on
purpose, and nothing is made to be fast.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.audio.features import clip_gain
from engine.audio.sound import Sound
from engine.bundle import Bundle
from engine.bundle.onnx_graph import OnnxGraph
from engine.bundle.sampler_weights import DILATIONS, SLOPE, SamplerWeights, read_sampler
from engine.generate.encode import padded_mel
from engine.generate.noise import GumbelStream
from engine.generate.options import frame_count
from engine.geometry.topology import Binding

Float32 = NDArray[np.float32]
Labels = NDArray[np.int16]


def leaky(x: Float32) -> Float32:
    """The leaky rectifier."""
    return np.maximum(x, np.float32(SLOPE) * x)


def log_softmax(logits: Float32) -> Float32:
    """Log probabilities over the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


class Reference:
    """One bundle's networks for the plain algorithm."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle, self.card = bundle, bundle.card
        folder, graphs = bundle.folder, bundle.card.graphs
        self._ear = _Ear(OnnxGraph((folder / graphs["audio_encoder"]).read_bytes()))
        self._weights = read_sampler((folder / graphs["autoregressive"]).read_bytes(), self.card)

    def hear(self, sound: Sound) -> Float32:
        """Audio codes ``(T, code)``: each frame's window is cut, transformed and encoded on its own."""
        card, (before, after) = self.card, self.card.audio_context
        per_frame = card.mel.per_frame
        frames = frame_count(sound.duration, card.frame_rate)
        gain = clip_gain(sound.samples, card.mel)
        codes = []
        for frame in range(frames):
            begin, count = per_frame * frame - before, before + per_frame + after
            window = padded_mel(sound.samples, begin, count, frames, card.mel, gain)
            codes.append(self._ear.code(window))
        return np.stack(codes)

    def sample(self, codes: Float32, seed: int, temperature: float, first: int = 0) -> Labels:
        """Labels ``(T, H)``, one after the other.

        With ``first`` the frames before it count as sampled (as 0, their buffers hold made-up numbers): it
        tells how long later frames take without waiting for the earlier ones.
        """
        heads, classes = self._weights.heads, self._weights.categories
        stream = GumbelStream(seed, heads, classes)
        network = _Network(self._weights, first)
        one_hot = np.full((first, heads, classes), np.float32(1 / classes))
        for frame in range(first, len(codes)):
            one_hot = np.concatenate([one_hot, np.zeros((1, heads, classes), np.float32)])
            noise = np.float32(temperature) * stream.draw(1)[0]
            for head in range(heads):
                log_probabilities = network.step(frame, head, one_hot, codes[: frame + 1])
                label = int(np.argmax(log_probabilities[frame, head] + noise[head]))
                one_hot[frame, head, label] = 1.0
        return one_hot.argmax(axis=-1).astype(np.int16)

    def move(self, labels: Labels, binding: Binding) -> Float32:
        """Vertices ``(T, V', 3)`` of labels on a head."""
        card, rest = self.card, binding.rest.astype(np.float32)
        state = np.zeros((1, card.decoder_state), np.float32)
        moved = []
        for first in range(0, len(labels), card.block_frames):
            block = labels[first : first + card.block_frames]
            padded = np.zeros((1, card.block_frames, card.heads), np.int64)
            padded[0, : len(block)] = block
            out = self.bundle.run("decoder", {"rest": rest[None], "labels": padded, "state": state})
            state = out["state_out"]
            moved.append(binding.carry(out["vertices"][0, : len(block)] - rest) + binding.vertices)
        return np.concatenate(moved).astype(np.float32)


def reference_vertices(reference: Reference, sound: Sound, binding: Binding, seed: int) -> Float32:
    """Sound to vertices ``(T, V', 3)`` at the model's rate."""
    codes = reference.hear(sound)
    labels = reference.sample(codes, seed, reference.card.default_temperature)
    return reference.move(labels, binding)


class _Ear:
    """The audio encoder on one window (mel frames, bands)."""

    def __init__(self, graph: OnnxGraph) -> None:
        convolutions = [node for node in graph.nodes if node.kind == "Conv"]
        layers = [
            (
                graph.constant(node.inputs[1]),
                graph.constant(node.inputs[2]),
                int(node.numbers["dilations"][0]),
                int(node.numbers["strides"][0]),
            )
            for node in convolutions
        ]
        slow = next((at for at, layer in enumerate(layers) if layer[3] > 1), len(layers))
        self._layers, self._late = (
            layers[:slow],
            list(zip(layers[slow::2], layers[slow + 1 :: 2], strict=True)),
        )
        leave = graph.maker("audio_code", "Add")
        product = next(name for name in leave.inputs if not graph.is_constant(name))
        self._bias = next(graph.constant(name) for name in leave.inputs if graph.is_constant(name))
        self._leave = graph.constant(graph.maker(product, "MatMul").inputs[1])

    def code(self, mel: Float32) -> Float32:
        """The code (code,) of one frame."""
        (weight, bias, *_), *layers = self._layers
        x = leaky(mel @ weight[..., 0].T + bias)
        for weight, bias, dilation, _ in layers:
            taps, cut = weight.shape[2], (weight.shape[2] - 1) * dilation
            length = len(x) - cut
            y = sum(x[k * dilation : k * dilation + length] @ weight[..., k].T for k in range(taps)) + bias
            x = x[cut // 2 : cut // 2 + length] + leaky(y)
        slow = x.reshape(-1, 3, x.shape[1]).mean(axis=1)
        for (weight, bias, _, stride), (gather, offset, *_) in self._late:
            taps, last = weight.shape[2], len(x) - weight.shape[2]
            y = sum(x[k : k + last + 1 : stride] @ weight[..., k].T for k in range(taps)) + bias
            x = slow = slow[1:-1] + leaky(y) @ gather[..., 0].T + offset
        return slow[0] @ self._leave + self._bias


class _Layer:
    """A masked convolution of kernel 2: sums of all frames so far, before the rectifier."""

    def __init__(self, weights: SamplerWeights, index: int, first: int) -> None:
        self._layer, self._dilation, self._first = weights.layers[index], DILATIONS[index], index == 0
        self._channels = weights.channels
        self._buffer = np.full((first, weights.width), np.float32(0.1))

    def step(self, frame: int, head: int, inputs: Float32, audio: Float32) -> Float32:
        """Outputs (frame + 1, W) for inputs (frame + 1, W), complete up to this head of this frame."""
        layer = self._layer
        if len(self._buffer) <= frame:
            self._buffer = np.concatenate([self._buffer, np.zeros((1, self._buffer.shape[1]), np.float32)])
            past = frame - self._dilation
            if past >= 0:
                self._buffer[frame] += layer.earlier @ inputs[past]
        own = slice(head * self._channels, (head + 1) * self._channels)
        self._buffer[frame, own] += layer.same[own] @ inputs[frame]
        self._buffer[frame, own] += layer.audio[own] @ audio[frame] + layer.bias[own]
        out = leaky(self._buffer)
        return out if self._first else inputs + out


class _Network:
    """The autoregressive model, one step for each label."""

    def __init__(self, weights: SamplerWeights, first: int) -> None:
        self._weights = weights
        self._embedded = np.full((first, weights.heads, weights.channels), np.float32(0.1))
        self._layers = [_Layer(weights, index, first) for index in range(len(DILATIONS))]
        self._logits = np.full((first, weights.heads, weights.categories), np.float32(0.1))

    def step(self, frame: int, head: int, one_hot: Float32, codes: Float32) -> Float32:
        """Log probabilities (frame + 1, H, C), complete up to this head of this frame."""
        x = self._embed(frame, head, one_hot)
        for layer in self._layers:
            x = layer.step(frame, head, x, codes)
        if len(self._logits) <= frame:
            self._logits = np.concatenate([self._logits, np.zeros_like(one_hot[:1])])
        self._logits[frame, head] = self._score(head, x[frame], codes[frame])
        return log_softmax(self._logits)

    def _embed(self, frame: int, head: int, one_hot: Float32) -> Float32:
        """The embedded labels so far (frame + 1, W): that of the head before is new."""
        weights = self._weights
        if len(self._embedded) <= frame:
            if frame:
                self._embedded[-1, -1] = one_hot[frame - 1, -1] @ weights.embedding[-1]
            new = np.zeros((1, weights.heads, weights.channels), np.float32)
            self._embedded = np.concatenate([self._embedded, new])
        if head:
            self._embedded[frame, head - 1] = one_hot[frame, head - 1] @ weights.embedding[head - 1]
        return self._embedded.reshape(frame + 1, -1)

    def _score(self, head: int, x: Float32, code: Float32) -> Float32:
        """The logits (C,) of one head from the last layer's output (W,), or from the sound alone."""
        weights, channels = self._weights, self._weights.channels
        if head >= weights.audio_heads or weights.heard is None:
            own = x[head * channels : (head + 1) * channels]
            return weights.leave[head] @ own + weights.leave_bias[head]
        value = code
        for index, (weight, bias) in enumerate(zip(weights.heard.weights, weights.heard.biases, strict=True)):
            value = weight @ value + bias
            value = value if index == 2 else leaky(value)
        rows = value.reshape(weights.audio_heads, weights.categories)
        return np.float32(weights.heard.sharpness) * rows[head]
