# SPDX-License-Identifier: GPL-3.0-or-later
"""How well one figure tells two groups apart; the corpus and the evaluation both ask that."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def area_under_curve(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    """Area under the ROC curve: chance that a positive's score exceeds a negative's, ties counting half."""
    order = np.sort(negative)
    below = np.searchsorted(order, positive, side="left")
    equal = np.searchsorted(order, positive, side="right") - below
    return float((below + 0.5 * equal).mean() / len(negative))
