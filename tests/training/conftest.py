# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of model and training share: a toy corpus and a run trained on it for a few steps."""

from __future__ import annotations

from pathlib import Path

import pytest


class Silent:
    """A reporter that keeps what it hears."""

    def __init__(self) -> None:
        self.curves: list[tuple[str, int, dict[str, float]]] = []
        self.lines: list[tuple[str, float]] = []

    def scalars(self, stage: str, step: int, values: dict[str, float]) -> None:
        self.curves.append((stage, step, values))

    def progress(self, stage: str, fraction: float, step: int, rate: float, left: float, loss: float) -> None:
        self.lines.append((stage, fraction))


@pytest.fixture(scope="session")
def torch_alone() -> None:
    """torch on one thread: whoever tests has other work to do too, and sums repeat exactly."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)


@pytest.fixture
def reporter() -> Silent:
    return Silent()


@pytest.fixture(scope="session")
def toy_corpus(torch_alone: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.training.toy_corpus import write_toy_corpus

    return write_toy_corpus(tmp_path_factory.mktemp("toy") / "corpus")
