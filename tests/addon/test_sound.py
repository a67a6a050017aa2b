# SPDX-License-Identifier: GPL-3.0-or-later
"""What a strip plays, measured against what Blender itself plays (its mixdown)."""

from __future__ import annotations

import wave
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import bpy
import numpy as np
import pytest

needs_sound = pytest.mark.skipif(
    not bpy.app.build_options.audaspace, reason="this Blender was built without sound: it has no sound strips"
)

EDITS = {
    "as it is": {},
    "start trimmed": {"trim": 7},
    "handle before the sound": {"trim": -6},
    "end trimmed": {"end": 10},
    "moved in the strip": {"sound_offset": 0.25},
    "moved forward in the strip": {"sound_offset": -0.2},
    "trimmed and moved": {"trim": 9, "sound_offset": 0.1, "end": 5},
    "cut for good and trimmed": {"cut": 5, "trim": 4},
}


@pytest.fixture()
def clicks(wav):
    """Four seconds with a click each 0.1 s, each louder than the one before, so that each can be told."""
    samples = np.zeros(64_000, np.float32)
    samples[800::1600] = 0.02 * (1 + np.arange(40))
    samples[801::1600] = samples[800::1600]
    return wav("clicks.wav", samples)


def _edit(strip, trim=0, end=0, cut=0, sound_offset=0.0):
    new = "left_handle_offset" in strip.bl_rna.properties
    setattr(strip, "content_trim_start" if new else "animation_offset_start", cut)
    setattr(strip, "left_handle_offset" if new else "frame_offset_start", trim)
    setattr(strip, "right_handle_offset" if new else "frame_offset_end", end)
    strip.sound_offset = sound_offset


def _clicks(samples, rate, first=0.0):
    """Time (s) and loudness of each click."""
    loud = np.abs(samples)
    found = []
    for start in range(0, len(loud), rate // 20):
        part = loud[start : start + rate // 20]
        if len(part) and part.max() > 0.01:
            found.append((first + (start + int(part.argmax())) / rate, float(part.max())))
    merged = []
    for time, level in found:
        if merged and time - merged[-1][0] < 0.03:
            merged[-1] = max(merged[-1], (time, level), key=lambda pair: pair[1])
        else:
            merged.append((time, level))
    return merged


def _mixdown(path):
    bpy.ops.sound.mixdown(filepath=str(path), container="WAV", codec="PCM", format="S16")
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
        return samples[:, 0] / 32767, file.getframerate()


@needs_sound
@pytest.mark.parametrize("fps, base", [(24, 1.001), (25, 1.0), (60, 1.0)])
@pytest.mark.parametrize("edit", [name for name in EDITS if "cut" not in EDITS[name]])
def test_strip_gives_what_blender_plays_at_its_place(part, scene, clicks, tmp_path, fps, base, edit):
    _compare(part, scene, clicks, tmp_path, fps, base, edit)


@needs_sound
def test_strip_cut_for_good_gives_what_blender_plays(part, scene, clicks, tmp_path):
    # Not at 23.976, where Blender itself rounds such cuts and plays the sound a frame off.
    _compare(part, scene, clicks, tmp_path, 25, 1.0, "cut for good and trimmed")


@contextmanager
def _in_sequencer(scene, strip):
    """What the sequencer's operators need: an area of its own, and this strip alone selected."""
    window = bpy.context.window_manager.windows[0]
    area = window.screen.areas[0]
    area.type = "SEQUENCE_EDITOR"
    if hasattr(bpy.context.workspace, "sequencer_scene"):
        bpy.context.workspace.sequencer_scene = scene
    for other in _top(scene):
        other.select = other == strip
    scene.sequence_editor.active_strip = strip
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        yield


def _top(scene):
    editor = scene.sequence_editor
    return editor.strips if hasattr(editor, "strips") else editor.sequences


def _retime(scene, strip, moves):
    """Give the strip a retiming key in its middle, then move keys by (index, frames)."""
    with _in_sequencer(scene, strip):
        bpy.ops.sequencer.retiming_key_add(timeline_frame=int(strip.frame_start) + 40)
    for index, frames in moves:
        strip.retiming_keys[index].timeline_frame += frames


needs_keys = pytest.mark.skipif(bpy.app.version < (4, 5), reason="Python isn't told of a sound's keys before")

RETIMED = {
    "slower at the end": [(-1, 60)],
    "faster": [(-1, -20)],
    "slower, then faster": [(1, 20), (-1, 10)],
    "only its middle moved": [(1, -15)],
    "one speed": [(1, 20), (-1, 60)],
}
CUTS = {
    "whole": {},
    "trimmed": {"trim": 11, "end": 9},
    "moved": {"sound_offset": -0.3},
    "cut for good": {"cut": 5, "trim": 4},
}


@needs_sound
@needs_keys
@pytest.mark.parametrize("corrected", [False, True])
@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("moves", RETIMED.values(), ids=RETIMED)
def test_retimed_strip_gives_what_blender_plays(part, scene, clicks, tmp_path, moves, cut, corrected):
    strip = _retimed(part, scene, clicks, corrected, moves, cut=CUTS[cut].get("cut", 0))
    _edit(strip, **CUTS[cut])
    _compare_retimed(part, scene, strip, tmp_path)


def test_a_smooth_change_of_speed_begins_and_ends_at_the_speeds_beside_it(part):
    retimed = part("scene.retimed")
    keys = [retimed._Key(0, 0), retimed._Key(100, 0.25, True), retimed._Key(140, 0.5), retimed._Key(190, 1)]
    speeds = np.array(retimed._smooth(keys, 1, 400, 100, 40))
    before, after = 400 * 0.25 / 100, 400 * 0.5 / 50
    assert len(speeds) == 40 and (np.diff(speeds) >= 0).all()
    assert abs(speeds[0] - before) < 0.1 * before and abs(speeds[-1] - after) < 0.1 * after


def _retimed(part, scene, clicks, corrected, moves, cut=0):
    """What it plays begins on frame 0: before a retimed strip the mixdown reads speeds that nobody wrote, and
    in 4.5 may crash on them."""
    scene.frame_start, scene.frame_end = 0, 260
    strip = part("scene.strips").add_sound_strip(scene, str(clicks), "clicks", cut)
    if hasattr(strip, "pitch_correction"):
        strip.pitch_correction = corrected
    elif corrected:
        pytest.skip("this Blender doesn't correct the pitch")
    _retime(scene, strip, moves)
    return strip


def _compare_retimed(part, scene, strip, tmp_path):
    sound = part("scene.sound")
    theirs = _clicks(*_mixdown(tmp_path / "mix.wav"))
    assert sound.strip_problem(scene, "clicks") is None
    source = sound.source_of_strip(scene, "clicks")
    ours = _clicks(sound.read_sound(source).samples, 16_000, source.frame / 30)
    assert source.frame == strip.frame_final_start
    assert len(ours) > 25
    one, other = (np.array([time for time, _ in each[1:-1]]) for each in (ours, theirs))
    # Blender changes the speed with its next block, and its stretcher is up to 16 ms off everywhere.
    assert np.abs(one[:, None] - [time for time, _ in theirs]).min(axis=1).max() < 0.025
    assert np.abs(other[:, None] - [time for time, _ in ours]).min(axis=1).max() < 0.025
    strip.frame_start += 7
    assert sound.current_frame(source, scene) == source.frame + 7


@needs_sound
@pytest.mark.parametrize("speed", [50, 80, 130])
def test_one_speed_for_the_whole_strip(part, scene, clicks, tmp_path, speed):
    """As Set Speed makes it: two keys, of which Python isn't told before 4.5."""
    scene.frame_start, scene.frame_end = 0, 260
    strip = part("scene.strips").add_sound_strip(scene, str(clicks), "clicks", 0)
    with _in_sequencer(scene, strip):
        bpy.ops.sequencer.retiming_segment_speed_set(speed=speed)
    assert abs(strip.frame_final_duration - 120 * 100 / speed) < 3
    _compare_retimed(part, scene, strip, tmp_path)


def _in_meta(strip, scene, start=0, end=0):
    """The strip in a meta strip, of which so many frames are cut off."""
    with _in_sequencer(scene, strip):
        bpy.ops.sequencer.meta_make()
    meta = strip.parent_meta()
    new = "left_handle_offset" in meta.bl_rna.properties
    setattr(meta, "left_handle_offset" if new else "frame_offset_start", start)
    setattr(meta, "right_handle_offset" if new else "frame_offset_end", end)
    return meta


@needs_sound
@pytest.mark.parametrize("depth", [1, 2], ids=["one meta strip", "one in another"])
@pytest.mark.parametrize("edit", ["as it is", "trimmed and moved"])
def test_only_what_a_trimmed_meta_strip_lets_through_is_spoken(part, scene, clicks, tmp_path, edit, depth):
    scene.frame_start, scene.frame_end = 0, 200
    strip = part("scene.strips").add_sound_strip(scene, str(clicks), "clicks", 20)
    _edit(strip, **EDITS[edit])
    meta = _in_meta(strip, scene, start=17, end=31)
    if depth == 2:
        meta = _in_meta(meta, scene, start=4, end=2)
    sound = part("scene.sound")
    source = sound.source_of_strip(scene, "clicks")
    ours = _clicks(sound.read_sound(source).samples, 16_000, source.frame / 30)
    theirs = _clicks(*_mixdown(tmp_path / "mix.wav"))
    inner = [[each for each in found if 1.5 < each[0] < 3.0] for found in (ours, theirs)]
    assert 10 < len(inner[0]) == len(inner[1]) and abs(len(ours) - len(theirs)) <= 1
    (times, levels), (heard, loud) = (np.array(each).T for each in inner)
    np.testing.assert_allclose(times, heard, atol=0.004)
    assert np.ptp(loud / levels) < 0.05 * np.mean(loud / levels)  # the very same clicks
    left, right = part("scene.strips").heard_frames(strip)
    assert (source.frame, source.duration) == (left, Fraction(round(right - left), 30))
    assert part("ops.add_sound").last_sound_frame(bpy.context) == right - 1


@needs_sound
def test_a_strip_that_its_meta_strip_hides_is_told(part, scene, clicks):
    strips = part("scene.strips")
    strip = strips.add_sound_strip(scene, str(clicks), "clicks", 20)
    other = strips.add_sound_strip(scene, str(clicks), "later", 200)
    with _in_sequencer(scene, strip):
        other.select = True
        bpy.ops.sequencer.meta_make()
    meta = strip.parent_meta()
    new = "left_handle_offset" in meta.bl_rna.properties
    setattr(meta, "left_handle_offset" if new else "frame_offset_start", 150)
    problem = part("scene.sound").strip_problem
    assert problem(scene, "later") is None
    assert "isn't heard: its meta strip is trimmed" in problem(scene, "clicks")
    with pytest.raises(part("scene.errors").SceneError, match="isn't heard"):
        part("scene.sound").source_of_strip(scene, "clicks")


@needs_sound
def test_meta_strips_with_another_speed_are_refused(part, scene, clicks):
    strip = part("scene.strips").add_sound_strip(scene, str(clicks), "clicks", 0)
    with _in_sequencer(scene, strip):
        bpy.ops.sequencer.meta_make()
    meta = strip.parent_meta()
    assert part("scene.sound").strip_problem(scene, "clicks") is None
    with _in_sequencer(scene, meta):
        bpy.ops.sequencer.retiming_segment_speed_set(speed=50)
    assert "meta strip with another speed" in part("scene.sound").strip_problem(scene, "clicks")


@needs_sound
@needs_keys
def test_what_memory_and_python_disagree_on_is_refused(part, scene, clicks, monkeypatch):
    _retimed(part, scene, clicks, False, RETIMED["faster"])
    monkeypatch.setattr(part("scene.retimed"), "FACTOR_AT", {40: 12, 32: 16})
    assert "can't be read" in part("scene.sound").strip_problem(scene, "clicks")


def _compare(part, scene, clicks, tmp_path, fps, base, edit):
    scene.render.fps, scene.render.fps_base = fps, base
    rate = Fraction(fps) / Fraction(base).limit_denominator(1001)
    scene.frame_start, scene.frame_end = 1, round(6 * rate)
    start = EDITS[edit].get("cut", 21)  # see _retimed: frames before a cut strip are just as unwritten
    _edit(part("scene.strips").add_sound_strip(scene, str(clicks), "clicks", start), **EDITS[edit])
    source = part("scene.sound").source_of_strip(scene, "clicks")
    sound = part("scene.sound").read_sound(source)
    ours = _clicks(sound.samples, 16_000, float((source.frame - 1) / rate))
    theirs = _clicks(*_mixdown(tmp_path / "mix.wav"))
    # Blender may drop or halve the click on the very edge of a cut.
    times = np.array([time for time, _ in theirs])
    inner = [time for time, _ in ours[1:-1]]
    assert len(inner) > 20 and abs(len(ours) - len(theirs)) <= 2
    assert max(np.abs(times - time).min() for time in inner) < 0.002
    # Louder clicks come later in the file: equal ratios mean that the very same clicks are at these times.
    level = dict(ours)
    pairs = [(level[time], theirs[int(np.abs(times - time).argmin())][1]) for time in inner]
    ratios = np.array([b / a for a, b in pairs])
    assert np.ptp(ratios) / ratios.mean() < 0.05


@needs_sound
def test_packed_sound_is_read_from_the_file(part, scene, clicks, tmp_path):
    strip = part("scene.strips").add_sound_strip(scene, str(clicks), "clicks", 1)
    strip.sound.pack()
    clicks.unlink()
    assert part("scene.sound").strip_problem(scene, "clicks") is None
    sound = part("scene.sound").read_sound(part("scene.sound").source_of_strip(scene, "clicks"))
    assert sound.duration == 4 and np.abs(sound.samples).max() > 0.5


@needs_sound
def test_relative_path_follows_the_blend_file(part, scene, clicks, tmp_path):
    part("scene.strips").add_sound_strip(scene, str(clicks), "clicks", 1)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"), relative_remap=True)
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("scene.blend", "clicks.wav"):
        (tmp_path / name).replace(moved / name)
    bpy.ops.wm.open_mainfile(filepath=str(moved / "scene.blend"))
    sound = part("scene.sound")
    assert sound.source_of_strip(bpy.context.scene, "").path == moved / "clicks.wav"
    assert sound.read_sound(sound.source_of_strip(bpy.context.scene, "")).duration == 4


@needs_sound
@pytest.mark.parametrize("packed", [False, True])
def test_sound_of_a_library_is_found_beside_that_library(part, scene, clicks, tmp_path, packed):
    """A linked sound's relative path, or its packed bytes, belong to the file that it comes from."""
    library = tmp_path / "library"
    library.mkdir()
    clicks = clicks.rename(library / "clicks.wav")
    sound = bpy.data.sounds.load(str(clicks))
    sound.use_fake_user = True
    if packed:
        sound.pack()
    bpy.ops.wm.save_as_mainfile(filepath=str(library / "sounds.blend"), relative_remap=True)
    sound.filepath = "//clicks.wav"
    bpy.ops.wm.save_mainfile()
    if packed:
        clicks.unlink()
    bpy.ops.wm.read_homefile(use_empty=True)
    with bpy.data.libraries.load(str(library / "sounds.blend"), link=True) as (_there, here):
        here.sounds = ["clicks.wav"]
    linked = bpy.data.sounds["clicks.wav"]
    scene = bpy.context.scene
    placeholder = part("scene.strips").add_sound_strip(scene, str(_silence(tmp_path)), "speech", 5)
    placeholder.sound = linked
    assert linked.library is not None and linked.filepath == "//clicks.wav"
    module = part("scene.sound")
    assert module.strip_problem(scene, "speech") is None
    assert np.abs(module.read_sound(module.source_of_strip(scene, "speech")).samples).max() > 0.5


def _silence(folder):
    with wave.open(str(folder / "silence.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(2 * 64_000))
    return folder / "silence.wav"


@needs_sound
def test_frames_of_a_sequencer_in_another_scene(part, scene, clicks):
    """Blender 5: one scene is edited in the sequencer, another is animated."""
    strips, sound = part("scene.strips"), part("scene.sound")
    edit = bpy.data.scenes.new("Edit")
    edit.render.fps = 60
    strips.add_sound_strip(edit, str(clicks), "clicks", 121)
    assert sound.source_of_strip(edit, "clicks").frame == 121
    source = sound.source_of_strip(edit, "clicks", scene)
    assert (source.frame, source.duration) == (round(121 / 2), 4)  # at the same time, at half the rate
    scene.frame_start = 11
    shot = _top(edit).new_scene("Shot", scene, 5, 101)
    source = sound.source_of_strip(edit, "clicks", scene)
    assert source.frame == 11 + 20  # what the scene strip shows then
    shot.frame_start += 10
    assert sound.current_frame(source, edit, scene) == 11 + 10


@needs_sound
def test_missing_file_of_a_strip_is_named(part, scene, clicks):
    part("scene.strips").add_sound_strip(scene, str(clicks), "clicks", 1)
    clicks.unlink()
    problem = part("scene.sound").strip_problem(scene, "clicks")
    assert str(clicks) in problem and problem.endswith("choose another sound.")


@needs_sound
def test_new_strip_takes_a_free_channel_and_moves_nothing(part, scene, clicks):
    strips = part("scene.strips")
    first = strips.add_sound_strip(scene, str(clicks), "one", 1)
    second = strips.add_sound_strip(scene, str(clicks), "two", 10)
    after = strips.add_sound_strip(scene, str(clicks), "three", 1000)
    assert (first.channel, second.channel, after.channel) == (1, 2, 1)
    assert [strips.strip_frames(s, "left") for s in (first, second, after)] == [1, 10, 1000]


@needs_sound
def test_which_strip_is_meant(part, scene, clicks):
    strips, sound = part("scene.strips"), part("scene.sound")
    assert sound.strip_problem(scene, "").startswith("Choose a sound")
    strips.add_sound_strip(scene, str(clicks), "one", 1)
    assert sound.strip_problem(scene, "") is None
    strips.add_sound_strip(scene, str(clicks), "two", 1)
    assert "several" in sound.strip_problem(scene, "")
    assert "“three”" in sound.strip_problem(scene, "three")


@needs_sound
@pytest.mark.parametrize("name, container", [("film.mkv", "MATROSKA"), ("speech.m4a", "AAC")])
def test_films_and_m4a_are_read_by_blender_itself(part, scene, clicks, tmp_path, name, container):
    scene.frame_end = 120
    part("scene.strips").add_sound_strip(scene, str(clicks), "clicks", 1)
    suffix = {"MATROSKA": ".mkv", "AAC": ".aac"}[container]
    bpy.ops.sound.mixdown(filepath=str(tmp_path / f"mix{suffix}"), container=container, codec="AAC")
    path = (tmp_path / f"mix{suffix}").rename(tmp_path / name)
    sound = part("scene.sound").read_sound(part("scene.sound").source_of_file(str(path), 1))
    assert abs(float(sound.duration) - 4) < 0.15
    assert len(_clicks(sound.samples, 16_000)) > 30


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "Choose a sound"),
        ("/nowhere/speech.wav", "There is no file"),
        ("/", "is a folder"),
        ("//pyproject.toml", "isn't saved yet"),
    ],
)
def test_bad_paths_get_a_sentence(part, scene, text, words):
    assert words in part("scene.sound").file_problem(text)


def test_not_a_sound_gets_a_sentence(part, scene, tmp_path):
    from meshtalk_checkout.engine.errors import MeshTalkError

    path = Path(tmp_path / "speech.wav")
    path.write_text("these are words, but nobody speaks them")
    with pytest.raises(MeshTalkError, match="sound file that can be read"):
        part("scene.sound").read_sound(part("scene.sound").source_of_file(str(path), 1))
