# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m training``: make a corpus, train, export and evaluate models."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from engine.errors import MeshTalkError
from training.errors import TrainingError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; returns the exit status. What the user can mend is told in one sentence."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options) or 0)
    except (TrainingError, MeshTalkError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted; --resume goes on from the last checkpoint.\n")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training", description="Make, train and judge MeshTalk models."
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    _corpus(commands.add_parser("corpus", help="make a corpus of speaking faces"))
    _train(commands.add_parser("train", help="train both stages on a corpus and export the bundle"))
    _export(commands.add_parser("export", help="export a run to a bundle"))
    _evaluate(commands.add_parser("evaluate", help="measure a bundle"))
    _report(commands.add_parser("report", help="measure a bundle against its targets and other methods"))
    _regression(commands.add_parser("regression", help="train the VOCA-style regression to compare with"))
    _tiny(commands.add_parser("tiny-bundle", help="write the small seeded bundle of the tests"))
    return parser


def _corpus(parser: argparse.ArgumentParser) -> None:
    from training.corpus import command

    command.add_arguments(parser)
    parser.set_defaults(run=command.run)


def _train(parser: argparse.ArgumentParser) -> None:
    from training.fit.preset import preset_names

    parser.add_argument(
        "--corpus", type=Path, default=Path("build/corpus"), help="corpus folder (build/corpus)"
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="run folder: checkpoints, curves and the bundle"
    )
    names = ", ".join(preset_names())
    parser.add_argument("--preset", default="default", help=f"one of {names}, or a .toml file")
    parser.add_argument(
        "--minutes", type=float, help="wall time of all stages together, instead of the preset's"
    )
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run")
    parser.add_argument(
        "--ear", type=Path, metavar="RUN", help="take the audio encoder of this run's folder, or a bundle's"
    )
    parser.add_argument(
        "--begin",
        type=Path,
        metavar="RUN",
        help="begin with this run's weights, as far as they fit, or with a bundle's",
    )
    parser.add_argument(
        "--beside", type=Path, metavar="CORPUS", help="draw a share of the clips from another corpus, too"
    )
    parser.add_argument(
        "--without-cross-modality", action="store_true", help="plain reconstruction, to compare"
    )
    parser.add_argument(
        "--first-stage-only", action="store_true", help="stop before the autoregressive model"
    )
    parser.set_defaults(run=_run_train)


def _run_train(options: argparse.Namespace) -> None:
    import dataclasses

    from training.export.command import export_run
    from training.fit.preset import load_preset
    from training.fit.report import TerminalReporter
    from training.fit.run import BUNDLE, LOG, create_run, fit, open_run, with_minutes

    if options.minutes is not None and not options.minutes > 0:
        raise TrainingError("--minutes must be more than 0.")
    if options.resume:
        run = open_run(options.out)
    else:
        preset = load_preset(options.preset)
        if options.minutes is not None:
            preset = with_minutes(preset, options.minutes)
        if options.without_cross_modality:
            loss = dataclasses.replace(preset.loss, cross_modality=False)
            preset = dataclasses.replace(preset, loss=loss)
        run = create_run(options.out, preset, options.corpus, options.ear)
    reporter = TerminalReporter(options.out / LOG)
    try:
        stages = 1 if options.first_stage_only else 2
        fit(run, options.corpus, reporter, options.resume, stages, options.begin, options.beside)
    finally:
        reporter.close()
    if not options.first_stage_only:
        card = export_run(run, options.out / BUNDLE, options.corpus)
        _tell_export(options.out / BUNDLE, card["metrics"])


def _export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run", dest="run_folder", type=Path, required=True, help="run folder of a training")
    parser.add_argument("--out", type=Path, required=True, help="bundle folder to write")
    parser.add_argument("--corpus", type=Path, help="corpus whose validation clips are compared too")
    parser.set_defaults(run=_run_export)


def _run_export(options: argparse.Namespace) -> None:
    from training.export.command import export_run
    from training.fit.run import open_run

    card = export_run(open_run(options.run_folder), options.out, options.corpus)
    _tell_export(options.out, card["metrics"])


def _tell_export(folder: Path, metrics: dict[str, object]) -> None:
    size = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
    worst = metrics["export_difference_mm"]
    sys.stdout.write(f"{folder}: {size:.1f} MB, torch and onnxruntime differ by at most {worst:.2g} mm\n")


def _evaluate(parser: argparse.ArgumentParser) -> None:
    from training.evaluate import command

    command.add_arguments(parser)
    parser.set_defaults(run=command.run)


def _report(parser: argparse.ArgumentParser) -> None:
    from training.report import command

    command.add_arguments(parser)
    parser.set_defaults(run=command.run)


def _regression(parser: argparse.ArgumentParser) -> None:
    from training.report import regression_training

    regression_training.add_arguments(parser)
    parser.set_defaults(run=regression_training.run)


def _tiny(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="bundle folder to write")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random weights (0)")
    parser.set_defaults(run=_run_tiny)


def _run_tiny(options: argparse.Namespace) -> None:
    from training.export.toy import write_tiny_bundle

    write_tiny_bundle(options.out, options.seed)
    sys.stdout.write(f"{options.out}: a toy bundle with random weights, for tests only\n")


if __name__ == "__main__":
    sys.exit(main())
