# SPDX-License-Identifier: GPL-3.0-or-later
"""Measurements 1 to 5 on recordings that nothing was trained on, for every method, and one table of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from training.report.intensity import Intensity, measure_intensity
from training.report.lips import Closures, measure_closures
from training.report.mandarin import Mandarin, measure_mandarin
from training.report.methods import Method, Ours, all_methods
from training.report.recordings import ENGLISH, Recording, read_english, read_mandarin
from training.report.request import Measurement, Request
from training.report.shapes import Shapes, measure_shapes
from training.report.table import Target, methods_table
from training.report.timing import Timing, measure_timing
from training.report.tracks import Tracks, tracks_of

TITLE = "Speech (1 to 5)"
MAIN = ENGLISH[0]
Takes = Sequence[tuple[Tracks, Recording]]


@dataclass(frozen=True)
class Figures:
    """Everything that is measured of one method's tracks; ``by_collection`` holds 1 and 2 for each collection
    alone."""

    closures: Closures
    shapes: Shapes
    timing: Timing
    mandarin: Mandarin
    intensity: Intensity
    by_collection: dict[str, tuple[Closures, Shapes]]

    def targets(self) -> list[Target]:
        """Closures on the main collection and on all together, the rest on all together."""
        main = self.by_collection.get(MAIN)
        first = main[0].targets(f", {MAIN}") if main else []
        return [
            *first,
            *self.closures.targets(", all"),
            *self.shapes.targets(),
            *self.timing.targets(),
            *self.mandarin.targets(),
            *self.intensity.targets(),
        ]

    def row(self) -> dict[str, float]:
        """The columns of the table of methods."""
        return {
            "1 closures": self.closures.area,
            "1 pbm touch %": 100 * self.closures.touching,
            "1 vowels touch %": 100 * self.closures.touching_vowels,
            "2 teeth": self.shapes.teeth,
            "2 width": self.shapes.width,
            "2 pauses %": 100 * self.shapes.closed,
            "3 lag": self.timing.lag,
            "3 peaks ms": self.timing.misalignment,
            "4 Mandarin": self.mandarin.jaw,
            "4 chin": self.mandarin.chin,
            "5 loudness": self.intensity.syllables_correlation,
        }

    def as_dict(self) -> dict[str, Any]:
        """For the JSON file."""
        named = ("closures", "shapes", "timing", "mandarin", "intensity")
        figures = {name: getattr(self, name).as_dict() for name in named}
        figures["by_collection"] = {
            name: {"closures": closures.as_dict(), "shapes": shapes.as_dict()}
            for name, (closures, shapes) in self.by_collection.items()
        }
        return figures


def measure_methods(request: Request) -> Measurement:
    """Measurements 1 to 5 of the request's bundle and of what it is compared with."""
    if request.check is None:
        raise ValueError("The measurements on speech need the folder for checking.")
    english, mandarin = read_english(request.check), read_mandarin(request.check)
    found = {
        method.name: measure_method(request, method, english, mandarin)
        for method in all_methods(request.bundle, request.regression, request.methods)
    }
    table = methods_table({name: figures.row() for name, figures in found.items()})
    ours = found.get(Ours.name)
    return Measurement(
        title=TITLE,
        figures={name: figures.as_dict() for name, figures in found.items()},
        targets=ours.targets() if ours is not None else [],
        text=f"\n{table}",
    )


def measure_method(
    request: Request, method: Method, english: Sequence[Recording], mandarin: Sequence[Recording]
) -> Figures:
    """Move the template by every recording and measure."""
    return measure_takes(
        [(_tracks(request, method, recording), recording) for recording in english],
        [(_tracks(request, method, recording), recording) for recording in mandarin],
    )


def measure_takes(english: Takes, mandarin: Takes) -> Figures:
    """Measure tracks that are there already."""
    spoken = [(tracks, recording.phones) for tracks, recording in english]
    collections = {
        name: [
            pair for pair, (_, recording) in zip(spoken, english, strict=True) if recording.collection == name
        ]
        for name in dict.fromkeys(recording.collection for _, recording in english)
    }
    return Figures(
        closures=measure_closures(spoken),
        shapes=measure_shapes(spoken),
        timing=measure_timing(english),
        mandarin=measure_mandarin(mandarin),
        intensity=measure_intensity(english),
        by_collection={
            name: (measure_closures(part), measure_shapes(part)) for name, part in collections.items()
        },
    )


def _tracks(request: Request, method: Method, recording: Recording) -> Tracks:
    return tracks_of(request.bundle.template, request.bundle.card.landmarks, method.motion(recording))
