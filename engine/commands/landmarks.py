# SPDX-License-Identifier: GPL-3.0-or-later
"""Landmarks from a file: JSON of names with places or vertex numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import HeadError


def read_landmarks(path: Path, vertices: NDArray[np.floating]) -> dict[str, NDArray[np.float64]]:
    """Places (3,) by name, in the space of the head's vertices (V', 3).

    The file is one object such as {"nose_tip": [0.0, 1.2, 0.4], "chin": 1234}: three numbers are a place, a
    whole number is a vertex, counted from 0. HeadError says what is wrong.
    """
    try:
        read = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise HeadError(f"The landmarks {path} can't be read ({error.strerror or error}).") from error
    except ValueError as error:
        raise HeadError(
            f"{path.name} is no valid JSON ({error}); landmarks are names with places."
        ) from error
    if not isinstance(read, dict) or not read:
        raise HeadError(
            f'{path.name} holds no landmarks; write them as names with places, like {{"chin": [0, 0, 0]}}.'
        )
    return {name: _place(name, value, vertices) for name, value in read.items()}


def _place(name: str, value: object, vertices: NDArray[np.floating]) -> NDArray[np.float64]:
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value < len(vertices):
            raise HeadError(
                f"The landmark “{name}” is vertex {value}, but the head has {len(vertices):,}, from 0 on."
            )
        return np.asarray(vertices[value], np.float64)
    if not isinstance(value, list) or len(value) != 3 or not all(isinstance(x, (int, float)) for x in value):
        raise HeadError(f"The landmark “{name}” needs three numbers, or the number of a vertex.")
    return np.array(value, np.float64)
