# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: ``python -m engine``, installed as ``meshtalk``."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from typing import NoReturn

from .commands import animate, bind, dub, info, retarget
from .errors import Cancelled, MeshTalkError

WRONG, INTERRUPTED, TERMINATED = 2, 130, 143
"""Exit codes: something the user can put right, Ctrl-C (128 + SIGINT, as shells have it), and SIGTERM."""


class _Terminated(BaseException):
    """A farm or a shell ends the process: half-written files go as they do after Ctrl-C."""


class _Parser(argparse.ArgumentParser):
    """Speaks of wrong options as of any other wrong input: one sentence, no usage text."""

    def error(self, message: str) -> NoReturn:
        sentence = message[0].upper() + message[1:].rstrip(".")
        self.exit(WRONG, f"meshtalk: {sentence}; see meshtalk --help.\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0, 2 with one sentence on stderr, 130 after Ctrl-C, 143 after
    SIGTERM."""
    arguments = _parser().parse_args(argv)
    try:
        if threading.current_thread() is threading.main_thread():  # others can't set handlers
            signal.signal(signal.SIGTERM, _terminate)
        arguments.run(arguments)
    except _Terminated:
        return _report("Stopped, nothing was written.", TERMINATED)
    except (KeyboardInterrupt, Cancelled):
        return _report("Cancelled, nothing was written.", INTERRUPTED)
    except MeshTalkError as error:
        return _report(str(error), WRONG)
    except MemoryError:
        return _report("There is not enough memory for this; cut the sound or ask for fewer takes.", WRONG)
    return 0


def _terminate(_number: int, _frame: object) -> NoReturn:
    raise _Terminated


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
