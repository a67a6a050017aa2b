# SPDX-License-Identifier: GPL-3.0-or-later
"""`build.py test` counts honestly, and environments are remade when, and only when, their recipe changes."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tools import environments, project, testing
from tools.testing import Count, Part

MIXED = """
import pytest

def test_passes():
    pass

def test_fails():
    assert False

def test_broken(fixture_that_is_not_there):
    pass

@pytest.mark.skip(reason="to be counted")
def test_skips():
    pass
"""


WAITS = """
import time
from pathlib import Path

def test_waits_for_the_other():
    here = Path(__file__).parent
    (here / "begun").touch()
    for _ in range(6000):
        if (here.parent / "{other}" / "begun").exists():
            return
        time.sleep(0.02)
    raise AssertionError("the other one did not begin")

def test_fails():
    raise AssertionError("{mine} says this")
"""


def pytest_report(folder: Path, source: str) -> Path:
    (folder / "test_it.py").write_text(source, encoding="utf-8")
    report = folder / "report.xml"
    pytest_here = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={folder}"]
    subprocess.run([*pytest_here, f"--junitxml={report}", "test_it.py"], cwd=folder, capture_output=True)
    return report


def test_report_counts_every_outcome(tmp_path: Path) -> None:
    assert testing.read_report(pytest_report(tmp_path, MIXED)) == Count(passed=1, failed=2, skipped=1)


def test_report_of_a_file_that_does_not_import_counts_as_failed(tmp_path: Path) -> None:
    assert testing.read_report(pytest_report(tmp_path, "import nothing_of_that_name")).failed == 1


def test_missing_and_cut_reports_count_as_failed(tmp_path: Path) -> None:
    assert testing.read_report(tmp_path / "none.xml") == Count(failed=1)
    (tmp_path / "cut.xml").write_text('<testsuites><testsuite tests="3"', encoding="utf-8")
    assert testing.read_report(tmp_path / "cut.xml") == Count(failed=1)


def test_sum_is_the_plain_closing_line() -> None:
    assert str(Count(1, 0, 2) + Count(3, 1, 0)) == "4 passed, 1 failed, 2 skipped"


def part_that_runs(folder: Path) -> Part:
    """A part whose environment is the one that this test runs in."""

    class Here(environments.Environment):
        @property
        def python(self) -> Path:
            return Path(sys.executable)

        @property
        def is_ready(self) -> bool:
            return True

    return Part("check-of-build", Here(".venv", (), (), "pass"), (str(folder / "test_it.py"),))


@pytest.mark.parametrize(
    "source, status",
    [
        ("def test_x():\n    pass\n", 0),
        ("def test_x():\n    assert False\n", 1),
        ("", 1),
        ("import pytest\n\n@pytest.mark.skip(reason='why not')\ndef test_x():\n    pass\n", 1),
    ],
    ids=["passes", "fails", "no test", "all skipped"],
)
def test_exit_status_is_honest(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    source: str,
    status: int,
) -> None:
    (tmp_path / "test_it.py").write_text(source, encoding="utf-8")
    monkeypatch.setattr(testing, "parts", lambda: (part_that_runs(tmp_path),))
    monkeypatch.setattr(testing, "REPORTS", tmp_path / "reports")
    assert testing.run([], ["-p", "no:cacheprovider"]) == status
    assert " passed, " in capfd.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize(
    "source, count",
    [("x = 1\n", Count(passed=2)), ("import os\n", Count(1, 1)), ("x = ( 1 )\n", Count(1, 1))],
    ids=["good", "against a rule", "not formatted"],
)
def test_style_counts_rules_and_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, count: Count
) -> None:
    (tmp_path / "some.py").write_text(source, encoding="utf-8")
    monkeypatch.setattr(testing.project, "ROOT", tmp_path)
    assert testing._run_style(part_that_runs(tmp_path), tmp_path / "log") == count


def test_parts_run_at_once_and_each_tells_its_own_in_one_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each of two waits until the other has begun."""
    parts = []
    for mine, other in (("one", "two"), ("two", "one")):
        folder = tmp_path / mine
        folder.mkdir()
        (folder / "test_it.py").write_text(WAITS.format(mine=mine, other=other), encoding="utf-8")
        parts.append(replace(part_that_runs(folder), name=mine))
    monkeypatch.setattr(testing, "parts", lambda: tuple(parts))
    monkeypatch.setattr(testing, "REPORTS", tmp_path / "reports")
    assert testing.run([], ["-p", "no:cacheprovider"]) == 1
    out = capfd.readouterr().out
    for mine, other in (("one", "two"), ("two", "one")):
        said = (
            out.index(f"AssertionError: {mine} says this"),
            out.index(f"-- {mine}: 1 passed, 1 failed, 0 skipped"),
        )
        assert said[0] < said[1] and other not in out[said[0] : said[1]]
        assert re.search(rf"(?m)^-- {mine} failed: .*test_it::test_fails$", out)
    assert out.splitlines()[-1] == "2 passed, 2 failed, 0 skipped"


def test_unknown_part_is_named() -> None:
    with pytest.raises(project.BuildError, match="no part 'everything'"):
        testing.check_names(["everything"])


def test_stamp_follows_the_recipe() -> None:
    recipe = environments.demo_environment()
    assert recipe.stamp == environments.demo_environment().stamp
    assert recipe.stamp != replace(recipe, requirements=(*recipe.requirements, "six")).stamp


def test_missing_library_gives_one_sentence(tmp_path: Path) -> None:
    check = "raise ImportError('libXi.so.6: cannot open shared object file: No such file or directory')"
    failing = replace(part_that_runs(tmp_path).environment, check=check)
    with pytest.raises(project.BuildError, match=r"libXi\.so\.6.*apt-get install .*libxi6"):
        environments._check(failing, tmp_path / "log")


def test_torch_goes_in_before_what_depends_on_it() -> None:
    recipe = environments.training_environment()
    assert recipe.first == ("torch==2.13.0",)
    assert not [r for r in recipe.requirements if r.startswith("torch")]
