# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a performance that is there: expression codes and what they become with a sound."""

from __future__ import annotations

import numpy as np
import pytest

from engine.bundle import Bundle
from engine.errors import OptionError
from engine.generate import encode_expression, fuse
from engine.generate.expression import encode_blocks


@pytest.fixture
def performance(tiny: Bundle) -> np.ndarray:
    """A displacement (40, V, 3): units that come and go."""
    curves = 0.5 + 0.5 * np.sin(np.arange(40)[:, None] / np.arange(2, 2 + len(tiny.unit_names)))
    return np.einsum("tu,uvc->tvc", curves, tiny.template.unit_deltas).astype(np.float32)


def test_shapes_and_repeatability(tiny: Bundle, performance: np.ndarray) -> None:
    code = encode_expression(tiny, performance)
    assert code.shape == (40, tiny.card.expression_code)
    assert np.array_equal(code, encode_expression(tiny, performance))
    logits = fuse(tiny, np.zeros((40, tiny.card.audio_code), np.float32), code)
    assert logits.shape == (40, tiny.card.heads, tiny.card.categories)
    assert np.isfinite(logits).all()


@pytest.mark.parametrize("frames", [1, 15, 16, 17, 32])
def test_the_past_does_not_depend_on_the_future(tiny: Bundle, performance: np.ndarray, frames: int) -> None:
    """Blocks, their padding and their state leave no trace."""
    whole, part = encode_expression(tiny, performance), encode_expression(tiny, performance[:frames])
    assert np.array_equal(whole[:frames], part)
    audio = np.random.default_rng(0).random((40, tiny.card.audio_code)).astype(np.float32)
    assert np.array_equal(fuse(tiny, audio, whole)[:frames], fuse(tiny, audio[:frames], part))


def test_the_state_goes_on_over_blocks(tiny: Bundle, performance: np.ndarray) -> None:
    changed = performance.copy()
    changed[:16] = 0
    assert not np.array_equal(
        encode_expression(tiny, performance)[16:], encode_expression(tiny, changed)[16:]
    )


def test_blocks_that_come_one_by_one(tiny: Bundle, performance: np.ndarray) -> None:
    size = tiny.card.block_frames
    blocks = (performance[first : first + size] for first in range(0, 40, size))
    assert np.array_equal(encode_blocks(tiny, blocks, 40), encode_expression(tiny, performance))


def test_wrong_shapes(tiny: Bundle, performance: np.ndarray) -> None:
    with pytest.raises(OptionError, match="must have shape"):
        encode_expression(tiny, performance[:, 1:])
    with pytest.raises(OptionError, match="40 frames of sound and 39 of expression"):
        fuse(
            tiny,
            np.zeros((40, tiny.card.audio_code), np.float32),
            np.zeros((39, tiny.card.expression_code), np.float32),
        )
