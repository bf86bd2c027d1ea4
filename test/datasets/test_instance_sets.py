"""True dynamic objects, in tiny folders of every kind that is read."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from semloc_ros.datasets.instance_numbers import LEAST_PX, consecutive
from semloc_ros.datasets.instance_sets import read_instance_images
from semloc_ros.errors import DatasetError
from semloc_ros.types import UNSURE

HEIGHT, WIDTH = 20, 30
LEFT, RIGHT = np.s_[2:12, 2:8], np.s_[2:12, 20:28]


def save(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


def picture() -> np.ndarray:
    return np.full((HEIGHT, WIDTH, 3), 90, np.uint8)


def test_numbers_are_consecutive_and_small_objects_unsure() -> None:
    numbers = np.zeros((HEIGHT, WIDTH), np.int32)
    numbers[LEFT], numbers[RIGHT], numbers[15, :LEAST_PX] = 900, 70_000, 12
    numbers[16, : LEAST_PX - 1], numbers[19, 0] = 13, UNSURE
    found = consecutive(numbers)
    assert found.dtype == np.uint16
    assert (found[15, 0], found[5, 5], found[5, 25]) == (1, 2, 3)
    assert (found[16, : LEAST_PX - 1] == UNSURE).all() and found[19, 0] == UNSURE
    assert (found == 0).sum() == HEIGHT * WIDTH - 60 - 80 - 2 * LEAST_PX


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A car that stands, a tree that sways, a house; a second frame without truth."""
    run = tmp_path / "frames" / "summer"
    tables = {
        "sensors": f"left, left, camera, PINHOLE, {WIDTH}, {HEIGHT}, 10.0, 10.0, 3.5, 2.5\n",
        "rigs": "base_link, left, 1, 0, 0, 0, 0, 0, 0\n",
        "trajectories": "5, base_link, 1, 0, 0, 0, 0, 0, 0\n6, base_link, 1, 0, 0, 0, 0, 0, 0\n",
        "records_camera": "5, left, left/000000.jpg\n6, left, left/000001.jpg\n",
    }
    for index in (0, 1):
        save(run / "sensors" / "records_data" / "left" / f"{index:06d}.jpg", picture())
    for name, text in tables.items():
        (run / "sensors" / f"{name}.txt").write_text(f"# kapture format: 1.1\n{text}")
    (tmp_path / "world.json").write_text("{}")
    instances = np.full((HEIGHT, WIDTH), 20_001, np.uint16)
    motions = np.zeros((HEIGHT, WIDTH), np.uint8)
    instances[LEFT], motions[LEFT] = 20_179, 128
    instances[RIGHT], motions[RIGHT] = 20_180, 64
    save(run / "truth" / "left" / "000000.instances.png", instances)
    save(run / "truth" / "left" / "000000.motions.png", motions)
    return tmp_path


def test_what_could_move_in_a_world(world: Path) -> None:
    for folder in (world, world / "frames" / "summer"):
        (image,) = read_instance_images(folder)
        assert image.name == "summer/left/000000.jpg"
        assert image.read().shape == (HEIGHT, WIDTH, 3)
        numbers = image.read_instances()
        assert (numbers[LEFT] == 1).all() and numbers.sum() == 60
    motions = world / "frames" / "summer" / "truth" / "left" / "000000.motions.png"
    save(motions, np.zeros((3, 4), np.uint8))
    with pytest.raises(DatasetError, match=r"000000.motions.png: expected size \(20, 30\), got"):
        read_instance_images(world)[0].read_instances()


def coco_file(path: Path, annotations: list[dict], names: tuple[str, ...] = ("dynamic",)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({
        "images": [
            {"id": 4, "file_name": "clip_000012.jpg", "height": HEIGHT, "width": WIDTH},
            {"id": 5, "file_name": "clip_000014.jpg", "height": HEIGHT, "width": WIDTH},
        ],
        "annotations": annotations,
        "categories": [{"id": number, "name": name} for number, name in enumerate(names, 1)],
    }))  # fmt: skip
    return path


def annotation(segmentation: object, crowd: int = 0, category: int = 1) -> dict:
    return {
        "image_id": 4, "category_id": category, "iscrowd": crowd, "segmentation": segmentation
    }


def lengths(mask: np.ndarray) -> dict:
    """Uncompressed run lengths, down the columns, the first of what is outside."""
    flat = np.concatenate([[0], mask.T.ravel().astype(int), [0]])
    edges = np.flatnonzero(np.diff(flat))
    ends = [0, *edges.tolist(), mask.size]
    return {"size": list(mask.shape), "counts": np.diff(ends).tolist()}


BOX = [[20, 2, 28, 2, 28, 12, 20, 12]]  # RIGHT as a polygon


def test_polygons_run_lengths_and_crowds_of_coco(tmp_path: Path) -> None:
    pytest.importorskip("pycocotools")
    crowd = np.zeros((HEIGHT, WIDTH), bool)
    crowd[0:12, 0:10] = True
    path = coco_file(tmp_path / "annotations" / "instances_val.json", [
        annotation([[2, 2, 8, 2, 8, 12, 2, 12]]), annotation(BOX), annotation(lengths(crowd), 1),
    ])  # fmt: skip
    for number in (12, 14):
        save(tmp_path / "val" / f"clip_{number:06d}.jpg", picture())
    full, empty = read_instance_images(path)
    assert full.name == "clip/000012" and full.read().shape == (HEIGHT, WIDTH, 3)
    numbers = full.read_instances()
    assert set(np.unique(numbers[LEFT])) == {2} and set(np.unique(numbers[RIGHT])) == {1}
    assert (numbers == UNSURE).sum() == 120 - 60  # the object lies before the crowd
    assert not empty.read_instances().any()


def test_categories_of_coco_that_stay(tmp_path: Path) -> None:
    pytest.importorskip("pycocotools")
    names = ("person", "chair", "forklift")
    path = coco_file(tmp_path / "instances.json", [
        annotation(BOX, category=2), annotation([[2, 2, 8, 2, 8, 12, 2, 12]], category=3),
    ], names)  # fmt: skip
    for number in (12, 14):
        save(tmp_path / f"clip_{number:06d}.jpg", picture())
    numbers = read_instance_images(path)[0].read_instances()
    assert not numbers[RIGHT].any() and numbers[5, 5] == 1


def test_mined_masks_are_read_as_they_were_written(tmp_path: Path) -> None:
    pytest.importorskip("pycocotools")
    from semloc_ros.config.mining import MiningConfig
    from semloc_ros.learning.mask_files import MaskFolder
    from semloc_ros.learning.mask_mining import MinedMask

    values = np.zeros((HEIGHT, WIDTH), np.uint8)
    values[LEFT], values[RIGHT], values[15:18, 3:9] = 255, 255, 170
    folder = MaskFolder(tmp_path / "mined", MiningConfig())
    folder.add(MinedMask("tram", 7, picture(), values))
    folder.close()
    (image,) = read_instance_images(tmp_path / "mined")
    assert image.name == "tram/000007"
    numbers = image.read_instances()
    assert ((numbers == UNSURE) == (values == 170)).all()
    assert len(np.unique(numbers[values == 255])) == 2 and not numbers[values == 0].any()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{", "expected instances in COCO's format, got Expecting"),
        ("[]", "expected instances in COCO's format, got TypeError"),
        ('{"categories": []}', "expected instances in COCO's format, got KeyError 'annotations'"),
    ],
)
def test_a_json_of_another_form_is_one_line(tmp_path: Path, text: str, line: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DatasetError, match=f"a.json: {line}") as fault:
        read_instance_images(tmp_path / "a.json")
    assert "\n" not in str(fault.value)


def test_missing_and_other_images_of_coco_are_one_line(tmp_path: Path) -> None:
    path = coco_file(tmp_path / "instances.json", [])
    with pytest.raises(DatasetError, match="instances.json: expected the image clip_000012.jpg in"):
        read_instance_images(path)
    for number in (12, 14):
        save(tmp_path / "images" / f"clip_{number:06d}.jpg", picture()[:10])
    with pytest.raises(DatasetError, match="12.jpg: expected 30x20, as its instances, got 30x10"):
        read_instance_images(tmp_path)[0].read()


def test_a_broken_segmentation_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("pycocotools")
    path = coco_file(tmp_path / "instances.json", [annotation({"size": [2, 2], "counts": [1, 3]})])
    for number in (12, 14):
        save(tmp_path / f"clip_{number:06d}.jpg", picture())
    with pytest.raises(DatasetError, match=r"segmentation: expected size \(20, 30\), got \(2, 2\)"):
        read_instance_images(path)[0].read_instances()
    coco_file(path, [annotation([[1, 2]])])
    with pytest.raises(DatasetError, match="instances.json: expected instances in COCO's format"):
        read_instance_images(path)[0].read_instances()


NAME = "lindau/lindau_000001_000019"


@pytest.fixture
def city(tmp_path: Path) -> Path:
    """Two cars beside each other, a group of people, the own bonnet, a road."""
    labels = np.full((HEIGHT, WIDTH), 7, np.uint16)
    labels[2:12, 2:14], labels[2:12, 20:28], labels[18:] = 26, 24, 1
    objects = labels.copy()
    objects[2:12, 2:8], objects[2:12, 8:14] = 26_000, 26_001
    save(tmp_path / f"leftImg8bit/val/{NAME}_leftImg8bit.png", picture())
    save(tmp_path / f"gtFine/val/{NAME}_gtFine_instanceIds.png", objects)
    save(tmp_path / f"gtFine/val/{NAME}_gtFine_labelIds.png", labels.astype(np.uint8))
    return tmp_path


def test_cars_and_groups_of_cityscapes(city: Path) -> None:
    (image,) = read_instance_images(city, "val")
    assert image.name == NAME
    numbers = image.read_instances()
    assert (numbers[2:12, 2:8] == 1).all() and (numbers[2:12, 8:14] == 2).all()
    assert (numbers[RIGHT] == UNSURE).all() and (numbers[18:] == UNSURE).all()
    assert not numbers[12:18].any()


def test_cityscapes_without_objects_has_connected_parts(city: Path) -> None:
    path = city / f"gtFine/val/{NAME}_gtFine_instanceIds.png"
    path.unlink()
    numbers = read_instance_images(city, "val")[0].read_instances()
    assert len(np.unique(numbers[2:12, 2:14])) == 1 and len(np.unique(numbers[RIGHT])) == 1
    assert numbers.max(where=numbers != UNSURE, initial=0) == 2
    (city / f"gtFine/val/{NAME}_gtFine_labelIds.png").unlink()
    with pytest.raises(DatasetError, match="_instanceIds.png: expected the truth of an image, got"):
        read_instance_images(city, "val")
    with pytest.raises(DatasetError, match="leftImg8bit/train: expected <city>/"):
        read_instance_images(city)


def test_other_folders_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="expected a world, masks of .*, got something else"):
        read_instance_images(tmp_path)
    with pytest.raises(DatasetError, match="COCO's json or Cityscapes, got no such folder"):
        read_instance_images(tmp_path / "none")
