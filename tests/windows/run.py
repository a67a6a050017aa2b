# SPDX-License-Identifier: GPL-3.0-or-later
"""Tries the built zip in a real Blender window: installs it, clicks Generate, measures pauses and takes
pictures.

`python -m tests.windows.run 5.2 --tool real-blender --speech samples/speech.flac --out build/windows/5.2`;
the tool opens a window on a machine without a screen (`real-blender window VERSION FOLDER SCRIPT PICTURE
SECONDS`). With `--head HEAD.npz` (vertices, faces) that head gets landmarks by clicks and drags instead.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent

JOBS = ("generate", "controls", "seeds", "dub", "retarget", "own_head", "own_keys", "preferences")

SCRIPTS = tuple(f"{name}.py" for name in "hands ours buttons tab own_heads stopping drive place desk".split())
"""What runs inside the window; each imports some of those before it."""


def main(arguments: list[str]) -> int:
    """Run one window; the exit status is 0 when the script inside says that all went well."""
    options = _parse(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    for old in (*options.out.glob("*.png"), *options.out.glob("report.json")):
        old.unlink()
    with tempfile.TemporaryDirectory(prefix="meshtalk-window-") as name:
        folder = Path(name)
        _fill(folder, options)
        last = folder / "last.png"
        command = [
            options.tool,
            "window",
            options.version,
            str(folder),
            _script(options),
            str(last),
            str(options.seconds),
        ]
        log = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        (options.out / "blender.log").write_text(log.stdout + log.stderr)
        for made in (*folder.glob("*.png"), *folder.glob("report.json")):
            shutil.copy(made, options.out / made.name)
    return _verdict(options.out)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.windows.run", description=__doc__)
    parser.add_argument("version", choices=("4.3", "5.2"))
    parser.add_argument("--tool", default="real-blender", help="the program that opens the window")
    parser.add_argument("--zip", type=Path, help="default: the newest in dist/ for this platform")
    parser.add_argument("--model", type=Path, help="a model folder to add; default: the one in the zip")
    parser.add_argument("--speech", type=Path, default=ROOT / "samples" / "speech.flac")
    parser.add_argument("--head", type=Path, help="a head to place landmarks on, instead of generating")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=int, default=240, help="longest time for the window")
    parser.add_argument("--cancel", choices=("", "esc", "button"), default="", help="stop it while it runs")
    parser.add_argument("--job", choices=JOBS, help="one of the animator's jobs, from an empty file")
    parser.add_argument(
        "--second", type=Path, default=ROOT / "samples" / "speech.flac", help="what is dubbed"
    )
    return parser.parse_args(arguments)


def _script(options: argparse.Namespace) -> str:
    if options.job:
        return "desk.py"
    return "place.py" if options.head else "drive.py"


def _fill(folder: Path, options: argparse.Namespace) -> None:
    archive = options.zip or max((ROOT / "dist").glob("*linux*.zip"), key=lambda path: path.stat().st_mtime)
    shutil.copy(archive, folder / "meshtalk.zip")
    for script in SCRIPTS:
        shutil.copy(HERE / script, folder)
    if options.head:
        shutil.copy(options.head, folder / "head.npz")
    shutil.copy(options.speech, folder / f"speech{options.speech.suffix}")
    shutil.copy(options.second, folder / f"second{options.second.suffix}")
    if options.model:
        shutil.copytree(options.model, folder / "models" / options.model.name)
    settings = {
        "speech": f"speech{options.speech.suffix}",
        "model": options.model.name if options.model else "",
        "cancel": options.cancel,
        "job": options.job,
        "second": f"second{options.second.suffix}",
    }
    (folder / "settings.json").write_text(json.dumps(settings))


def _verdict(out: Path) -> int:
    path, log = out / "report.json", (out / "blender.log").read_text()
    if "Traceback" in log:
        sys.stderr.write(log)
        return 1
    if not path.is_file():
        sys.stderr.write("The window wrote no report: see blender.log.\n")
        return 1
    report = json.loads(path.read_text())
    sys.stdout.write(json.dumps(report, indent=1) + "\n")
    return 0 if report["well"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
