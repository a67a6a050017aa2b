# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m benchmarks [--only PART …] [--json FILE] [--quick] [--full] [--threads N]``"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.bundle.runtime import default_threads

from .figures import as_json, table
from .setting import Missing, Setting, machine

PARTS = {
    "real_time": "Real time by preset and length (one seed, template head, with vertices)",
    "reference": "Beside the published algorithm, preset released",
    "seeds": "Many seeds, many vertices",
    "loops": "The sampler both ways",
    "limits": "The distance to the limit, one thread",
    "memory": "Memory",
    "start": "The first result",
    "blender": "In Blender, 60 s on the ICT head",
}


def main(arguments: Sequence[str]) -> int:
    """Measure the chosen parts, print a table each, and write the JSON."""
    given = _parse(arguments)
    setting = Setting(given.quick, given.threads or default_threads(), given.full)
    result: dict[str, Any] = {"machine": machine(), "threads": setting.threads, "quick": setting.quick}
    sys.stdout.write(json.dumps(result["machine"], indent=1) + "\n")
    parts: dict[str, Any] = {}
    for part in given.only or PARTS:
        began = time.perf_counter()
        try:
            figures = importlib.import_module(f"benchmarks.{part}").run(setting)
        except Missing as missing:
            sys.stdout.write(f"{PARTS[part]}: left out, {missing}\n")
            continue
        parts[part] = as_json(figures)
        title = f"\n{PARTS[part]} ({time.perf_counter() - began:.0f} s, load {machine()['load'][:1]})"
        sys.stdout.write(table(title, figures) + "\n")
        sys.stdout.flush()
    if given.json:
        given.json.write_text(json.dumps(result | {"parts": parts}, indent=1) + "\n", encoding="utf-8")
    return 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks", description="How fast and how lean MeshTalk is.")
    parser.add_argument("--only", action="append", choices=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    parser.add_argument("--quick", action="store_true", help="seconds of sound only: does everything run?")
    parser.add_argument("--full", action="store_true", help="run the reference to the end of 60 s (minutes)")
    parser.add_argument("--threads", type=int, help="of the large graphs (default: the usable cores)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
