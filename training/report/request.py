# SPDX-License-Identifier: GPL-3.0-or-later
"""What a report is asked for, and what a measurement gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.bundle import Bundle
from training.report.table import Target


@dataclass(frozen=True, eq=False)
class Request:
    """A loaded ``bundle`` from ``folder``; the other paths are None where they were not given.

    ``without_cross_modality`` is a bundle or run trained without that loss, ``out`` the folder for JSON,
    plots and pictures (it exists). ``methods`` are compared, every one if it is empty.
    """

    folder: Path
    bundle: Bundle
    corpus: Path | None = None
    check: Path | None = None
    regression: Path | None = None
    without_cross_modality: Path | None = None
    out: Path | None = None
    methods: tuple[str, ...] = ()


@dataclass(frozen=True)
class Measurement:
    """Figures (name -> number or a dict of them, ready for JSON), their targets, and text for the terminal
    beyond the targets' table."""

    title: str
    figures: dict[str, Any]
    targets: list[Target] = field(default_factory=list)
    text: str = ""
