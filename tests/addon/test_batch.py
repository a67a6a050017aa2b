# SPDX-License-Identifier: GPL-3.0-or-later
"""The command for batches and farms: what it makes, what it says, and how it ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import bpy
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture()
def run(part, capfd):
    """Run the command; gives its exit code, and the lines of MeshTalk's on stdout and stderr."""

    def call(*arguments):
        code = part("batch").run([str(argument) for argument in arguments])
        told = capfd.readouterr()
        ours = [
            [line for line in text.splitlines() if line.startswith("meshtalk: ")]
            for text in (told.out, told.err)
        ]
        return code, *ours

    return call


@pytest.fixture()
def saved(head, scene, tmp_path):
    """A file with a head, but nothing chosen in it."""
    scene.meshtalk.head = None
    head.name = "Face"
    head.select_set(False)
    bpy.context.view_layer.objects.active = None
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    return tmp_path / "shot.blend"


def _keys():
    return bpy.data.objects["Face"].data.shape_keys


def _action(name="Face"):
    return bpy.data.objects[name].data.shape_keys.animation_data.action


def test_result_goes_into_another_file(run, saved, speech_file, tmp_path):
    before = saved.read_bytes()
    code, said, problems = run(
        "generate", "--head", "Face", "--sound-file", speech_file, "--seed", 3, "--name", "Line 1",
        "--output", tmp_path / "out.blend",
    )  # fmt: skip
    assert (code, problems) == (0, [])
    assert any(line.endswith("%") for line in said)
    assert said[-1] == f"meshtalk: Saved {tmp_path / 'out.blend'}"
    assert saved.read_bytes() == before and bpy.data.filepath == str(saved)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "out.blend"))
    take = bpy.data.objects["Face"].meshtalk.takes[0]
    assert take.name == "Line 1" and take.segments[0].seed == "3"
    assert _action().frame_range[1] > 50


def test_result_goes_into_the_open_file_only_when_asked(run, saved, speech_file):
    arguments = ("generate", "--head", "Face", "--sound-file", speech_file)
    code, _said, problems = run(*arguments)
    assert code == 2 and "--output FILE, or --save" in problems[0]
    assert run(*arguments, "--save")[0] == 0
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=str(saved))
    assert _action() is not None


def test_several_heads_speak_the_same(run, saved, speech_file):
    twin = bpy.data.objects["Face"].copy()
    twin.data, twin.name = twin.data.copy(), "Twin"
    bpy.context.scene.collection.objects.link(twin)
    code, _said, problems = run(
        "generate", "--head", "Face", "--head", "Twin", "--sound-file", speech_file, "--save"
    )
    assert (code, problems) == (0, [])
    assert _action("Face") is not None and _action("Twin") is not None


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["generate", "--head", "Nobody", "--sound-file", "SPEECH", "--save"], "“Nobody”"),
        (["generate", "--head", "Face", "--sound-file", "nowhere.wav", "--save"], "There is no file"),
        (["generate", "--head", "Face", "--sound-file", "SPEECH", "--model", "none", "--save"], "“none”"),
        (["generate", "--head", "Face", "--sound-file", "SPEECH", "--seed", "x", "--save"], "--seed"),
        (["generate", "--head", "Face", "--sound-file", "SPEECH", "--placement", "x", "--save"], "placement"),
        (["generate", "--head", "Face", "--sound-file", "SPEECH", "--output", "/no/x.blend"], "no folder"),
        (["generate", "--head", "Face", "--sound-file", "SPEECH", "--output", "x.txt"], ".blend file"),
        (["generate", "--head", "Face", "--sound-file", "SPEECH", "--save", "--threads", "99"], "threads"),
        (["sing"], "no job “sing”"),
        ([], "generate, dub or retarget"),
    ],
)
def test_bad_input_gets_one_sentence_and_exit_code_two(run, saved, speech_file, arguments, words):
    before = saved.read_bytes()
    code, _said, problems = run(*[speech_file if part == "SPEECH" else part for part in arguments])
    assert code == 2 and len(problems) == 1 and words in problems[0] and problems[0].endswith(".")
    assert saved.read_bytes() == before and "Traceback" not in problems[0]


@pytest.mark.parametrize(
    "option, words",
    [
        (("--seed", "99999999999"), "--seed: it goes from "),
        (("--seed", "one"), "--seed: “one” is no number"),
        (("--upper", "7"), "--upper: it goes from 0 to 1, not 7"),
        (("--upper", "nan"), "--upper: it goes from 0 to 1, not nan"),
        (("--head", ""), "--head: it is empty"),
        (("--stretch", "sideways"), "invalid choice: 'sideways'"),
        (("--head", "Face", "--head", "Twin"), "--head: it can be given only once here"),
    ],
)
def test_values_that_cannot_be_meant_are_refused(run, saved, speech_file, option, words):
    code, _said, problems = run("dub", "--sound-file", speech_file, *option, "--save")
    assert code == 2 and len(problems) == 1 and words in problems[0] and problems[0].endswith(".")


@pytest.mark.parametrize("option", [("--stretch", "loop"), ("--stretch", "LOOP"), ("--range", "scene")])
def test_choices_are_understood_in_any_case(part, scene, saved, option):
    given = part("batch.arguments").parse(["dub", *option, "--save"])
    assert {given.stretch, given.range} & {"loop", "SCENE"}


def test_what_cannot_be_written_is_said_before_the_work(run, saved, speech_file, tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    arguments = ("generate", "--head", "Face", "--sound-file", speech_file)
    for more, words in ((("--save",), "give --output FILE."), (("--output", tmp_path / "x.blend"), "folder")):
        code, said, problems = run(*arguments, *more)
        assert code == 2 and said == [] and words in problems[0] and "can't be written to" in problems[0]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder in which nothing can be made")
def test_a_failed_save_is_a_sentence(run, saved, speech_file, tmp_path):
    """4.2 itself puts the file in the place of an empty folder, so a folder is refused before."""
    (tmp_path / "taken.blend").mkdir()
    for path, words in ((tmp_path / "taken.blend", "is a folder"), ("/proc/x.blend", "could not be written")):
        code, _said, problems = run(
            "generate", "--head", "Face", "--sound-file", speech_file, "--output", path
        )
        assert code == 2 and len(problems) == 1 and words in problems[0] and problems[0].endswith(".")


def test_ctrl_c_stops_it_and_nothing_is_written(run, part, saved, speech_file, tmp_path, monkeypatch):
    say = part("batch.command")._say
    monkeypatch.setattr(part("batch.command"), "_say", lambda words: (say(words), os.kill(os.getpid(), 2)))
    before, handler = saved.read_bytes(), signal.getsignal(signal.SIGINT)
    code, _said, problems = run("generate", "--head", "Face", "--sound-file", speech_file, "--save")
    assert (code, problems) == (130, ["meshtalk: Stopped; nothing was written."])
    assert saved.read_bytes() == before and list(tmp_path.glob("*@")) == []
    assert signal.getsignal(signal.SIGINT) == handler and _keys() is None


def test_no_file_is_said(run, scene, speech_file):
    assert "No file is open" in run("generate", "--sound-file", speech_file, "--save")[2][0]


def test_help_names_every_argument_of_the_operator(part, scene, capfd):
    assert part("batch").run(["generate", "--help"]) == 0
    told = capfd.readouterr().out
    for name in (
        "--head",
        "--strip",
        "--sound-file",
        "--model",
        "--seed",
        "--placement",
        "--name",
        "--output",
    ):
        assert name in told


def test_threads_of_the_preferences_stay(run, saved, speech_file):
    preferences = bpy.context.preferences.addons["meshtalk_checkout"].preferences
    preferences.threads = 2
    assert run("generate", "--head", "Face", "--sound-file", speech_file, "--save", "--threads", 1)[0] == 0
    assert preferences.threads == 2
    preferences.threads = 0


FLAMENCO = """
const made = [];
const author = {
  Task: (name, type) => ({name, type, commands: [], addCommand(c) { this.commands.push(c); }}),
  Command: (name, parameters) => ({name, parameters}),
};
const print = () => {};
%s
compileJob({settings: %s, name: "job", addTask: (task) => made.push(task)});
console.log(JSON.stringify([JOB_TYPE, made]));
"""


def _flamenco(tmp_path, **changes):
    """The job type, and the tasks that it makes of these settings, with what Flamenco gives the script."""
    settings = {
        "job": "generate",
        "heads": "Face; Twin",
        "strips": "",
        "sound_file": "/farm/a b.wav",
        "model": "",
        "placement": "NEW",
        "name": "-1",
        "seed": 4,
        "takes": 1,
        "extra": "--temperature 0.5",
        "blendfile": "/farm/shot.blend",
        "output": "/farm/out.blend",
    } | changes
    source = (ROOT / "flamenco" / "meshtalk.js").read_text(encoding="utf-8")
    script = tmp_path / "job.js"
    script.write_text(FLAMENCO % (source, json.dumps(settings)), encoding="utf-8")
    done = subprocess.run(["node", str(script)], capture_output=True, text=True, check=True)
    job_type, tasks = json.loads(done.stdout)
    assert {setting["key"] for setting in job_type["settings"]} == set(settings)
    return tasks


needs_node = pytest.mark.skipif(
    shutil.which("node") is None, reason="needs node to run the Flamenco job type"
)


@needs_node
def test_flamenco_job_type_calls_the_command(part, scene, tmp_path):
    (task,) = _flamenco(tmp_path)
    command = task["commands"][0]["parameters"]
    assert task["type"] == "blender" and command["blendfile"] == "/farm/shot.blend"
    assert command["args"][:2] == ["--command", "meshtalk"]
    given = part("batch.arguments").parser().parse_args(command["args"][2:])
    assert (given.head, given.strip, given.sound_file) == (["Face", "Twin"], None, "/farm/a b.wav")
    assert (given.seed, given.temperature, given.name) == (4, 0.5, "-1")
    assert given.output == "/farm/out.blend"


@needs_node
def test_flamenco_makes_a_task_for_each_take(part, scene, tmp_path):
    tasks = _flamenco(tmp_path, takes=3)
    read = part("batch.arguments").parser().parse_args
    given = [read(task["commands"][0]["parameters"]["args"][2:]) for task in tasks]
    assert [(one.seed, one.output) for one in given] == [(s, f"/farm/out_{s}.blend") for s in (4, 5, 6)]
