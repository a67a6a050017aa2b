# SPDX-License-Identifier: GPL-3.0-or-later
"""Products of rows with one wide matrix, again and again.

onnxruntime brings a matrix that stays into the layout of its kernels once, and writes the product where it
belongs. NumPy's OpenBLAS does the first for every product, and zeroes the place before it adds to it:
*measured* (160 × 13,614, one thread) 44 µs a row in onnxruntime, as fast as the processor multiplies, however
many rows; OpenBLAS 55 with 64 rows and 47 with 320.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bundle.onnx_header import FLOAT
from .bundle.onnx_write import GraphWriter
from .bundle.runtime import open_model

Float32 = NDArray[np.float32]

ROWS, WHOLE = 64, 320
"""Rows that are multiplied and finished while the cache holds them; and more where the product is written in
place, so that the matrix is read less often."""


class Product:
    """Rows (n, K) times one ``matrix`` (K, N), on one thread; a row is the same, bit for bit, however many
    there are. Any thread may use it."""

    def __init__(self, matrix: Float32) -> None:
        graph = GraphWriter()
        rows = graph.input("rows", FLOAT, ("n", matrix.shape[0]))
        self._name = graph.node("MatMul", rows, graph.weight(matrix))
        graph.result(self._name, FLOAT)
        self._session: Any = open_model(graph.model(), "product", 1)

    def into(self, rows: Float32, out: Float32) -> None:
        """The product of ``rows`` (n, K) into ``out`` (n, N), both in one piece."""
        binding = self._session.io_binding()
        binding.bind_cpu_input("rows", rows)
        binding.bind_output(self._name, "cpu", 0, np.float32, out.shape, out.ctypes.data)
        self._session.run_with_iobinding(binding)


class Spread:
    """What moves by rows of coefficients, beside what stands still: ``runs`` of moving columns, each where it
    starts and its matrix (K, N), kept in float32."""

    def __init__(self, runs: Iterable[tuple[int, NDArray[Any]]]) -> None:
        self._runs = [
            (start, start + matrix.shape[1], Product(matrix.astype(np.float32, copy=False)))
            for start, matrix in runs
        ]

    def place(self, rows: Float32, still: Float32, out: Float32) -> None:
        """``still`` (N,) and what rows (n, K) add to it, into ``out`` (n, N)."""
        for given, part, scratch in self._parts(rows, out):
            done = 0
            for start, stop, product in self._runs:
                part[:, done:start] = still[done:start]
                own, done = part[:, start:stop], stop
                moved = own if own.flags.c_contiguous else _room(scratch, own)
                product.into(given, moved)
                np.add(moved, still[start:stop], out=own)
            part[:, done:] = still[done:]

    def add(self, rows: Float32, out: Float32) -> None:
        """What rows (n, K) do, on top of ``out`` (n, N)."""
        for given, part, scratch in self._parts(rows, out):
            for start, stop, product in self._runs:
                own = part[:, start:stop]
                moved = _room(scratch, own)
                product.into(given, moved)
                own += moved

    def _parts(self, rows: Float32, out: Float32) -> Iterator[tuple[Float32, Float32, Float32]]:
        """Rows and their places, as many as are finished together, and room for a run of them."""
        given = np.ascontiguousarray(rows, np.float32)
        runs = [stop - start for start, stop, _ in self._runs if stop - start < out.shape[1]]
        size = ROWS if runs else WHOLE
        scratch = np.empty(min(size, len(given)) * max(runs, default=0), np.float32)
        for first in range(0, len(given), size):
            yield given[first : first + size], out[first : first + size], scratch


def _room(scratch: Float32, like: Float32) -> Float32:
    """Some of ``scratch``, or new room where it is too small, in the shape of another array, in one piece."""
    if scratch.size < like.size:
        return np.empty(like.shape, np.float32)
    return scratch[: like.size].reshape(like.shape)
