# SPDX-License-Identifier: GPL-3.0-or-later
"""What each graph of a bundle takes and gives, in sizes of the card."""

from __future__ import annotations

from ..errors import BundleError
from .card import Card
from .onnx_header import FLOAT, INT64, OnnxHeader, Port

Ports = dict[str, Port]


def contract(graph: str, card: Card) -> tuple[Ports, Ports]:
    """Inputs and outputs of a graph, all sizes fixed; B = block_frames, L = lanes, V = vertices."""
    block, lanes, heads, classes = card.block_frames, card.lanes, card.heads, card.categories
    audio = Port(FLOAT, (1, block, card.audio_code))
    expression = Port(FLOAT, (1, block, card.expression_code))
    motion = Port(FLOAT, (1, block, card.vertices, 3))
    seen = Port(FLOAT, (1, card.expression_state))
    spoken = Port(FLOAT, (lanes, card.autoregressive_state))
    moved = Port(FLOAT, (1, card.decoder_state))
    logits = Port(FLOAT, (lanes, heads, classes))
    labels = Port(INT64, (lanes, heads))
    table: dict[str, tuple[Ports, Ports]] = {
        "audio_encoder": ({"mel": Port(FLOAT, (1, card.mel_frames, card.mel.bands))}, {"audio_code": audio}),
        "expression_encoder": (
            {"displacement": motion, "state": seen},
            {"expression_code": expression, "state_out": seen},
        ),
        "fusion": (
            {"audio_code": audio, "expression_code": expression},
            {"logits": Port(FLOAT, (1, block, heads, classes))},
        ),
        "autoregressive": (
            {
                "audio_code": Port(FLOAT, (lanes, card.audio_code)),
                "noise": logits,
                "forced": labels,
                "state": spoken,
            },
            {"labels": labels, "logits": logits, "state_out": spoken},
        ),
        "decoder": (
            {
                "rest": Port(FLOAT, (1, card.vertices, 3)),
                "labels": Port(INT64, (1, block, heads)),
                "state": moved,
            },
            {"vertices": motion, "state_out": moved},
        ),
    }
    return table[graph]


def check_graph(graph: str, header: OnnxHeader, card: Card) -> None:
    """Compare a graph's header with the card; BundleError names the first thing that differs."""
    if header.opset != card.opset:
        raise BundleError(
            f"The model's graph {graph} uses ONNX operator set {header.opset}, its card says {card.opset}; "
            "export the model again."
        )
    inputs, outputs = contract(graph, card)
    _compare(graph, "input", inputs, header.inputs)
    _compare(graph, "output", outputs, header.outputs)


def _compare(graph: str, kind: str, wanted: Ports, found: Ports) -> None:
    if set(wanted) != set(found):
        odd = sorted(set(wanted) ^ set(found))[0]
        problem = "lacks" if odd in wanted else "has the unknown"
        raise BundleError(f"The model's graph {graph} {problem} {kind} {odd}; export the model again.")
    for name, port in wanted.items():
        if found[name] != port:
            raise BundleError(
                f"The model's graph {graph} has {kind} {name} of shape {_shape(found[name])}, its card says "
                f"{_shape(port)}; export the model again."
            )


def _shape(port: Port) -> str:
    element = {FLOAT: "float32", INT64: "int64"}.get(port.element, f"type {port.element}")
    return f"{element}({', '.join('?' if size is None else str(size) for size in port.shape)})"
