"""`semloc dataset …` as a user types it."""

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from semloc_ros.cli.dataset import app
from semloc_ros.datasets.catalog import FORMATS
from semloc_ros.errors import DatasetError

POSE = "1 0 0 0.1\n0 1 0 0.2\n0 0 1 0.3\n0 0 0 1\n"


def run(*arguments):
    return CliRunner().invoke(app, [str(one) for one in arguments])


@pytest.fixture
def kitchen(tmp_path):
    folder = tmp_path / "kitchen"
    folder.mkdir()
    for number in range(3):
        cv2.imwrite(str(folder / f"frame-{number:06d}.color.png"), np.zeros((480, 640, 3)))
        (folder / f"frame-{number:06d}.pose.txt").write_text(POSE)
    return folder


def test_a_whole_data_set(kitchen, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run("check", kitchen)
    assert result.exit_code == 0, result.output
    for word in (
        "7-Scenes",
        "mapping images",
        "samples ok",
        "2 the same as another",
        "kitchen.png",
    ):
        assert word in result.output
    assert cv2.imread(str(tmp_path / "kitchen.png")) is not None


def test_a_fault_is_told_and_the_sheet_is_drawn_all_the_same(kitchen, tmp_path):
    cv2.imwrite(str(kitchen / "frame-000001.color.png"), np.zeros((48, 64, 3)))
    sheet = tmp_path / "sheet.png"
    result = run("check", kitchen, "--out", sheet)
    assert result.exit_code == 1
    assert "samples FAIL" in result.output
    assert "expected 640x480, got 64x48" in " ".join(result.output.replace("│", "").split())
    assert sheet.exists()


def test_no_sheet(kitchen, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("check", kitchen, "--no-sheet").exit_code == 0
    assert not (tmp_path / "kitchen.png").exists()


def test_another_folder_is_one_line(tmp_path):
    result = run("check", tmp_path)
    assert isinstance(result.exception, DatasetError)
    assert "\n" not in str(result.exception)


def test_the_list_names_every_format_with_its_source_and_licence():
    result = run("list")
    assert result.exit_code == 0
    for one in FORMATS:
        assert f"{one.name}: {one.title}" in result.output
        assert f"{one.source}; licence: {one.licence}" in result.output
