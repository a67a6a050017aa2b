# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of the bounded least squares (`weights.BoxProblem`), for many rows at once, as one ONNX graph.

NumPy gives Python's lock away around every pass over an array and takes it back after. Passes of some
microseconds on two threads then wait for each other more than they work (*measured*: the curves of 16 takes
took as long on two threads as on one). A graph of some steps is one call.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bundle.onnx_header import DOUBLE, FLOAT
from ..bundle.onnx_write import GraphWriter
from ..bundle.runtime import open_model

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

STEPS = 8
"""Steps between two looks at which rows have arrived."""

RELAXATION = 1.8
"""Over-relaxation of each step, see `weights.BoxProblem`."""


class Rows:
    """Rows of a `BoxProblem` on their way, in float32: ``inside`` (n, U) the box is its z, ``beyond`` (n, U)
    its v; ``added`` (n, U) comes to v in each step, and ``most`` (n, U) are the largest values."""

    def __init__(self, step: Float32, inside: Float64, dual: Float64, added: Float64, most: Float64) -> None:
        self._found = np.empty(inside.shape, np.float32)
        self._step = step
        self._inside: Float32 = inside.astype(np.float32)
        self._beyond: Float32 = (inside + dual).astype(np.float32)
        self._added: Float32 = added.astype(np.float32)
        self._most: Float32 = np.broadcast_to(most, inside.shape).astype(np.float32)
        self._open = np.arange(len(inside))
        if len(inside) == 1:
            self._keep(self._open)

    @property
    def all_arrived(self) -> bool:
        """Whether no row is on its way any more."""
        return not len(self._open)

    def go(self, tolerance: float) -> None:
        """STEPS steps of all rows that are on their way; those that the last one moves by less than a
        tolerance, and that are as near to the box, have arrived."""
        given = {
            "inside": self._inside,
            "beyond": self._beyond,
            "added": self._added,
            "most": self._most,
            "step": self._step,
        }
        self._inside, self._beyond, far = _session().run(["inside_out", "beyond_out", "far"], given)
        arrived = far < tolerance
        if arrived.any():
            self._found[self._open[arrived]] = self._inside[arrived]
            self._keep(np.flatnonzero(~arrived))

    def _keep(self, rows: NDArray[np.intp]) -> None:
        """Only these rows go on. One alone goes twice: a product of one row is worked out in another way, and
        a row's last bits are not to depend on how many others there are."""
        if len(rows) == 1:
            rows = np.repeat(rows, 2)
        self._open, self._inside, self._beyond = self._open[rows], self._inside[rows], self._beyond[rows]
        self._added, self._most = self._added[rows], self._most[rows]

    def result(self) -> Float32:
        """Where all rows (n, U) are by now."""
        self._found[self._open] = self._inside
        return self._found


def product(rows: Float64, matrix: NDArray[np.floating]) -> Float64:
    """``rows`` (n, U) @ ``matrix`` (U, U), each row the same, bit for bit, however many there are: NumPy's
    OpenBLAS multiplies few rows in another way than many."""
    given = np.repeat(rows, 2, axis=0) if len(rows) == 1 else rows
    found: Float64 = _multiply().run(["out"], {"rows": given, "matrix": matrix})[0]
    return found[: len(rows)]


@lru_cache(maxsize=1)
def _session() -> Any:
    return open_model(_model(), "steps of the unit weights", 1)


@lru_cache(maxsize=1)
def _multiply() -> Any:
    graph = GraphWriter()
    found = graph.node(
        "MatMul", graph.input("rows", DOUBLE, ("N", "U")), graph.input("matrix", DOUBLE, ("U", "U"))
    )
    graph.output(found, "out", DOUBLE, ("N", "U"))
    return open_model(graph.model(), "product", 1)


def _model() -> bytes:
    """STEPS steps, and how far the last one moved each row or left it from the box."""
    graph, rows = GraphWriter(), ("N", "U")
    inside, beyond = (graph.input(name, FLOAT, rows) for name in ("inside", "beyond"))
    for name in ("added", "most"):
        graph.input(name, FLOAT, rows)
    graph.input("step", FLOAT, ("U", "U"))
    before, outside = inside, beyond
    for _ in range(STEPS):
        before, outside = inside, beyond
        inside, beyond = _one_step(graph, before, outside)
    change = graph.node("Abs", graph.node("Sub", before, inside))
    dual = graph.node("Sub", graph.node("Add", graph.node("Sub", outside, before), inside), beyond)  # z − x
    largest = graph.node("Max", change, graph.node("Abs", dual))
    graph.output(inside, "inside_out", FLOAT, rows)
    graph.output(beyond, "beyond_out", FLOAT, rows)
    graph.output(graph.node("ReduceMax", largest, graph.ints(1), keepdims=0), "far", FLOAT, ("N",))
    return graph.model()


def _one_step(graph: GraphWriter, inside: str, beyond: str) -> tuple[str, str]:
    """v ← (2 z − v) ``step`` + (1 − r/2) v + ``added``, and z, which is v cut to the box."""
    free = graph.node("Sub", graph.node("Add", inside, inside), beyond)
    moved = graph.node("Gemm", free, "step", beyond, beta=1.0 - 0.5 * RELAXATION)
    beyond = graph.node("Add", moved, "added")
    return graph.node("Min", graph.node("Relu", beyond), "most"), beyond
