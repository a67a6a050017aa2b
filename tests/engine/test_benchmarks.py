# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmarks run: a few seconds of sound, the fast parts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.figures import Figure, table
from engine.bundle import default_bundle_path

needs_model = pytest.mark.skipif(
    not (default_bundle_path() / "model.json").exists(), reason="engine/models/default is not there"
)


@needs_model
@pytest.mark.parametrize("part", ["real_time", "limits"])
def test_a_part_prints_its_table_and_writes_its_figures(
    part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "figures.json"
    assert main(["--quick", "--only", part, "--threads", "1", "--json", str(path)]) == 0
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["machine"]["cores"] and found["parts"][part]
    assert all(figure["value"] > 0 for figure in found["parts"][part])
    printed = capsys.readouterr().out
    assert all(figure["name"] in printed for figure in found["parts"][part])


def test_verdicts() -> None:
    """A figure that misses its target says so."""
    figures = [Figure("a", 1.0, "s", 2.0), Figure("b", 1.0, "x", 2.0, at_least=True), Figure("c", 1.0)]
    assert [figure.verdict for figure in figures] == ["yes", "NO", ""]
    assert ">= 2" in table("t", figures)
