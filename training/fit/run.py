# SPDX-License-Identifier: GPL-3.0-or-later
"""A run folder: preset, template and corpus facts, checkpoints of both stages, curves and the exported
bundle.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.audio.features import MelSettings
from engine.template import Template, template_arrays, template_from_arrays
from training.data.beside import Beside
from training.data.clip import ClipSource
from training.data.corpus import CorpusClips, read_corpus, read_faces
from training.data.faces import face_arrays
from training.errors import TrainingError
from training.fit.checkpoint import Progress, adopt_weights, load_checkpoint, save_checkpoint
from training.fit.from_bundle import adopt_bundle, is_bundle
from training.fit.loop import Reporter, run_stage
from training.fit.preset import Preset, parse_preset, preset_table
from training.fit.readers import fit_readers
from training.fit.stages import (
    Sources,
    ear_stage,
    reader_batches,
    sample_motion,
    settle_stage,
    stage_one,
    stage_two,
)
from training.model.autoregressive import Autoregressive
from training.model.meshtalk import MeshTalk
from training.model.space import VertexSpace

SETTINGS, TEMPLATE = "run.json", "template.npz"
EAR, STAGE_ONE, SETTLED = "ear.safetensors", "stage1.safetensors", "settled.safetensors"
STAGE_TWO = "stage2.safetensors"
LOG, BUNDLE = "log", "bundle"


@dataclass(frozen=True)
class Run:
    """What a run folder says: ``corpus`` is the ``corpus.json`` that it was trained on."""

    folder: Path
    preset: Preset
    template: Template
    corpus: dict[str, Any]

    @property
    def features(self) -> MelSettings:
        """How the corpus' features were made."""
        return MelSettings(**self.corpus["mel"])

    def build(self) -> tuple[MeshTalk, Autoregressive]:
        """Both networks with seeded random weights."""
        torch.manual_seed(self.preset.seed)
        settings = self.preset.model
        faces = face_arrays(self.template, np.ones(len(self.template.motion_basis), np.float32))
        phonemes = len(self.corpus.get("phonemes", ()))
        model = MeshTalk(settings, VertexSpace(faces, settings.rank), phonemes, self.preset.reads_out)
        if self.preset.enlarge_first_weights:
            model.enlarge_first_weights()
        return model, Autoregressive(settings)

    def load(self) -> tuple[MeshTalk, Autoregressive]:
        """Both networks as trained so far; raises ``TrainingError`` when a stage is missing or unfit."""
        autoregressive = self.build()[1]
        load_checkpoint(self.folder / STAGE_TWO, autoregressive)
        return self.load_stage_one(), autoregressive.eval()

    def load_stage_one(self) -> MeshTalk:
        """The first stage alone, as far as it is trained."""
        model = self.build()[0]
        load_checkpoint(self.folder / STAGE_ONE, model)
        if (self.folder / SETTLED).is_file():
            load_checkpoint(self.folder / SETTLED, model.decoder)
        return model.eval()


def create_run(folder: Path, preset: Preset, corpus_folder: Path, ear: Path | None = None) -> Run:
    """Begin a run, with the trained audio encoder of another run if ``ear`` names its folder, or of a bundle.

    Raises ``TrainingError`` when the folder holds a run already or the other has no such encoder.
    """
    if (folder / SETTINGS).exists():
        raise TrainingError(
            f"{folder} holds a run already; add --resume to go on with it, or give another --out."
        )
    if ear is not None and not is_bundle(ear) and not (ear / EAR).is_file():
        raise TrainingError(
            f"{ear} holds no trained audio encoder ({EAR}); name a run's folder that does, or a bundle."
        )
    corpus = read_corpus(corpus_folder)
    run = Run(folder, preset, read_faces(corpus_folder).template, corpus)
    folder.mkdir(parents=True, exist_ok=True)
    if ear is not None and is_bundle(ear):
        _take_ear(run, ear, corpus_folder)
    elif ear is not None:
        shutil.copyfile(ear / EAR, folder / EAR)
    np.savez_compressed(folder / TEMPLATE, **template_arrays(run.template))
    record = {"preset": preset.name, "settings": preset_table(preset), "corpus": run.corpus}
    (folder / SETTINGS).write_text(json.dumps(record, indent=2), encoding="utf-8")
    return run


def open_run(folder: Path) -> Run:
    """Open a run folder; raises ``TrainingError`` when there is none or it is damaged."""
    path = folder / SETTINGS
    if not path.is_file():
        raise TrainingError(f"{folder} holds no run; train one with: python -m training train --out {folder}")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        with np.load(folder / TEMPLATE, allow_pickle=False) as file:
            template = template_from_arrays({name: file[name] for name in file.files})
        preset = parse_preset(record["preset"], record["settings"])
        return Run(folder, preset, template, record["corpus"])
    except (OSError, KeyError, ValueError) as error:
        raise TrainingError(f"The run {folder} is damaged ({error}); train it again.") from error


def with_minutes(preset: Preset, minutes: float) -> Preset:
    """The preset with all stages' time scaled to ``minutes`` in all."""
    timed = {name: getattr(preset, name) for name in ("ear", "stage1", "settle", "stage2")}
    share = minutes / sum(stage.minutes for stage in timed.values())
    stages = {
        name: dataclasses.replace(stage, minutes=stage.minutes * share, steps=0)
        for name, stage in timed.items()
    }
    return dataclasses.replace(preset, **stages)  # type: ignore[arg-type]


def fit(
    run: Run,
    corpus_folder: Path,
    reporter: Reporter,
    resume: bool = False,
    stages: int = 2,
    begin: Path | None = None,
    beside: Path | None = None,
) -> None:
    """Train the run's stages (only the first with ``stages=1``); on CUDA when there is one.

    ``begin`` names the folder of a run, whose weights all stages begin with as far as they fit, or of a
    bundle. ``beside`` names another corpus that is drawn from as often as the preset's ``beside_share`` says.
    """
    preset = run.preset
    if preset.threads > 0:
        torch.set_num_threads(preset.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    sources = _sources(run, corpus_folder, device, beside)
    model, autoregressive = run.build()
    model.to(device)
    autoregressive.to(device)
    if begin is not None:
        _adopt(begin, model, autoregressive, preset, sources)
    elif not (resume and (run.folder / STAGE_ONE).is_file()):
        model.space.set_statistics(sample_motion(model, preset, sources))
    if preset.ear.scheduled:
        adopted = (run.folder / EAR).is_file()
        run_stage(ear_stage(model, preset, sources), run.folder / EAR, reporter, resume or adopted)
    run_stage(stage_one(model, preset, sources), run.folder / STAGE_ONE, reporter, resume)
    if preset.settle.scheduled:
        run_stage(settle_stage(model, preset, sources), run.folder / SETTLED, reporter, resume)
    if stages > 1:
        stage = stage_two(model, autoregressive, preset, sources)
        run_stage(stage, run.folder / STAGE_TWO, reporter, resume)


def _sources(run: Run, corpus_folder: Path, device: torch.device, beside: Path | None = None) -> Sources:
    preset = run.preset
    context = (preset.model.mel_before, preset.model.mel_after)
    train, valid = (
        CorpusClips(corpus_folder, split, context, preset.drawing) for split in ("train", "validation")
    )
    return Sources(_beside(train, beside, preset, context), valid, run.features, device)


def _take_ear(run: Run, bundle: Path, corpus_folder: Path) -> None:
    """A bundle's audio encoder as that of a run; the readers, which an export drops, are fitted anew."""
    sources = _sources(run, corpus_folder, torch.device("cpu"))
    model, autoregressive = run.build()
    _adopt(bundle, model, autoregressive, run.preset, sources)
    save_checkpoint(run.folder / EAR, model.ear(), None, Progress(done=True))


def _beside(train: CorpusClips, folder: Path | None, preset: Preset, context: tuple[int, int]) -> ClipSource:
    if folder is None:
        return train
    other = CorpusClips(folder, "train", context, preset.drawing)
    if (
        other.faces.unit_codes.shape != train.faces.unit_codes.shape
        or other.mel_settings != train.mel_settings
    ):
        raise TrainingError(f"The corpus {folder} has other faces or features than the main one.")
    return Beside(train, other, preset.drawing.beside_share)


def _adopt(
    begin: Path, model: MeshTalk, autoregressive: Autoregressive, preset: Preset, sources: Sources
) -> None:
    """Begin with another run's weights and statistics, or a bundle's; raises ``TrainingError`` when it has
    none."""
    if is_bundle(begin):
        model.space.set_statistics(sample_motion(model, preset, sources))
        adopt_bundle(begin, model, autoregressive)
        fit_readers(model, reader_batches(preset, sources))
        return
    adopt_weights(begin / STAGE_ONE, model)
    for name, network in ((SETTLED, model.decoder), (STAGE_TWO, autoregressive)):
        if (begin / name).is_file():
            adopt_weights(begin / name, network)
