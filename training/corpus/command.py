# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m training corpus``: options, progress, summary."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from training.corpus.again import teach_again
from training.corpus.build import build_corpus
from training.corpus.errors import CorpusError
from training.corpus.options import CorpusOptions
from training.corpus.utterance import ENGINES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "--out", type=Path, default=Path("build/corpus"), help="folder for the corpus (default: %(default)s)"
    )
    parser.add_argument(
        *("--recordings", "-r"),
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="folder of recordings with a manifest.json or with a .txt beside each; may be repeated",
    )
    parser.add_argument(
        "--hours-synthetic",
        type=float,
        metavar="H",
        help="hours of synthetic speech (default: 9 alone, 3 beside recordings)",
    )
    parser.add_argument(
        "--identities", type=int, default=440, metavar="N", help="face identities (default: %(default)s)"
    )
    parser.add_argument(
        "--languages",
        action="store_true",
        help="synthetic voices speak syllables of a dozen other languages: a corpus for train --beside",
    )
    parser.add_argument(
        "--again",
        type=Path,
        metavar="CORPUS",
        help="keep the clips of this corpus and make only their motion and faces anew, by today's teacher",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--workers", type=int, default=min(os.cpu_count() or 1, 8), metavar="N")
    parser.add_argument(
        "--limit", type=int, metavar="N", help="at most so many recordings a folder, for a trial"
    )
    parser.add_argument(
        "--ears",
        type=Path,
        metavar="RUN",
        help="folder of a training run; recordings in which it hears other phones are left out",
    )
    parser.add_argument(
        "--require",
        action="append",
        default=[],
        choices=ENGINES,
        help="fail if this synthesiser is missing; may be repeated",
    )


def run(args: argparse.Namespace) -> int:
    """Make the corpus; the exit status."""
    # Several workers with several BLAS threads each would fight over the cores.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        if args.again is not None:
            count = teach_again(args.again, args.out, args.workers, _Printer())
            print(f"\n{count} clips of {args.again} taught again.\nCorpus in {args.out}.")
            return 0
        report = build_corpus(options_from(args), _Printer())
    except CorpusError as error:
        print(f"\nerror: {error}", file=sys.stderr)
        return 1
    print(f"\n{report}\nCorpus in {args.out}.")
    return 0


def options_from(args: argparse.Namespace) -> CorpusOptions:
    """Options from the command line; raises CorpusError for numbers that make no sense."""
    if args.hours_synthetic is not None and not 0 <= args.hours_synthetic <= 1000:
        raise CorpusError("--hours-synthetic must lie between 0 and 1000.")
    if args.identities < 3 or args.workers < 1:
        raise CorpusError("--identities must be at least 3 and --workers at least 1.")
    return CorpusOptions(
        out=args.out,
        recordings=tuple(args.recordings),
        hours=args.hours_synthetic,
        identities=args.identities,
        seed=args.seed,
        workers=args.workers,
        limit=args.limit,
        required=tuple(args.require),
        ears=args.ears,
        languages=args.languages,
    )


class _Printer:
    """One line of progress a stage, rewritten at each percent."""

    def __init__(self) -> None:
        self._last = ("", -1)

    def __call__(self, stage: str, fraction: float) -> None:
        now = (stage, int(100 * fraction))
        if now != self._last:
            end = "\n" if now[1] == 100 else ""
            print(f"\r{stage}: {now[1]:3d} %", end=end, file=sys.stderr, flush=True)
            self._last = now


def main() -> int:
    """Run this file's command by itself."""
    parser = argparse.ArgumentParser(prog="python -m training corpus", description=__doc__)
    add_arguments(parser)
    return run(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
