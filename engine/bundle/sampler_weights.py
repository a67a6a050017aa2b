# SPDX-License-Identifier: GPL-3.0-or-later
"""The weights of a bundle's autoregressive step, found by following its graph from the logits backwards.

The exporter folds, slices and renames constants as it likes, so weights are found by what they do. What isn't
built like `training/model/autoregressive.py` raises `Unknown`, and the step graph is used as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .card import Card
from .onnx_graph import Node, OnnxGraph, Unknown

Floats = NDArray[np.float32]

DILATIONS = (1, 2, 4, 8)
"""Frames that the layers look back; other models are left to their step graph."""

SLOPE = 0.2
"""Of the leaky rectifier below 0."""


@dataclass(frozen=True, eq=False)
class Layer:
    """One masked layer; W = heads × channels, rows are outputs. ``earlier`` (W, W) acts on the input some
    frames ago, ``same`` (W, W) on that of the same frame and is 0 where a head may not look, ``audio`` (W,
    audio_code), ``bias`` (W,)."""

    earlier: Floats
    same: Floats
    audio: Floats
    bias: Floats


@dataclass(frozen=True, eq=False)
class Heard:
    """Three dense layers (rows are outputs) from the audio code to the logits of the first heads, and what
    these are multiplied by."""

    weights: tuple[Floats, Floats, Floats]
    biases: tuple[Floats, Floats, Floats]
    sharpness: float


@dataclass(frozen=True, eq=False)
class SamplerWeights:
    """All of a sampler: ``embedding`` (H, C, channels), four layers, ``leave`` (H, C, channels) with its bias
    (H, C), and the first ``audio_heads`` heads' own network where they only hear (their rows of ``leave`` and
    of the last layer's ``same`` are 0)."""

    embedding: Floats
    layers: tuple[Layer, ...]
    leave: Floats
    leave_bias: Floats
    audio_heads: int
    heard: Heard | None

    @property
    def heads(self) -> int:
        return self.embedding.shape[0]

    @property
    def categories(self) -> int:
        return self.embedding.shape[1]

    @property
    def channels(self) -> int:
        return self.embedding.shape[2]

    @property
    def width(self) -> int:
        """Heads × channels."""
        return self.heads * self.channels


def read_sampler(data: bytes, card: Card) -> SamplerWeights:
    """The weights in an `autoregressive` graph's bytes; raises Unknown."""
    graph = OnnxGraph(data)
    if any(node.numbers.get("alpha", 1.0) not in (1.0, np.float32(SLOPE)) for node in graph.nodes):
        raise Unknown("another slope")
    heads, classes = card.heads, card.categories
    embedding = graph.weight("model.embedding.weight")
    if len(embedding) != heads * classes:
        raise Unknown("embedding")
    channels = embedding.shape[1]
    width = heads * channels
    if card.autoregressive_state != sum(DILATIONS) * width:
        raise Unknown("state")
    reader = _Reader(graph, heads, channels)
    leave, bias, own = reader.leaving(classes)
    layers = tuple(reader.layer(index, own) for index in range(len(DILATIONS)))
    audio_heads = heads - len(own)
    heard = _heard(graph) if audio_heads else None
    return SamplerWeights(
        embedding.reshape(heads, classes, channels), layers, leave, bias, audio_heads, heard
    )


class _Reader:
    """Follows the values of one step graph."""

    def __init__(self, graph: OnnxGraph, heads: int, channels: int) -> None:
        self._graph, self._heads, self._channels = graph, heads, channels
        stacked = graph.maker("logits", "Concat").inputs
        self._scores = [graph.maker(name, "Unsqueeze").inputs[0] for name in stacked]
        if len(self._scores) != heads:
            raise Unknown("logits")
        self._inputs = self._follow()

    def leaving(self, classes: int) -> tuple[Floats, Floats, list[int]]:
        """``leave``, its bias, and the heads that have a row of their own."""
        leave = np.zeros((self._heads, classes, self._channels), np.float32)
        bias, own = np.zeros((self._heads, classes), np.float32), []
        for head, name in enumerate(self._scores):
            if not self._graph.is_made_by(name, "Gather"):
                gemm = self._gemm(name)
                leave[head] = self._graph.constant(gemm.inputs[1])
                bias[head] = self._graph.constant(gemm.inputs[2]) if len(gemm.inputs) > 2 else 0.0
                own.append(head)
        if own != list(range(self._heads - len(own), self._heads)):
            raise Unknown("heads that hear aren't the first ones")
        return leave, bias, own

    def layer(self, index: int, own: list[int]) -> Layer:
        """One layer; of the last one only the rows of the heads in ``own`` are there."""
        name, width = f"model.layers.{index}", self._heads * self._channels
        same = np.zeros((width, width), np.float32)
        outputs = self._inputs[index + 1]
        for head in range(self._heads) if index + 1 < len(DILATIONS) else own:
            product = self._product(self._activation(outputs[head], index))
            if product is not None:
                weight = self._graph.constant(product.inputs[1])
                rows = slice(head * self._channels, (head + 1) * self._channels)
                same[rows, : weight.shape[1]] = weight
        found = (self._graph.weight(f"{name}.{part}") for part in ("earlier.weight", "audio.weight"))
        earlier, audio = found
        return Layer(earlier, same, audio, self._graph.weight(f"{name}.earlier.bias"))

    def _follow(self) -> list[list[str]]:
        """The values of all heads that each layer takes, and what the last one gives."""
        last = self._heads - 1
        values = [["" for _ in range(self._heads)] for _ in range(len(DILATIONS) + 1)]
        for head, score in enumerate(self._scores):
            if not self._graph.is_made_by(score, "Gather"):
                values[-1][head] = self._gemm(score).inputs[0]
        for index in reversed(range(len(DILATIONS))):
            product = self._product(self._activation(values[index + 1][last], index))
            count = self._heads if index else last
            names = [] if product is None else self._joined(product.inputs[0], count)
            if len(names) != count:
                raise Unknown(f"layer {index}")
            values[index][:count] = names
        return values

    def _joined(self, name: str, count: int) -> tuple[str, ...]:
        return (name,) if count == 1 else self._graph.maker(name, "Concat").inputs

    def _activation(self, name: str, index: int) -> str:
        """What the rectifier of a head in a layer takes; all layers but the first add their input."""
        if index == 0:
            return self._graph.maker(name, "LeakyRelu").inputs[0]
        for other in self._graph.maker(name, "Add").inputs[::-1]:
            if self._graph.is_made_by(other, "LeakyRelu"):
                return self._graph.maker(other, "LeakyRelu").inputs[0]
        raise Unknown(name)

    def _product(self, name: str) -> Node | None:
        """The product with the same frame's heads in a sum; None for a first head, which sees none."""
        if self._graph.is_made_by(name, "Slice"):
            return None
        for other in self._graph.maker(name, "Add").inputs:
            if self._graph.is_made_by(other, "Gemm"):
                return self._gemm(other)
        raise Unknown(name)

    def _gemm(self, name: str) -> Node:
        node = self._graph.maker(name, "Gemm")
        if node.numbers.get("transB", 0) != 1 or node.numbers.get("transA", 0):
            raise Unknown(name)
        return node


def _heard(graph: OnnxGraph) -> Heard:
    names = [f"model.heard.{part}" for part in ("first", "second", "leave")]
    weights = [graph.weight(f"{name}.weight") for name in names]
    biases = [graph.weight(f"{name}.bias") for name in names]
    factors = [node for node in graph.nodes if node.kind == "Mul"]
    if len(factors) != 1:
        raise Unknown("heard")
    sharpness = next(graph.constant(name) for name in factors[0].inputs if graph.is_constant(name))
    return Heard((weights[0], weights[1], weights[2]), (biases[0], biases[1], biases[2]), float(sharpness))
