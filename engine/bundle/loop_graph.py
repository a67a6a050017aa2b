# SPDX-License-Identifier: GPL-3.0-or-later
"""A sampler whose whole loop, over frames and heads, lies in one ONNX graph.

The same numbers as the bundle's step graph, by less work:

* what a head takes from labels (this frame's and the one before) is looked up in tables, not multiplied;
* a layer that looks d frames back multiplies d frames at once, so that its weights are read once for them:
  loops of 8, 4, 2 and 1 frames lie inside each other;
* of a frame's own triangular weights only what isn't zero is multiplied;
* audio terms are one product for all frames, and so are the heads that only hear.

Shapes: F frames (a multiple of 8), L lanes, H heads, C categories, W = H × channels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .onnx_header import FLOAT, INT64
from .onnx_write import GraphWriter
from .sampler_weights import DILATIONS, SLOPE, Floats, Heard, SamplerWeights

CHUNK = DILATIONS[-1]
"""Frames that the outermost loop takes at once."""

GROUP = 16
"""Heads of a frame that look at each other one by one; earlier groups are looked at all at once, in products
that are worth several threads."""


def loop_model(weights: SamplerWeights) -> bytes:
    """The ONNX model. Inputs: ``audio_code`` (F, code), ``noise`` (F, joint heads · L, C) with the logits'
    bias in it, ``heard_noise`` (F, audio_heads, L, C) where there are such heads, ``last`` (H, L) rows of
    the label table, ``past1`` (2, L, W), ``past2`` (4, L, W), ``past3`` (8, L, W). Outputs: ``labels``
    (F / 8, 8, H, L), and ``last_out``, ``past1_out`` … for the next call."""
    graph = GraphWriter()
    width = weights.width
    code = graph.input("audio_code", FLOAT, ("F", weights.layers[0].audio.shape[1]))
    noise = graph.input("noise", FLOAT, ("F", "J", weights.categories))
    last = graph.input("last", INT64, (weights.heads, "L"))
    pasts = [graph.input(f"past{n}", FLOAT, (DILATIONS[n], "L", width)) for n in (1, 2, 3)]
    audio = [_audio(graph, code, weights, index) for index in range(len(DILATIONS))]
    series = [*audio, _chunks(graph, noise, weights.categories)]
    heard = _heard_labels(graph, code, weights, weights.heard) if weights.heard is not None else None
    if heard is not None:
        series.append(graph.node("Add", heard, graph.weight(_heard_rows(weights))))
    states = [last, *pasts]
    *states, labels = graph.nodes(
        "Scan", 5, *states, *series, body=_chunk_body(weights, CHUNK), num_scan_inputs=len(series)
    )
    if heard is not None:
        labels = graph.node("Concat", heard, labels, axis=2)
    graph.output(labels, "labels", INT64, ("N", CHUNK, weights.heads, "L"))
    graph.output(states[0], "last_out", INT64, (weights.heads, "L"))
    for index, state in enumerate(states[1:], 1):
        graph.output(state, f"past{index}_out", FLOAT, (DILATIONS[index], "L", width))
    return graph.model()


def label_table(weights: SamplerWeights, layer: Floats) -> Floats:
    """What each label adds through a first layer's weights (W, W): (H · C + 1, W), the last row is 0."""
    heads, classes, channels = weights.embedding.shape
    table = np.zeros((heads * classes + 1, weights.width), np.float32)
    for head in range(heads):
        columns = layer[:, head * channels : (head + 1) * channels]
        np.matmul(weights.embedding[head], columns.T, out=table[head * classes : (head + 1) * classes])
    return table


def _offsets(weights: SamplerWeights, first: int, stop: int) -> NDArray[np.int64]:
    """Where each head's rows begin in the label table, (heads, 1)."""
    return (np.arange(first, stop, dtype=np.int64) * weights.categories)[:, None]


def _heard_rows(weights: SamplerWeights) -> NDArray[np.int64]:
    """Where the rows of the heads that only hear begin for this frame, (audio_heads, 1): behind the table
    for the last one."""
    return _offsets(weights, 0, weights.audio_heads) + weights.heads * weights.categories + 1


def _audio(graph: GraphWriter, code: str, weights: SamplerWeights, index: int) -> str:
    """A layer's audio term and bias, (F / 8, 8, 1, W)."""
    layer = weights.layers[index]
    term = graph.node("Gemm", code, graph.weight(layer.audio), graph.weight(layer.bias), transB=1)
    return graph.node("Reshape", term, graph.ints(-1, CHUNK, 1, weights.width))


def _chunks(graph: GraphWriter, value: str, last: int) -> str:
    """(F, N, last) as (F / 8, 8, N, last)."""
    shape = graph.node("Shape", value, start=1, end=2)
    target = graph.node("Concat", graph.ints(-1, CHUNK), shape, graph.ints(last), axis=0)
    return graph.node("Reshape", value, target)


def _heard_labels(graph: GraphWriter, code: str, weights: SamplerWeights, heard: Heard) -> str:
    """Labels of the heads that only hear, all frames at once, (F / 8, 8, audio_heads, L)."""
    count, classes = weights.audio_heads, weights.categories
    noise = graph.input("heard_noise", FLOAT, ("F", count, "L", classes))
    value = code
    for index, (weight, bias) in enumerate(zip(heard.weights, heard.biases, strict=True)):
        value = graph.node("Gemm", value, graph.weight(weight), graph.weight(bias), transB=1)
        value = value if index == 2 else graph.node("LeakyRelu", value, alpha=SLOPE)
    sharp = graph.node("Mul", value, graph.weight(np.array(heard.sharpness, np.float32)))
    logits = graph.node("Reshape", sharp, graph.ints(-1, count, 1, classes))
    labels = graph.node("ArgMax", graph.node("Add", logits, noise), axis=3, keepdims=0)
    shape = graph.node("Concat", graph.ints(-1, CHUNK), graph.node("Shape", labels, start=1), axis=0)
    return graph.node("Reshape", labels, shape)


def _chunk_body(weights: SamplerWeights, frames: int) -> GraphWriter:
    """The loop over ``frames`` = 8, 4 or 2 frames: what the layer of that dilation takes from the past is one
    product; two loops of half as many frames do the rest. States: last labels, pasts 1 to 3 (longer ones than
    this loop's own are inputs a frame already)."""
    graph = GraphWriter(f"by{frames}_")
    index, width, half = DILATIONS.index(frames), weights.width, frames // 2
    last = graph.input("last_" + str(frames), INT64, (weights.heads, "L"))
    pasts = [graph.input(f"past{n}_{frames}", FLOAT, (DILATIONS[n], "L", width)) for n in range(1, index + 1)]
    series = [graph.input(f"audio{n}_{frames}", FLOAT, (frames, 1, width)) for n in range(index + 1)]
    series += [
        graph.input(f"before{n}_{frames}", FLOAT, (frames, "L", width))
        for n in range(index + 1, len(DILATIONS))
    ]
    noises = [graph.input(f"noise_{frames}", FLOAT, (frames, "J", weights.categories))]
    if weights.heard is not None:
        noises.append(graph.input(f"heard_{frames}", INT64, (frames, weights.audio_heads, "L")))
    flat = graph.node("Reshape", pasts[-1], graph.ints(-1, width))
    taken = graph.node("MatMul", flat, graph.weight(weights.layers[index].earlier.T))
    taken = graph.node("Reshape", taken, graph.ints(frames, -1, width))
    series[index] = graph.node("Add", taken, series[index])
    inner = _frame_body(weights) if half == 1 else _chunk_body(weights, half)
    given = series + noises
    if half > 1:
        given = [
            *(_halves(graph, value, half, (1, width)) for value in series[:index]),
            *(_halves(graph, value, half, (-1, width)) for value in series[index:]),
            _halves(graph, noises[0], half, (-1, weights.categories)),
            *(_halves(graph, value, half, (weights.audio_heads, -1)) for value in noises[1:]),
        ]
    kept = pasts[:-1]  # states of the inner loop
    outputs = graph.nodes(
        "Scan",
        1 + len(kept) + (4 - len(kept)),
        last,
        *kept,
        *given,
        body=inner,
        num_scan_inputs=len(given),
    )
    states, series_out = outputs[: 1 + len(kept)], outputs[1 + len(kept) :]
    if half > 1:
        shapes = [(-1, width)] * (len(series_out) - 1) + [(weights.heads - weights.audio_heads, -1)]
        series_out = [
            graph.node("Reshape", value, graph.ints(frames, *shape))
            for value, shape in zip(series_out, shapes, strict=True)
        ]
    values = [*states, *series_out]  # last, the inputs of layers 1 to 3, labels
    for value in values:
        graph.result(value, INT64 if value in (values[0], values[-1]) else FLOAT)
    return graph


def _halves(graph: GraphWriter, value: str, half: int, each: tuple[int, int]) -> str:
    """(2 · half, each) as (2, half, each)."""
    return graph.node("Reshape", value, graph.ints(2, half, *each))


def _frame_body(weights: SamplerWeights) -> GraphWriter:
    """One frame: all heads one after the other. State: the last frame's rows of the label table; gives this
    frame's, the inputs of layers 1 to 3, and the labels."""
    graph = GraphWriter("frame_")
    frame = _Frame(graph, weights)
    frame.hear()
    for first in range(weights.audio_heads, weights.heads, GROUP):
        frame.group(first, min(first + GROUP, weights.heads))
    frame.finish()
    return graph


class _Frame:
    """Writes the body of the innermost loop."""

    def __init__(self, graph: GraphWriter, weights: SamplerWeights) -> None:
        self._graph, self._weights = graph, weights
        width, heads = weights.width, weights.heads
        self._last = graph.input("last", INT64, (heads, "L"))
        audio = graph.input("audio", FLOAT, (1, width))
        before = [graph.input(f"before{n}", FLOAT, ("L", width)) for n in (1, 2, 3)]
        noise = graph.input("noise_frame", FLOAT, ("J", weights.categories))
        rows, tables = self._last, [label_table(weights, weights.layers[0].earlier)]
        self._table = label_table(weights, weights.layers[0].same)
        if weights.audio_heads:  # their labels of this frame are known already
            self._heard = graph.input("heard", INT64, (weights.audio_heads, "L"))
            rows = graph.node("Concat", rows, self._heard, axis=0)
            tables.append(self._table[: weights.audio_heads * weights.categories])
        told = self._looked_up(np.concatenate(tables), rows, heads + weights.audio_heads)
        self._bases = [graph.node("Add", told, audio), *before]
        own = heads - weights.audio_heads
        self._noise = graph.nodes("Split", own, noise, axis=0, num_outputs=own) if own > 1 else [noise]
        self._labels: list[str] = []
        self._inputs: list[list[str]] = [[], [], []]
        """Finished inputs of layers 1 to 3, by group."""

    def hear(self) -> None:
        """The heads that only hear, whose labels are known already, in one product a layer."""
        count, graph, weights = self._weights.audio_heads, self._graph, self._weights
        if not count:
            return
        inner = count * weights.channels
        sizes = graph.ints(inner, weights.width - inner)
        first, self._bases[0] = graph.nodes("Split", 2, self._bases[0], sizes, axis=1)
        value = graph.node("LeakyRelu", first, alpha=SLOPE)
        for index in (1, 2, 3):
            weight = graph.weight(weights.layers[index].same[:, :inner].T)
            total = graph.node("Gemm", value, weight, self._bases[index])
            own, self._bases[index] = graph.nodes("Split", 2, total, sizes, axis=1)
            self._inputs[index - 1].append(value)
            value = graph.node("Add", value, graph.node("LeakyRelu", own, alpha=SLOPE))

    def group(self, first: int, stop: int) -> None:
        """Heads ``first`` to ``stop - 1``; what they take from earlier groups is one product a layer."""
        graph, weights, channels = self._graph, self._weights, self._weights.channels
        sizes = [channels] * (stop - first)
        bases = []
        for index in (1, 2, 3):
            base, rest = self._split(self._bases[index], first, stop)
            self._bases[index] = rest
            if first > weights.audio_heads:  # what only hears has told it already
                seen = graph.node("Concat", *self._inputs[index - 1][bool(weights.audio_heads) :], axis=1)
                rows = weights.layers[index].same[first * channels : stop * channels]
                columns = rows[:, weights.audio_heads * channels : first * channels]
                base = graph.node("Gemm", seen, graph.weight(columns.T), base)
            pieces = graph.nodes("Split", len(sizes), base, graph.ints(*sizes), axis=1)
            bases.append(pieces if len(sizes) > 1 else [base])
        seen = ["", "", ""]
        for head in range(first, stop):
            self._head(head, first, [base[head - first] for base in bases], seen)
        for inputs, value in zip(self._inputs, seen, strict=True):
            inputs.append(value)

    def finish(self) -> None:
        """The outputs."""
        graph, weights = self._graph, self._weights
        own = graph.node("Concat", *self._labels, axis=0) if len(self._labels) > 1 else self._labels[0]
        own = graph.node("Reshape", own, graph.ints(len(self._labels), -1))
        labels, offsets = own, _offsets(weights, 0, weights.heads)
        if weights.audio_heads:
            labels = graph.node("Concat", self._heard, own, axis=0)
            offsets[: weights.audio_heads] -= _heard_rows(weights)
        graph.result(graph.node("Add", labels, graph.weight(offsets)), INT64)
        for inputs in self._inputs:
            graph.result(graph.node("Concat", *inputs, axis=1) if len(inputs) > 1 else inputs[0], FLOAT)
        graph.result(own, INT64)

    def _head(self, head: int, first: int, bases: list[str], seen: list[str]) -> None:
        """One head through all layers; ``seen`` are the group's inputs of layers 1 to 3 so far, each one
        value (a node that joins two is several times as fast as one that joins many)."""
        graph, weights, channels = self._graph, self._weights, self._weights.channels
        own = slice(head * channels, (head + 1) * channels)
        base, self._bases[0] = self._split(self._bases[0], head, head + 1)
        value = graph.node("LeakyRelu", base, alpha=SLOPE)
        for index in (1, 2, 3):
            before = seen[index - 1]
            seen[index - 1] = graph.node("Concat", before, value, axis=1) if before else value
            weight = weights.layers[index].same[own, first * channels : own.stop].T
            total = graph.node("Gemm", seen[index - 1], graph.weight(weight), bases[index - 1])
            value = graph.node("Add", value, graph.node("LeakyRelu", total, alpha=SLOPE))
        noise = self._noise[head - weights.audio_heads]
        scores = graph.node("Gemm", value, graph.weight(weights.leave[head].T), noise)
        label = graph.node("ArgMax", scores, axis=1, keepdims=0)
        self._labels.append(label)
        if head + 1 < weights.heads:
            rows = self._table[head * weights.categories : (head + 1) * weights.categories, own.stop :]
            told = graph.node("Gather", graph.weight(rows), label, axis=0)
            self._bases[0] = graph.node("Add", self._bases[0], told)

    def _split(self, value: str, head: int, stop: int) -> tuple[str, str]:
        """A base that begins at ``head``: its part before head ``stop``, and what follows (nothing behind the
        last head)."""
        if stop == self._weights.heads:
            return value, ""
        channels = self._weights.channels
        sizes = self._graph.ints((stop - head) * channels, (self._weights.heads - stop) * channels)
        one, other = self._graph.nodes("Split", 2, value, sizes, axis=1)
        return one, other

    def _looked_up(self, table: Floats, rows: str, count: int) -> str:
        """The sum (L, W) of the table's rows (count, L): a product with ones, which takes a sixth of what
        ReduceSum does."""
        graph = self._graph
        found = graph.node("Gather", graph.weight(table), rows, axis=0)
        flat = graph.node("Reshape", found, graph.ints(count, -1))
        total = graph.node("MatMul", graph.weight(np.ones((1, count), np.float32)), flat)
        return graph.node("Reshape", total, graph.ints(-1, self._weights.width))
