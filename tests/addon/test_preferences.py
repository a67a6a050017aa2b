# SPDX-License-Identifier: GPL-3.0-or-later
"""The preferences: what is said of each model, which processor computes, what stays in memory."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import bpy
import pytest

TINY = Path(os.environ.get("MESHTALK_TINY_BUNDLE", Path(__file__).parents[1] / "data" / "tiny_bundle"))


@pytest.fixture()
def chosen(scene):
    """The add-on's preferences, put back afterwards."""
    preferences = bpy.context.preferences.addons["meshtalk_checkout"].preferences
    yield preferences
    preferences.provider, preferences.keep_model, preferences.threads = "AUTO", True, 0


def test_models_are_shown_with_size_and_licence(part, chosen):
    card = part("model_cards").card_of(TINY)
    whole = json.loads((TINY / "model.json").read_text())
    assert (card.title, card.licence, card.problem) == (whole["name"], whole["licence"], "")
    names = {*whole["graphs"].values(), whole["template"]}
    assert card.size == sum((TINY / name).stat().st_size for name in names)
    assert card.line.endswith(whole["licence"]) and card.line.split()[1] in ("kB,", "MB,")


def test_broken_model_says_what_is_wrong(part, chosen, tmp_path):
    broken = shutil.copytree(TINY, tmp_path / "broken")
    (broken / "decoder.onnx").unlink()
    chosen.model_folders.add().folder = str(broken)
    cards = part("model_cards")
    assert "decoder.onnx is missing" in cards.card_of(broken).problem
    assert "decoder.onnx is missing" in part("models").model_trouble("broken")
    assert part("models").model_trouble(TINY.name) is None
    shutil.copy(TINY / "decoder.onnx", broken)
    assert bpy.ops.meshtalk.look_again() == {"FINISHED"}
    assert cards.card_of(broken).problem == ""
    (broken / "model.json").write_text("{")
    cards.forget_cards()
    assert cards.card_of(broken).problem.endswith("install the model again.")
    shutil.rmtree(broken)
    assert "has gone" in cards.card_of(broken).problem


def test_models_may_be_named_by_their_folder(part, chosen):
    models = part("models")
    assert models.model_folder(str(TINY)) == TINY == models.model_folder(TINY.name)
    assert models.model_folder(str(TINY.parent)) is None and models.model_folder("nowhere") is None


def test_processors_are_found_and_missing_ones_fall_back(part, chosen):
    processors = part("processors")
    names = processors.found(wait=True)
    assert names[-1] == "CPU" and processors.found_line().startswith("Found: ")
    assert processors.choice("CPU") == ("CPU", "")
    assert processors.choice("AUTO") == (names[0], "")
    missing = next(name for name, *_ in processors.ITEMS if name not in (*names, "AUTO"))
    used, sentence = processors.choice(missing)
    assert used == "CPU" and "isn't found on this machine" in sentence
    chosen.provider = missing
    models = part("models")
    models.chosen_threads()
    assert models.loaded_bundle(TINY, 1).providers == ("CPUExecutionProvider",)
    models.forget_bundles()


def test_readiness_is_said(part, chosen):
    part("processors").found(wait=True)
    is_ready, words = part("preferences").readiness()
    assert is_ready and words.startswith("Ready: ") and words.endswith("models can be used.")


def test_memory_is_free_after_a_job_where_that_is_wanted(part, chosen):
    models = part("models")
    first = models.loaded_bundle(TINY, 1)
    models.job_ended()
    assert models.loaded_bundle(TINY, 1) is first
    chosen.keep_model = False
    models.job_ended()
    assert models.loaded_bundle(TINY, 1) is not first
    models.forget_bundles()


def test_asking_for_cards_is_cheap(part, chosen):
    """The preferences and the tab ask in each draw."""
    part("model_cards").card_of(TINY)
    times = []
    for _ in range(100):
        start = time.perf_counter()
        part("model_cards").card_of(TINY)
        times.append(time.perf_counter() - start)
    assert min(times) < 1e-4
