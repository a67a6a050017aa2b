# SPDX-License-Identifier: GPL-3.0-or-later
"""`build.py test`: style and every test, each in the environment it belongs to, and one honest sum."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from . import environments, project
from .environments import BLENDER_VERSIONS, Environment
from .project import BuildError

REPORTS = project.BUILD / "test"
IN_BLENDER = ("tests/addon", "tests/build/in_blender")
STYLE = (("check", "--no-cache", "."), ("format", "--check", "--no-cache", "."))
"""What ruff is asked, one after the other."""
AT_ONCE = 2
"""Parts that run at once: each keeps about one core busy, and its tests run one after the other."""


@dataclass(frozen=True)
class Count:
    """How many tests ended in which way."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


@dataclass(frozen=True)
class Part:
    """One run: its name on the command line, where it runs, and pytest's arguments (none: ruff)."""

    name: str
    environment: Environment
    pytest: tuple[str, ...]


def parts() -> tuple[Part, ...]:
    """Every part of the test command, in the order in which they run."""
    training = environments.training_environment()
    outside = ("tests", *(f"--ignore={folder}" for folder in IN_BLENDER))
    blenders = tuple(
        Part(f"bpy-{version}", environments.blender_environment(version), IN_BLENDER)
        for version in BLENDER_VERSIONS
    )
    return (Part("style", training, ()), Part("plain", training, outside), *blenders)


def part_names() -> tuple[str, ...]:
    """The names of all parts, for the command line."""
    return tuple(part.name for part in parts())


def run(only: Sequence[str], arguments: Sequence[str]) -> int:
    """Run the parts (all when `only` is empty) with more pytest arguments; the exit status.

    Test files among the arguments replace a part's own; name the part too, so that they run where they can.
    """
    start = time.monotonic()
    chosen = [part for part in parts() if not only or part.name in only]
    environments.prepare(_unique(part.environment for part in chosen))
    REPORTS.mkdir(parents=True, exist_ok=True)
    if len(chosen) == 1:
        total = _run_part(chosen[0], arguments, None)
        print(f"-- {chosen[0].name}: {total}\n", flush=True)
    else:
        total = _run_at_once(chosen, arguments)
    print(f"All parts together, after {time.monotonic() - start:.0f} s:")
    print(total, flush=True)
    return 0 if total.passed and not total.failed else 1


def _run_at_once(chosen: Sequence[Part], arguments: Sequence[str]) -> Count:
    """Run parts two at a time, print what each said when it has ended, and last what failed."""
    total, failures = Count(), []
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        logs = {part: REPORTS / f"{part.name}.log" for part in chosen}
        running = {pool.submit(_run_part, part, arguments, log): part for part, log in logs.items()}
        for done in as_completed(running):
            part, count = running[done], done.result()
            sys.stdout.write(logs[part].read_text(encoding="utf-8", errors="replace"))
            print(f"-- {part.name}: {count}\n", flush=True)
            total += count
            if part.pytest:
                failures += [f"-- {part.name} failed: {name}" for name in failed_tests(_report(part))]
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C no other part begins
    print("".join(f"{line}\n" for line in failures), end="")
    return total


def _unique(found: Iterable[Environment]) -> list[Environment]:
    return list(dict.fromkeys(found))


def _run_part(part: Part, arguments: Sequence[str], log: Path | None) -> Count:
    """Run one part; what it prints goes into the file `log`, or to the terminal without one."""
    print(f"-- {part.name} ({part.environment.folder}) begins", flush=True)
    if log is not None:
        log.write_bytes(b"")
    if not part.pytest:
        return _run_style(part, log)
    report = _report(part)
    report.unlink(missing_ok=True)
    chosen = any((project.ROOT / a.partition("::")[0]).exists() for a in arguments if not a.startswith("-"))
    present = [a for a in part.pytest if a.startswith("-") or (not chosen and (project.ROOT / a).exists())]
    command = [str(part.environment.python), "-m", "pytest", "-q", f"--junitxml={report}"]
    command += ["-o", f"cache_dir={REPORTS / part.name}-cache"]
    status = _run_logged([*command, *present, *arguments], _variables(part), log)
    count = read_report(report)
    if status and not count.failed:
        print(f"-- {part.name}: pytest ended with status {status}, which counts as one failure")
        return count + Count(failed=1)
    return count


def _run_style(part: Part, log: Path | None) -> Count:
    total = Count()
    for words in STYLE:
        status = _run_logged([str(part.environment.python), "-m", "ruff", *words], dict(os.environ), log)
        total += Count(failed=1) if status else Count(passed=1)
    return total


def _run_logged(command: Sequence[str], variables: dict[str, str], log: Path | None) -> int:
    """Run a command in the checkout, without input; its exit status."""
    if log is None:
        return subprocess.run(command, cwd=project.ROOT, env=variables, stdin=subprocess.DEVNULL).returncode
    with log.open("ab") as out:
        return subprocess.run(
            command,
            cwd=project.ROOT,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        ).returncode


def _report(part: Part) -> Path:
    return REPORTS / f"{part.name}.xml"


def _variables(part: Part) -> dict[str, str]:
    resources = REPORTS / f"{part.name}-user"
    resources.mkdir(parents=True, exist_ok=True)
    # The tests' networks are tiny: several threads would mostly wait for each other.
    return {
        "OMP_NUM_THREADS": "1",
        **os.environ,
        "BLENDER_USER_RESOURCES": str(resources),
        "ANNY_CACHE_DIR": str(project.BUILD / "cache" / "anny"),
        "MPLCONFIGDIR": str(project.BUILD / "cache" / "matplotlib"),
        "HYPOTHESIS_STORAGE_DIRECTORY": str(REPORTS / f"{part.name}-hypothesis"),
        "PYTHONUNBUFFERED": "1",
    }


def read_report(report: Path) -> Count:
    """What a JUnit file of pytest's says; one failure when it is missing or cut short."""
    try:
        suites = list(ElementTree.parse(report).getroot().iter("testsuite"))
    except (FileNotFoundError, ElementTree.ParseError):
        return Count(failed=1)
    total = Count()
    for suite in suites:
        failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped = int(suite.get("skipped", 0))
        total += Count(int(suite.get("tests", 0)) - failed - skipped, failed, skipped)
    return total


def failed_tests(report: Path) -> list[str]:
    """The tests that failed in a JUnit file of pytest's, as `module::name`; none where it can't be read."""
    try:
        cases = list(ElementTree.parse(report).getroot().iter("testcase"))
    except (FileNotFoundError, ElementTree.ParseError):
        return []
    bad = (case for case in cases if case.find("failure") is not None or case.find("error") is not None)
    return [f"{case.get('classname', '')}::{case.get('name', '')}" for case in bad]


def check_names(names: Sequence[str]) -> None:
    """BuildError when a name is no part's."""
    unknown = [name for name in names if name not in part_names()]
    if unknown:
        raise BuildError(f"There is no part {unknown[0]!r}; choose among {', '.join(part_names())}.")
