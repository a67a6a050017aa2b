# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine's tests share: the tiny bundle, its head, and made-up speech."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.audio.sound import Sound, sound_from_samples
from engine.bundle import Bundle, default_bundle_path, load_bundle
from engine.geometry.bind import bind_head
from engine.geometry.topology import Binding
from engine.template import Template, load_template

ROOT = Path(__file__).resolve().parents[2]
RATE = 16_000


@pytest.fixture(scope="session")
def tiny_folder() -> Path:
    """The tiny bundle with seeded random weights; another one by MESHTALK_TINY_BUNDLE."""
    return Path(os.environ.get("MESHTALK_TINY_BUNDLE", ROOT / "tests" / "data" / "tiny_bundle"))


@pytest.fixture(scope="session")
def tiny(tiny_folder: Path) -> Bundle:
    return load_bundle(tiny_folder, threads=1)


@pytest.fixture(scope="session")
def binding(tiny: Bundle) -> Binding:
    return bind_head(tiny.template, tiny.template.rest, tiny.template.faces)


@pytest.fixture(scope="session")
def template() -> Template:
    """The default model's template."""
    path = Path(default_bundle_path()) / "template.npz"
    if not path.exists():
        pytest.skip(f"there is no template at {path}: train the default model")
    return load_template(path)


@pytest.fixture(scope="session")
def speech() -> Callable[[float], Sound]:
    """Made-up speech of so many seconds: noise in syllables, the same every time."""

    def make(seconds: float) -> Sound:
        return sound_from_samples(syllables(seconds), RATE)

    return make


def syllables(seconds: float, rate: int = RATE) -> NDArray[np.float32]:
    time = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(7).standard_normal(len(time))
    return (0.2 * noise * np.maximum(0.0, np.sin(2 * np.pi * 3.1 * time))).astype(np.float32)
