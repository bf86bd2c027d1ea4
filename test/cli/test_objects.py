"""`semloc objects find`, as a user types it: images to finds, drawn and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from planar import image_from_corners, image_of, picture
from pretended_network import PretendedBackend
from typer.testing import CliRunner

from semloc_ros.cli.main import app
from semloc_ros.errors import SemlocError
from semloc_ros.maps import object_files
from semloc_ros.maps.objects import MapObjects, ObjectInstance, ObjectOfInterest
from semloc_ros.perception import objects

LIES = {"boat": image_from_corners(np.array([[60.0, 40], [250, 60], [235, 190], [70, 205]]))}
HUNG = ObjectInstance(np.array([[2.0, 0, 1], [0, 0, 5], [0, -1.5, 2], [0, 0, 1]]))
SIZE = (240, 320)


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of two images, a model that knows what is in them, and a map with its picture."""
    monkeypatch.setattr(objects, "open_object_backend", lambda *_: PretendedBackend(LIES, 240))
    known = ObjectOfInterest("boat", picture(), np.full(SIZE, 255, np.uint8), (HUNG,))
    monkeypatch.setattr(object_files, "load_objects", lambda _: MapObjects((known,)))
    (tmp_path / "hall.onnx").write_bytes(b"")
    for name, seed in (("a/0.png", 0), ("1.png", 1)):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shown = image_of(picture(), LIES["boat"], seed=seed)
        cv2.imwrite(str(path), np.ascontiguousarray(shown[..., ::-1]))
    return tmp_path / "images"


def run(images: Path, *words: object):
    model = images.parent / "hall.onnx"
    arguments = ["objects", "find", "--model", str(model), *map(str, words)]
    return CliRunner().invoke(app, arguments)


def test_finds_are_told_drawn_and_written(images: Path) -> None:
    out, table = images.parent / "drawn", images.parent / "finds.json"
    done = run(images, images, "--map", "house", "--out", out, "--json", table)
    assert done.exit_code == 0, done.output
    rows = json.loads(table.read_text())
    assert sorted(rows) == ["1", "a/0"]
    for name, (one,) in rows.items():
        assert f"{name}: boat 0.90 ({len(one['matches'])} matches)" in done.output
        drawn = cv2.imread(str(out / f"{name}.png"))
        assert (drawn != cv2.imread(str(images / f"{name}.png"))).any(-1).mean() > 0.02
        assert np.array(one["matches"]).shape[1] == 5


def test_what_pixels_do_not_confirm_is_told(images: Path) -> None:
    cv2.imwrite(str(images / "1.png"), picture(9))
    done = run(images, images / "1.png", "--map", "house")
    assert done.stdout == "1: nothing; left out, not confirmed: boat 0.90\n"


def test_one_image_without_a_map(images: Path) -> None:
    done = run(images, images / "1.png")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("1: boat 0.90 (")


def test_masks_by_the_images_names(images: Path) -> None:
    masks = images.parent / "masks"
    masks.mkdir()
    cv2.imwrite(str(masks / "1.png"), np.full(SIZE, 255, np.uint8))
    done = run(images, images / "1.png", "--masks", masks)
    assert done.stdout == "1: nothing\n"
    (masks / "1.png").unlink()
    failed = run(images, images / "1.png", "--masks", masks).exception
    assert isinstance(failed, SemlocError)
    assert str(failed).endswith("1.png: expected a mask of one channel of 8 bits, got none")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--set", "refine=photometric"], "refine photometric: expected the objects of a map"),
        (["--set", "scare=1"], "scare: unknown"),
        (["--out", "images/drawn"], "--out: expected a folder outside of"),
    ],
)
def test_what_does_not_fit_is_one_line(
    images: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], line: str
) -> None:
    monkeypatch.chdir(images.parent)
    failed = run(images, images, *words).exception
    assert isinstance(failed, SemlocError) and line in str(failed)
