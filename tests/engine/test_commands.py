# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: what it writes, and one sentence for whatever is wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.__main__ import main
from engine.bundle import Bundle
from engine.geometry.bind import bind_head
from tests.engine.conftest import syllables

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    path = tmp_path / "speech.wav"
    soundfile.write(path, syllables(2.0, 44_100), 44_100)
    return path


def animate(speech: Path, out: Path, model: Path, *more: str) -> int:
    return main(["animate", str(speech), "--out", str(out), "--model", str(model), *more])


@pytest.mark.parametrize("name", ["take", "take.npz", "take.csv", "take.NPZ"])
def test_both_files_appear_whatever_the_suffix(
    wav: Path, tmp_path: Path, tiny_folder: Path, name: str
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    assert animate(wav, folder / name, tiny_folder) == 0
    assert sorted(path.name for path in folder.iterdir()) == ["take.csv", "take.npz"]


def test_the_template_speaks_without_a_head(
    wav: Path, tmp_path: Path, tiny_folder: Path, tiny: Bundle
) -> None:
    assert animate(wav, tmp_path / "take.v2", tiny_folder, "--seed", "4", "--fps", "24000/1001") == 0
    with np.load(tmp_path / "take.v2.npz", allow_pickle=False) as file:
        assert set(file.files) == {"vertices", "faces", "weights", "unit_names", "fps", "seed"}
        assert file["vertices"].shape == (48, tiny.card.vertices, 3) and file["vertices"].dtype == np.float32
        assert file["weights"].shape == (48, len(tiny.card.units))
        assert np.array_equal(file["faces"], tiny.template.faces)
        assert tuple(file["unit_names"]) == tiny.card.units
        assert float(file["fps"]) == pytest.approx(24 / 1.001) and int(file["seed"]) == 4
    assert len((tmp_path / "take.v2.csv").read_text().splitlines()) == 49


def test_a_head_keeps_its_units_and_axes(wav: Path, tmp_path: Path, tiny_folder: Path, tiny: Bundle) -> None:
    """The same head in centimetres, turned to Y up and moved, moves the same way there."""
    turn = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], np.float32)
    vertices = 100 * tiny.template.rest @ turn.T + np.array([5, 6, 7], np.float32)
    np.savez(tmp_path / "head.npz", vertices=vertices, faces=tiny.template.faces)
    assert animate(wav, tmp_path / "a", tiny_folder) == 0
    assert animate(wav, tmp_path / "b", tiny_folder, "--head", str(tmp_path / "head.npz")) == 0
    with np.load(tmp_path / "a.npz") as base, np.load(tmp_path / "b.npz") as other:
        expected = 100 * base["vertices"] @ turn.T + np.array([5, 6, 7], np.float32)
        assert np.abs(other["vertices"] - expected).max() < 0.01  # 0.1 mm


def test_keys_that_a_head_brings_get_values_of_their_own(
    wav: Path, tmp_path: Path, tiny_folder: Path, tiny: Bundle
) -> None:
    """Keys drawn twice as far get half of the units' weights."""
    rest, faces, names = tiny.template.rest, tiny.template.faces, np.array(tiny.unit_names)
    deltas = 2 * bind_head(tiny.template, rest, faces).unit_deltas()
    head = tmp_path / "head.npz"
    np.savez(head, vertices=rest, faces=faces, key_names=names, key_deltas=deltas)
    assert animate(wav, tmp_path / "take", tiny_folder, "--head", str(head)) == 0
    with np.load(tmp_path / "take.npz") as take:
        assert take["key_names"].tolist() == names.tolist()
        jaw = names.tolist().index("jawOpen")
        weights = take["weights"][:, jaw]
        assert take["key_weights"].shape == take["weights"].shape
        assert take["key_weights"][:, jaw] == pytest.approx(0.5 * weights, abs=0.1 * float(weights.max()))


def test_several_takes_are_numbered(wav: Path, tmp_path: Path, tiny_folder: Path) -> None:
    assert animate(wav, tmp_path / "take.npz", tiny_folder, "--takes", "2", "--seed", "8") == 0
    assert not (tmp_path / "take.npz").exists()
    for number in (1, 2):
        assert (tmp_path / f"take-{number}.csv").exists()
        with np.load(tmp_path / f"take-{number}.npz") as file:
            assert int(file["seed"]) == 7 + number
    assert animate(wav, tmp_path / "alone", tiny_folder, "--seed", "9") == 0
    assert (tmp_path / "alone.npz").read_bytes() == (tmp_path / "take-2.npz").read_bytes()
    assert (tmp_path / "alone.csv").read_bytes() == (tmp_path / "take-2.csv").read_bytes()


def test_info_as_json(tiny_folder: Path, tiny: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--json", "--model", str(tiny_folder)]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["frame_rate"] == 30 and facts["mel"]["sample_rate"] == 16_000
    assert facts["units"] == list(tiny.card.units)
    assert facts["vertices"] == tiny.card.vertices and facts["heads"] == tiny.card.heads
    assert facts["landmarks"]["chin"] == tiny.card.landmarks["chin"]


def test_info_for_people(tiny_folder: Path, tiny: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--model", str(tiny_folder)]) == 0
    text = capsys.readouterr().out
    for fact in (
        "tiny",
        "30 frames/s",
        f"{tiny.card.vertices} vertices",
        "jawOpen",
        "chin",
        tiny.card.licence,
    ):
        assert fact in text


@pytest.mark.parametrize(
    "more, sentence",
    [
        (["--seed", "-1"], "The seed must be a whole number"),
        (["--seed", "x"], "invalid int value"),
        (["--takes", "0"], "The number of takes must be"),
        (["--fps", "0"], "The frame rate must be"),
        (["--fps", "fast"], "The frame rate must be"),
        (["--temperature", "nan"], "The temperature must be"),
        (["--temperature", "hot"], "invalid float value"),
        (["--head", "/no/such/head.obj"], "head.obj"),
        (["--nonsense"], "nrecognized arguments"),
    ],
)
def test_wrong_options(
    wav: Path,
    tmp_path: Path,
    tiny_folder: Path,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    sentence: str,
) -> None:
    try:
        code = animate(wav, tmp_path / "take", tiny_folder, *more)
    except SystemExit as stop:  # argparse
        code = stop.code
    assert code == 2
    error = capsys.readouterr().err
    assert error.startswith("meshtalk: ") and sentence in error and error.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["speech.wav"]


def test_a_wrong_sound_changes_nothing(
    tmp_path: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "take.npz").write_text("before")
    (tmp_path / "diary.wav").write_text("Dear diary")
    for name in ("diary.wav", "missing.wav"):
        assert animate(tmp_path / name, tmp_path / "take", tiny_folder) == 2
        assert capsys.readouterr().err.startswith("meshtalk: ")
    assert (tmp_path / "take.npz").read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["diary.wav", "take.npz"]


def test_wrong_places_and_models(
    wav: Path, tmp_path: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for out, model, sentence in (
        (tmp_path / "no" / "take", tiny_folder, "There is no folder"),
        (tmp_path / "take", tmp_path / "no", "There is no model folder"),
        (tmp_path / "take", tmp_path, "is no MeshTalk model"),
    ):
        assert animate(wav, out, model) == 2
        assert sentence in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["speech.wav"]


def test_nothing_that_is_read_is_written_over(
    wav: Path,
    tmp_path: Path,
    tiny_folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert animate(wav, tmp_path / "take", tiny_folder) == 0
    before = (tmp_path / "take.npz").read_bytes()
    rest, model = tmp_path / "head.npz", ["--model", str(tiny_folder)]
    with np.load("take.npz", allow_pickle=False) as file:
        np.savez(rest, vertices=file["vertices"][0], faces=file["faces"])
    head = rest.read_bytes()
    for words in (
        ["dub", str(wav), "--performance", "take.npz", "--out", str(tmp_path / "take")],
        ["retarget", "take.npz", "--out", "take.csv"],
        ["animate", str(wav), "--head", "head.npz", "--out", "head"],
        ["bind", "head.npz", "--out", "head"],
    ):
        assert main([*words, *model]) == 2
        assert "would be lost; choose another --out" in capsys.readouterr().err
    assert (tmp_path / "take.npz").read_bytes() == before and rest.read_bytes() == head


@pytest.mark.parametrize("out", ["", ".", ".."])
def test_a_place_without_a_name(
    wav: Path,
    tmp_path: Path,
    tiny_folder: Path,
    out: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["animate", str(wav), "--out", out, "--model", str(tiny_folder)]) == 2
    assert "needs a file's name" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["speech.wav"]


@pytest.mark.parametrize(
    "stop, code, sentence",
    [
        (signal.SIGINT, 130, "meshtalk: Cancelled, nothing was written.\n"),
        pytest.param(
            signal.SIGTERM,
            143,
            "meshtalk: Stopped, nothing was written.\n",
            marks=pytest.mark.skipif(os.name != "posix", reason="Windows ends a process at once"),
        ),
    ],
)
def test_ctrl_c_and_a_farm_leave_nothing_behind(
    tmp_path: Path, tiny_folder: Path, stop: signal.Signals, code: int, sentence: str
) -> None:
    """Five minutes of speech are stopped while their file grows."""
    soundfile.write(tmp_path / "long.flac", np.tile(syllables(10.0), 30), 16_000)
    (tmp_path / "take.npz").write_text("before")
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "engine",
            "animate",
            str(tmp_path / "long.flac"),
            "--out",
            str(tmp_path / "take"),
        ]
        + ["--model", str(tiny_folder), "--takes", "8"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        # a shell that runs the tests in the background has its children ignore Ctrl-C
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL) if os.name == "posix" else None,
    )
    end = time.monotonic() + 240
    while time.monotonic() < end and process.poll() is None and not list(tmp_path.glob(".*.part")):
        time.sleep(0.02)
    assert list(tmp_path.glob(".*.part")), "it ended before it could be stopped"
    process.send_signal(stop)
    _, error = process.communicate(timeout=60)
    assert process.returncode == code
    assert error == sentence
    assert (tmp_path / "take.npz").read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["long.flac", "take.npz"]


FULL_DISK = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
from engine.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on file sizes to test with")
def test_a_full_disk_keeps_what_was_there(wav: Path, tmp_path: Path, tiny_folder: Path) -> None:
    (tmp_path / "take.npz").write_text("before")
    arguments = ["animate", str(wav), "--out", str(tmp_path / "take"), "--model", str(tiny_folder)]
    command = [sys.executable, "-c", FULL_DISK, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("meshtalk: ") and "can't be written" in done.stderr
    assert done.stderr.count("\n") == 1
    assert (tmp_path / "take.npz").read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["speech.wav", "take.npz"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")
def test_progress_is_one_line_on_a_terminal(wav: Path, tmp_path: Path, tiny_folder: Path) -> None:
    mine, theirs = os.openpty()
    command = [sys.executable, "-m", "engine", "animate", str(wav), "--out", str(tmp_path / "take")]
    process = subprocess.Popen(
        [*command, "--model", str(tiny_folder)], cwd=ROOT, stderr=theirs, stdout=subprocess.DEVNULL
    )
    assert process.wait(timeout=120) == 0
    os.close(theirs)
    shown = os.read(mine, 100_000).decode()
    os.close(mine)
    for stage in ("Listening", "Sampling", "Moving"):
        assert f"\r{stage} ..." in shown
    assert "100%" in shown and "\n" not in shown and shown.endswith("\r")


def test_the_command_runs_as_a_module(wav: Path, tmp_path: Path, tiny_folder: Path) -> None:
    command = [sys.executable, "-m", "engine", "animate", str(wav), "--out", str(tmp_path / "take")]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, "--model", str(tiny_folder)],
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(str(tmp_path / "take.npz")) and "60 frames at 30 fps, seed 0" in done.stdout
