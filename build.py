# SPDX-License-Identifier: GPL-3.0-or-later
"""MeshTalk's one tool: demo, tests, staging, wheels, zip. Needs Python 3.11 and nothing else installed."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 (this very line tells the others to go away)
    sys.exit("build.py needs Python 3.11 or newer: run it as `python3.11 build.py ...`.")

import argparse
from pathlib import Path

from tools import demo, packing, project, staging, testing


def main(arguments: list[str]) -> int:
    """Run one command; the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except project.BuildError as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("build.py: stopped.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="build.py", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_demo(commands.add_parser("demo", help="make a talking head from the bundled sample"))
    _add_test(commands.add_parser("test", help="run the style check and all tests"))
    stage = commands.add_parser("stage", help="mirror the add-on into build/stage/meshtalk, without wheels")
    stage.set_defaults(run=_stage)
    link = commands.add_parser("link", help="stage, and link the stage into Blender's user extensions")
    link.add_argument("blender", metavar="VERSION", help="Blender's version, such as 4.5")
    link.set_defaults(run=_link)
    packages = (("wheels", _wheels, "download the bundled wheels"), ("zip", _zip, "build dist/*.zip"))
    for name, run, text in packages:
        command = commands.add_parser(name, help=text)
        command.add_argument("--platform", choices=tuple(packing.TAGS), help="default: the one this runs on")
        command.set_defaults(run=run)
    return parser


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--speech", type=Path, help="another recording (default: samples/speech.flac)")
    parser.add_argument("--model", type=Path, help="another bundle (default: engine/models/default)")
    parser.add_argument("--seed", type=int, default=0, help="which take (default 0)")
    parser.add_argument("--out", type=Path, help="output folder (default: build/demo)")
    parser.set_defaults(run=_demo)


def _add_test(parser: argparse.ArgumentParser) -> None:
    names = ", ".join(testing.part_names())
    only = f"one of {names}; may be given several times"
    parser.add_argument("--only", action="append", default=[], metavar="PART", help=only)
    parser.add_argument("pytest", nargs="*", metavar="-- ARGUMENTS", help="more arguments for pytest")
    parser.set_defaults(run=_test)


def _demo(options: argparse.Namespace) -> int:
    return demo.run(options.speech, options.model, options.seed, options.out)


def _test(options: argparse.Namespace) -> int:
    testing.check_names(options.only)
    return testing.run(options.only, options.pytest)


def _stage(options: argparse.Namespace) -> int:
    print(staging.stage())
    return 0


def _link(options: argparse.Namespace) -> int:
    target = packing.this_platform()
    staging.stage(packing.wheels(target), target)
    print(f"{staging.link(options.blender)} -> {staging.STAGE}")
    return 0


def _wheels(options: argparse.Namespace) -> int:
    print(*packing.wheels(options.platform), sep="\n")
    return 0


def _zip(options: argparse.Namespace) -> int:
    path = packing.build_zip(options.platform)
    print(f"{path} ({path.stat().st_size / 1e6:.0f} MB), accepted by Blender's validator")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
