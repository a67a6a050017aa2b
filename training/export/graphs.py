# SPDX-License-Identifier: GPL-3.0-or-later
"""The five ONNX graphs of a bundle: static shapes, explicit state, all float32 outside."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from training.model.autoregressive import Autoregressive, AutoregressiveStep
from training.model.meshtalk import MeshTalk
from training.model.settings import MEL_BANDS, MEL_PER_FRAME

OPSET = 18


@dataclass(frozen=True)
class GraphSettings:
    """``block_frames`` frames pass at once through the encoders and the decoder, ``lanes`` seeds through the
    sampler.
    """

    block_frames: int = 64
    lanes: int = 8


class ExpressionEncoderGraph(nn.Module):
    """``displacement (1, B, V, 3)`` metres, ``state (1, S3)`` -> ``expression_code (1, B, code)``,
    ``state_out``.
    """

    basis: Tensor
    scale: Tensor

    def __init__(self, model: MeshTalk) -> None:
        super().__init__()
        self.encoder = model.expression_encoder
        self.low = model.space.rank == "low"
        if self.low:
            self.register_buffer("basis", model.space.motion_basis.half())
        self.register_buffer("scale", model.space.motion_scale)

    def forward(self, displacement: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        vector = displacement.flatten(-2)
        if self.low:
            vector = vector @ self.basis.float().T
        return self.encoder(vector / self.scale, state)


class DecoderGraph(nn.Module):
    """``rest (1, V, 3)``, ``labels (1, B, H)``, ``state (1, S2)`` -> ``vertices (1, B, V, 3)``,
    ``state_out``.
    """

    mean: Tensor
    identity_basis: Tensor
    motion_basis: Tensor
    rest_scale: Tensor
    motion_scale: Tensor

    def __init__(self, model: MeshTalk) -> None:
        super().__init__()
        self.decoder = model.decoder
        space = model.space
        self.vertices, self.low = space.vertices, space.rank == "low"
        self.register_buffer("mean", space.mean)
        if self.low:
            self.register_buffer("identity_basis", space.identity_basis.half())
            self.register_buffer("motion_basis", space.motion_basis.half())
        self.register_buffer("rest_scale", space.rest_scale)
        self.register_buffer("motion_scale", space.motion_scale)

    def forward(self, rest: Tensor, labels: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        offset = rest.flatten(-2) - self.mean
        vector = offset @ self.identity_basis.float().T if self.low else offset
        motion, state = self.decoder.decode(
            vector / self.rest_scale, self.decoder.embed_labels(labels), state
        )
        flat = motion * self.motion_scale
        if self.low:
            flat = flat @ self.motion_basis.float()
        return rest.unsqueeze(1) + flat.unflatten(-1, (self.vertices, 3)), state


@dataclass(frozen=True)
class Graph:
    """A module with example inputs and the names of its inputs and outputs."""

    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]


def graphs(model: MeshTalk, autoregressive: Autoregressive, settings: GraphSettings) -> dict[str, Graph]:
    """All graphs by name, with zero example inputs of their static shapes."""
    sizes, block, lanes = model.settings, settings.block_frames, settings.lanes
    mel = torch.zeros(1, sizes.mel_before + MEL_PER_FRAME * block + sizes.mel_after, MEL_BANDS)
    code, vertices = torch.zeros(1, block, sizes.code), model.space.vertices
    labels = torch.zeros(1, block, sizes.heads, dtype=torch.int64)
    return {
        "audio_encoder": Graph(model.audio_encoder, {"mel": mel}, ("audio_code",)),
        "expression_encoder": Graph(
            ExpressionEncoderGraph(model),
            {
                "displacement": torch.zeros(1, block, vertices, 3),
                "state": torch.zeros(1, sizes.expression_state),
            },
            ("expression_code", "state_out"),
        ),
        "fusion": Graph(model.fusion, {"audio_code": code, "expression_code": code.clone()}, ("logits",)),
        "autoregressive": Graph(
            AutoregressiveStep(autoregressive),
            {
                "audio_code": torch.zeros(lanes, sizes.code),
                "noise": torch.zeros(lanes, sizes.heads, sizes.categories),
                "forced": torch.full((lanes, sizes.heads), -1, dtype=torch.int64),
                "state": torch.zeros(lanes, sizes.autoregressive_state),
            },
            ("labels", "logits", "state_out"),
        ),
        "decoder": Graph(
            DecoderGraph(model),
            {
                "rest": torch.zeros(1, vertices, 3),
                "labels": labels,
                "state": torch.zeros(1, sizes.decoder_state),
            },
            ("vertices", "state_out"),
        ),
    }


def write_graph(graph: Graph, path: Path) -> None:
    """Export one graph to one file without external data."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            graph.module.eval().cpu(),
            tuple(graph.inputs.values()),
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export returned no program")
    path.write_bytes(_plain(program.model_proto).SerializeToString())


def _plain(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Drop what the exporter notes about the source (paths, stack traces): half the size and no trace of the
    machine.
    """
    del proto.metadata_props[:]
    del proto.graph.metadata_props[:]
    del proto.graph.value_info[:]
    proto.graph.doc_string = proto.doc_string = ""
    for entry in (*proto.graph.node, *proto.graph.initializer, *proto.graph.input, *proto.graph.output):
        entry.doc_string = ""
        del entry.metadata_props[:]
    return proto
