# SPDX-License-Identifier: GPL-3.0-or-later
"""The version stands once, README's commands are the ones CI runs, the sample is what its page says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

import pytest

from tools import packing, project

README_COMMANDS = ("python3.11 build.py demo", "python3.11 build.py test")


def tracked_files() -> list[str]:
    if not shutil.which("git") or not (project.ROOT / ".git").exists():
        pytest.skip("needs git and a git checkout to list the tracked files")
    result = subprocess.run(["git", "ls-files"], cwd=project.ROOT, capture_output=True, text=True, check=True)
    return [line for line in result.stdout.splitlines() if (project.ROOT / line).is_file()]


def test_version_stands_once() -> None:
    assigned = re.compile(r"(?m)^\s*(__version__|version)\s*[=:]\s*[\"']")
    suffixes = (".py", ".toml", ".cfg", ".json")
    holders = [
        name
        for name in tracked_files()
        if name.endswith(suffixes) and assigned.search((project.ROOT / name).read_text(encoding="utf-8"))
    ]
    assert holders == ["blender_manifest.toml"]
    assert "version" in project.read_toml(project.PYPROJECT)["project"]["dynamic"]


def test_pyproject_reads_the_manifests_version() -> None:
    pattern = project.read_toml(project.PYPROJECT)["tool"]["hatch"]["version"]["pattern"]
    found = re.search(pattern, project.MANIFEST.read_text(encoding="utf-8"))
    assert found and found["version"] == project.version()


def test_changelog_knows_the_version() -> None:
    text = (project.ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"(?m)^## (\S+)", text)
    assert headings and headings[0].strip("[]") in (project.version(), "Unreleased")


@pytest.mark.parametrize("command", README_COMMANDS)
def test_readme_gives_the_two_commands(command: str) -> None:
    lines = (project.ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert command in [line.strip() for line in lines]


def test_ci_runs_readmes_test_command() -> None:
    lines = (project.ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    commands = [line for line in lines if line and not line.startswith("#")]
    assert commands[-1] == f"exec {README_COMMANDS[1]}"


def test_nothing_of_shared_is_committed() -> None:
    marks = ("shared/", "speech/", "ljspeech")
    assert not [name for name in tracked_files() if any(mark in name for mark in marks)]


def test_sample_is_small() -> None:
    sample = project.ROOT / "samples" / "speech.flac"
    assert sample.stat().st_size <= 300_000


def test_package_names() -> None:
    assert project.package_name("numpy>=1.24") == "numpy"
    assert project.package_name("onnxruntime==1.31.1") == "onnxruntime"
    assert project.package_name("typing-extensions") == "typing-extensions"


RUNS_WITHOUT = """
import os, sys
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
for name in ("flatbuffers", "packaging", "google.protobuf", "pycparser"):
    sys.modules[name] = None  # an import of it raises
import numpy, onnxruntime, soundfile, soxr
session = onnxruntime.InferenceSession(sys.argv[1])
(result,) = session.run(None, {"x": numpy.ones(3, numpy.float32)})
assert result.tolist() == [2, 2, 2]
soundfile.write(sys.argv[2], numpy.zeros(100), 8000)
assert len(soxr.resample(soundfile.read(sys.argv[2])[0], 8000, 16000)) == 200
"""


def test_what_the_zip_leaves_out_is_not_needed(tmp_path_factory: pytest.TempPathFactory) -> None:
    onnx = pytest.importorskip("onnx", reason="needs the training environment's onnx to write a graph")
    folder = tmp_path_factory.mktemp("graph")
    vector = onnx.helper.make_tensor_value_info
    kind = onnx.TensorProto.FLOAT
    node = onnx.helper.make_node("Add", ["x", "x"], ["y"])
    graph = onnx.helper.make_graph([node], "g", [vector("x", kind, [3])], [vector("y", kind, [3])])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, str(folder / "g.onnx"))
    command = [sys.executable, "-c", RUNS_WITHOUT, str(folder / "g.onnx"), str(folder / "s.wav")]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_wheels_downloaded_cover_every_python() -> None:
    folder = packing.WHEELS / "linux-x64"
    if not (folder / "requirements.txt").exists():
        pytest.skip("no wheels downloaded: `python3.11 build.py wheels` fetches them")
    runtime = [path.name for path in folder.glob("onnxruntime-*.whl")]
    for python in packing.PYTHONS:
        assert any(f"cp{python.replace('.', '')}-" in name for name in runtime)
    assert not list(folder.glob("numpy-*"))
