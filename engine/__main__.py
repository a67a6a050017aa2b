# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: ``python -m engine``, installed as ``meshtalk``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from .commands import animate, bind, dub, info, retarget
from .errors import Cancelled, MeshTalkError

WRONG, INTERRUPTED = 2, 130
"""Exit codes: something the user can put right, and Ctrl-C (128 + SIGINT, as shells have it)."""


class _Parser(argparse.ArgumentParser):
    """Speaks of wrong options as of any other wrong input: one sentence, no usage text."""

    def error(self, message: str) -> NoReturn:
        sentence = message[0].upper() + message[1:].rstrip(".")
        self.exit(WRONG, f"meshtalk: {sentence}; see meshtalk --help.\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0, 2 with one sentence on stderr, or 130 after Ctrl-C."""
    arguments = _parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except (KeyboardInterrupt, Cancelled):
        return _report("Cancelled, nothing was written.", INTERRUPTED)
    except MeshTalkError as error:
        return _report(str(error), WRONG)
    except MemoryError:
        return _report("There is not enough memory for this; cut the sound or ask for fewer takes.", WRONG)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="meshtalk", description="Recorded speech in, the motion of a whole face out.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    animate.add_parser(commands)
    bind.add_parser(commands)
    dub.add_parser(commands)
    info.add_parser(commands)
    retarget.add_parser(commands)
    return parser


def _report(sentence: str, code: int) -> int:
    sys.stderr.write(f"meshtalk: {sentence}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
