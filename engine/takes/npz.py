# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes as ``.npz``: vertices, faces, weights, unit_names, fps, seed. The layout stays stable."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..errors import TakeError
from .atomic import replacing

if TYPE_CHECKING:
    from ..generate.options import Take


def write_npz(
    path: str | Path,
    take: Take,
    faces: NDArray[np.int32],
    corrective_deltas: NDArray[np.float32] | None = None,
) -> None:
    """Write a take with its vertices; ``faces`` (F, 4) int32, −1 pads a triangle, ``corrective_deltas``
    (K, V', 3) as in ``describe``. Whole or not at all (TakeError)."""
    if take.vertices is None:
        raise TakeError("The take holds no vertices; generate it with keep_vertices.")
    vertices = take.vertices
    with replacing(Path(path)) as temporary, NpzWriter(temporary) as writer:
        with writer.rows("vertices", vertices.shape, np.float32) as rows:
            rows.add(vertices)
        writer.arrays(describe(take, faces, corrective_deltas))


def describe(
    take: Take, faces: NDArray[np.int32], corrective_deltas: NDArray[np.float32] | None = None
) -> Mapping[str, NDArray[Any]]:
    """All of a take's arrays in the file except the vertices; those of its correctives where it has them,
    with their shapes on the mesh (``Binding.carry`` of the take's) where they are given."""
    arrays = {
        "faces": np.asarray(faces, np.int32),
        "weights": take.weights,
        "unit_names": np.array(take.unit_names),
        "fps": np.array(float(take.fps)),
        "seed": np.array(take.seed, np.int64),
    }
    if take.corrective_weights is not None:
        arrays["corrective_weights"] = take.corrective_weights
        arrays["corrective_names"] = np.array(take.corrective_names or (), dtype=np.str_)
        arrays["corrective_error_mm"] = np.array(take.corrective_error_mm)
        if corrective_deltas is not None:
            arrays["corrective_deltas"] = np.asarray(corrective_deltas, np.float32)
    return arrays


class NpzWriter:
    """Writes an ``.npz`` array by array; a large one row by row, so that it never has to be in memory."""

    def __init__(self, place: Path | BinaryIO, compression: int = zipfile.ZIP_STORED) -> None:
        self._compression = compression
        self._zip = zipfile.ZipFile(place, "w", allowZip64=True)

    def __enter__(self) -> NpzWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    @contextmanager
    def rows(self, name: str, shape: tuple[int, ...], dtype: type[np.generic]) -> Iterator[Rows]:
        """A C-ordered array of known shape, given in parts along its first axis."""
        with self._zip.open(self._member(name), "w", force_zip64=True) as file:
            header = {"descr": np.dtype(dtype).newbyteorder("<").str, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            yield Rows(file, np.dtype(dtype).newbyteorder("<"))

    def arrays(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Small arrays, each at once."""
        for name, array in arrays.items():
            with self._zip.open(self._member(name), "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asarray(array, order="C"), allow_pickle=False)

    def _member(self, name: str) -> zipfile.ZipInfo:
        """A member with a fixed date: the same take is the same file, byte for byte."""
        member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
        member.compress_type = self._compression
        return member


class Rows:
    """Takes the parts of one array."""

    def __init__(self, file: Any, dtype: np.dtype[Any]) -> None:
        self._file = file
        self._dtype = dtype

    def add(self, part: NDArray[Any]) -> None:
        """Append ``part`` (n, …)."""
        self._file.write(np.ascontiguousarray(part, self._dtype).data)
