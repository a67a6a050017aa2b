# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the manual's pictures: every job in a real window, photographed.

`python -m tests.windows.manual 5.2 --tool real-blender` runs the jobs of `desk.py` one after the other, each
in a new Blender with the zip of `dist/`, and puts their pictures into `docs/manual/pictures`. Needs Pillow.
With `--out` elsewhere it only tries them, in another version, say.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from PIL import Image

from . import run

WIDTH, COLOURS, ROUNDS = 1200, 256, 4
"""Of the pictures in the manual: legible, and a tenth of the size. The first guess at the colours leaves grey
spots on skin; so many rounds make it better."""


def main(arguments: list[str]) -> int:
    """Run the jobs; the exit status is 0 when all went well."""
    options = _parse(arguments)
    bad = [job for job in options.jobs if _run(job, options) != 0]
    if bad:
        sys.stderr.write(f"Not well: {', '.join(bad)}; see the reports in {options.work}.\n")
    return 1 if bad else 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.windows.manual", description=__doc__)
    parser.add_argument("version", choices=("4.3", "5.2"))
    parser.add_argument("--tool", default="real-blender", help="the program that opens the window")
    parser.add_argument("--jobs", nargs="+", choices=run.JOBS, default=run.JOBS)
    parser.add_argument("--second", type=Path, help="what is dubbed; default: the sample")
    parser.add_argument(
        "--work", type=Path, default=run.ROOT / "build" / "windows", help="reports and whole pictures"
    )
    parser.add_argument("--out", type=Path, default=run.ROOT / "docs" / "manual" / "pictures")
    return parser.parse_args(arguments)


def _run(job: str, options: argparse.Namespace) -> int:
    folder = options.work / options.version / job
    second = ["--second", str(options.second)] if options.second else []
    status = run.main(
        [
            options.version,
            "--tool",
            options.tool,
            "--job",
            job,
            "--out",
            str(folder),
            "--seconds",
            "400",
            *second,
        ]
    )
    options.out.mkdir(parents=True, exist_ok=True)
    shown = "".join(page.read_text() for page in (run.ROOT / "docs" / "manual").glob("*.md"))
    for picture in folder.glob(f"{job}*.png"):
        if picture.name in shown:
            _shrink(picture, options.out / picture.name)
    return status


def _shrink(source: Path, target: Path) -> None:
    with Image.open(source) as whole:
        size = (WIDTH, round(whole.height * WIDTH / whole.width))
        small = whole.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    small.quantize(COLOURS, kmeans=ROUNDS, dither=Image.Dither.NONE).save(target, optimize=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
