"""Posed images of one map from folders of all kinds, their split, and their masks."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from dynamic_data import red_model
from pose_room import HEIGHT, WIDTH, write_world

from semloc_ros.datasets.pose_views import (
    check_one_map,
    masked_views,
    read_pose_views,
    seal_of,
    split_pose_views,
)
from semloc_ros.errors import DatasetError, MapError, ModelError
from semloc_ros.geometry import se3


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("worlds") / "room", 12)


def test_a_world_and_its_traversals(world: Path) -> None:
    whole = read_pose_views([world])
    parts = read_pose_views([world / "frames" / name for name in ("evening", "mapping")])
    assert [view.image.name for view in whole[:1] + whole[3:4]] == [
        "evening/left/000000.png", "mapping/left/000000.png"
    ]  # fmt: skip
    assert [view.where for view in whole] == [view.where for view in parts]
    assert parts[0].image.name == "left/000000.png"
    centre = se3.inverse(parts[0].image.camera_from_map)
    np.testing.assert_allclose(centre[:3, 3], [0.7, 2.0, 1.0], atol=1e-9)
    np.testing.assert_allclose(centre[:3, 2], [0, 1, 0], atol=1e-9)  # it looks along y


def test_of_king_s_college_the_lists_are_kept_apart(tmp_path: Path) -> None:
    header = "Visual Landmark Dataset V1\nImageFile, Camera Position [X Y Z W P Q R]\n\n"
    for number, name in ((1, "train"), (2, "test")):
        row = f"seq1/frame0000{number}.png {number}.5 -1 2 0.712261 0.682691 -0.123193 0.106962\n"
        (tmp_path / f"dataset_{name}.txt").write_text(header + row)
        path = tmp_path / "seq1" / f"frame0000{number}.png"
        path.parent.mkdir(exist_ok=True)
        assert cv2.imwrite(str(path), np.zeros((108, 192, 3), np.uint8))
    line = "seq1/frame00001.jpg 1670.5 0.712261 0.682691 -0.123193 0.106962 1.5 -1 2 0 0\n"
    (tmp_path / "reconstruction.nvm").write_text(f"NVM_V3\n\n1\n{line}\n0\n")
    (learned,), (asked,) = read_pose_views([tmp_path]), read_pose_views([tmp_path], queries=True)
    assert (learned.image.name, asked.image.name) == (
        "seq1/frame00001.png", "seq1/frame00002.png"
    )  # fmt: skip
    assert se3.inverse(asked.image.camera_from_map)[0, 3] == pytest.approx(2.5)


def test_stretches_are_kept_back(world: Path) -> None:
    views = read_pose_views([world / "frames" / "mapping"])
    training, validation = split_pose_views(views, 0.25, 4, np.random.default_rng(0))
    assert len(validation) == 3 and len(training) == 9
    numbers = [views.index(view) for view in validation]
    assert numbers == list(range(numbers[0], numbers[0] + 3)) and numbers[0] % 3 == 0
    with pytest.raises(DatasetError, match="enough images to train on"):
        split_pose_views(views[:1], 0.1, 4, np.random.default_rng(0))


def test_true_masks_are_those_of_their_images(world: Path) -> None:
    for folder in (world, world / "frames" / "evening"):
        for view in masked_views(read_pose_views([folder]), "truth", world):
            assert view.read_mask is not None
            mask, image = view.read_mask(), view.image.read()
            assert mask.shape == (HEIGHT, WIDTH) and 0 < (mask == 255).sum() == 30 * 40
            assert (image[mask > 0] == (220, 20, 10)).all()


def test_masks_from_files(world: Path, tmp_path: Path) -> None:
    views = read_pose_views([world])
    wanted = np.zeros((HEIGHT, WIDTH), np.uint8)
    wanted[:10] = 1
    path = tmp_path / "mapping" / "left" / "000002.png"
    path.parent.mkdir(parents=True)
    assert cv2.imwrite(str(path), wanted)
    found = {view.image.name: view for view in masked_views(views, str(tmp_path), world)}
    read = found["mapping/left/000002.png"].read_mask
    assert read is not None
    np.testing.assert_array_equal(read() == 255, wanted > 0)
    with pytest.raises(MapError, match=r"000001.png: expected the mask of .*, got no such file"):
        found["mapping/left/000001.png"].read_mask()  # type: ignore[misc]


def test_masks_of_a_model_are_made_once(world: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    model, told = str(red_model(tmp_path)), []
    views = read_pose_views([world / "frames" / "evening"])
    found = masked_views(views, model, tmp_path / "files", lambda: told.append(1))
    assert len(told) == 3
    files = sorted((tmp_path / "files").rglob("*.png"))
    assert len(files) == 3
    for view in found:
        assert view.read_mask is not None
        mask, red = view.read_mask(), view.image.read()[..., 0] > 200
        assert (mask[red & (view.image.read() == (220, 20, 10)).all(2)] == 255).mean() > 0.9
    before = [path.stat().st_mtime_ns for path in files]
    masked_views(views, model, tmp_path / "files")
    assert [path.stat().st_mtime_ns for path in files] == before
    assert seal_of(model).startswith(f"{model} ") and len(seal_of(model).split()[-1]) == 12


def test_what_does_not_do_is_one_line(world: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="expected a world, a traversal of it"):
        read_pose_views([tmp_path])
    with pytest.raises(DatasetError, match="expected folders of images, each once"):
        read_pose_views([world, world / "frames" / "mapping"])
    with pytest.raises(DatasetError, match="expected folders of one map"):
        check_one_map([world / "frames" / "evening", write_world(tmp_path / "other", 4, seed=9)])
    check_one_map([world, world / "frames" / "evening"])
    bare = tmp_path / "bare"
    shutil.copytree(world / "frames" / "evening" / "sensors", bare / "sensors")
    with pytest.raises(DatasetError, match="expected a world, whose truth is known"):
        masked_views(read_pose_views([bare]), "truth", tmp_path)
    with pytest.raises(ModelError, match="expected a name in"):
        masked_views(read_pose_views([world]), "no_such_model", tmp_path)
