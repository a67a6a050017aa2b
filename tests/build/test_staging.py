# SPDX-License-Identifier: GPL-3.0-or-later
"""The staged extension holds the add-on and nothing else, and Blender's own tool accepts it."""

from __future__ import annotations

import tomllib
import zipfile
from pathlib import Path

import pytest

from tools import environments, packing, project, staging

WHEEL_NAMES = (
    "onnxruntime-1.31.1-cp311-cp311-manylinux_2_28_x86_64.whl",
    "typing_extensions-4.16.0-py3-none-any.whl",
)


@pytest.fixture
def stage(tmp_path: Path) -> Path:
    return staging.stage(target=tmp_path / "meshtalk")


@pytest.fixture
def wheels(tmp_path: Path) -> list[Path]:
    """Files with wheels' names: staging reads no more of them."""
    folder = tmp_path / "downloaded"
    folder.mkdir()
    for name in WHEEL_NAMES:
        with zipfile.ZipFile(folder / name, "w") as archive:
            archive.writestr("x.dist-info/RECORD", "")
    return sorted(folder.iterdir())


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_stage_mirrors_the_repository(stage: Path) -> None:
    top = {path.name for path in stage.iterdir()}
    assert top == {"__init__.py", "blender_manifest.toml", "LICENSE", "engine", "meshtalk_blender"}
    for name in staging.SOURCES:
        expected = {
            path
            for path in files_below(project.ROOT / name)
            if "__pycache__" not in path
            and not path.endswith((".pyc", ".orig"))
            and not any(part.startswith(".") for part in path.split("/"))
        }
        assert files_below(stage / name) == expected


def test_stage_takes_what_does_not_belong_away(stage: Path, wheels: list[Path]) -> None:
    staging.stage(wheels, "linux-x64", target=stage)
    (stage / "left_over.py").write_text("", encoding="utf-8")
    (stage / "engine" / "left_over.py").write_text("", encoding="utf-8")
    staging.stage(target=stage)
    assert not (stage / "wheels").exists()
    assert not list(stage.rglob("left_over.py"))


def test_manifest_names_the_wheels(stage: Path, wheels: list[Path]) -> None:
    staging.stage(wheels, "linux-x64", target=stage)
    staged = tomllib.loads((stage / "blender_manifest.toml").read_text(encoding="utf-8"))
    assert staged.pop("wheels") == [f"./wheels/{name}" for name in WHEEL_NAMES]
    assert staged.pop("platforms") == ["linux-x64"]
    assert staged == project.manifest()
    assert {path.name for path in (stage / "wheels").iterdir()} == set(WHEEL_NAMES)


def test_blender_accepts_stage_and_zip(stage: Path, tmp_path: Path) -> None:
    if not any(environments.blender_environment(v).is_ready for v in environments.BLENDER_VERSIONS):
        if not environments.demo_environment().is_ready:
            pytest.skip("Blender's extension tool needs one of the bpy environments of build.py")
    packing.blender_tool("validate", str(stage))
    path = packing.pack(stage, tmp_path / "meshtalk.zip")
    names = zipfile.ZipFile(path).namelist()
    assert "meshtalk_blender/__init__.py" in names and "engine/__init__.py" in names
    assert {name.split("/")[0] for name in names} == {entry.name for entry in stage.iterdir()}
    assert not [name for name in names if "__pycache__" in name or name.startswith(("tests/", "training/"))]


def test_link_points_at_the_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLENDER_USER_RESOURCES", str(tmp_path))
    assert staging.link("4.5").resolve() == staging.STAGE.resolve()
    assert staging.link("4.5").is_symlink()  # a second time replaces the link


def test_link_leaves_an_installed_copy_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLENDER_USER_RESOURCES", str(tmp_path))
    installed = tmp_path / "extensions" / "user_default" / "meshtalk"
    installed.mkdir(parents=True)
    with pytest.raises(project.BuildError, match="remove the extension"):
        staging.link("4.5")
    assert installed.is_dir()
