# SPDX-License-Identifier: GPL-3.0-or-later
"""Raw curves of a take: what the model said, before anybody turned a control; kept as bytes, bit for bit."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import TakeError

if TYPE_CHECKING:
    from ..generate.options import Take

FORMAT = 1

DAMAGED = "The curves of this take can't be read: generate it again."
NEWER = "The curves of this take come from a newer MeshTalk: update the add-on."


@dataclass(frozen=True, eq=False)
class RawCurves:
    """One stretch of speech: ``weights`` (T, U) float32 in 0…1 of the ``unit_names`` (U,), sample ``i`` at
    time ``i / fps``; ``corrective_weights`` (T, K) float32 in −1…1 of the ``corrective_names`` (K,), or None;
    ``labels`` (T', H) int16 at the model's rate, or None where the take wasn't sampled."""

    unit_names: tuple[str, ...]
    weights: NDArray[np.float32]
    fps: Fraction
    corrective_names: tuple[str, ...] = ()
    corrective_weights: NDArray[np.float32] | None = None
    labels: NDArray[np.int16] | None = None


def curves_of(take: Take) -> RawCurves:
    """What is kept of a take."""
    return RawCurves(
        take.unit_names,
        take.weights,
        take.fps,
        take.corrective_names or (),
        take.corrective_weights if take.corrective_names else None,
        take.labels,
    )


def pack_curves(curves: RawCurves) -> bytes:
    """Bytes from which ``unpack_curves`` makes the same curves, bit for bit; the same curves, the same
    bytes."""
    arrays: dict[str, NDArray[Any]] = {
        "format": np.array(FORMAT),
        "fps": np.array([curves.fps.numerator, curves.fps.denominator], np.int64),
        "unit_names": np.array(curves.unit_names, np.str_),
        "weights": np.asarray(curves.weights, np.float32),
    }
    if curves.corrective_weights is not None:
        arrays["corrective_names"] = np.array(curves.corrective_names, np.str_)
        arrays["corrective_weights"] = np.asarray(curves.corrective_weights, np.float32)
    if curves.labels is not None:
        arrays["labels"] = np.asarray(curves.labels, np.int16)
    return pack_arrays(arrays)


def unpack_curves(data: bytes) -> RawCurves:
    """The curves that were packed. Raises TakeError where the bytes are no curves."""
    arrays = unpack_arrays(data)
    if int(arrays.get("format", 0)) > FORMAT:
        raise TakeError(NEWER)
    try:
        return _read(arrays)
    except (KeyError, IndexError, ZeroDivisionError) as error:
        raise TakeError(DAMAGED) from error


def pack_arrays(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Named arrays as bytes (npz); the same arrays, the same bytes."""

    from .npz import NpzWriter

    file = io.BytesIO()
    with NpzWriter(file, zipfile.ZIP_DEFLATED) as writer:
        writer.arrays(arrays)
    return file.getvalue()


def unpack_arrays(data: bytes) -> dict[str, NDArray[Any]]:
    """The arrays that were packed. Raises TakeError where the bytes are none."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            return dict(file)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise TakeError(DAMAGED) from error


def _read(arrays: Mapping[str, NDArray[Any]]) -> RawCurves:
    above, below = arrays["fps"].tolist()
    curves = RawCurves(
        tuple(arrays["unit_names"].tolist()),
        arrays["weights"],
        Fraction(above, below),
        tuple(arrays["corrective_names"].tolist()) if "corrective_names" in arrays else (),
        arrays.get("corrective_weights"),
        arrays.get("labels"),
    )
    if curves.weights.ndim != 2 or curves.weights.shape[1] != len(curves.unit_names):
        raise TakeError(DAMAGED)
    return curves
