"""What a labelled map says to the localizer, and what is kept of it beside the map."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from semloc_ros.config import FilterConfig, LabelsConfig
from semloc_ros.localization.label_images import label_image
from semloc_ros.localization.label_learning import count_left_out
from semloc_ros.localization.label_statistics import count_confusion
from semloc_ros.localization.semantics import label_points, load_semantics
from semloc_ros.maps import labelling
from semloc_ros.maps.labelling import NO_LABEL
from semloc_ros.maps.semantic_map import SemanticMap
from semloc_ros.maps.storage import load_map, save_map

LABELS = 4
CONFIG = FilterConfig(labels=LabelsConfig(max_entropy_bits=16.0, max_viewing_angle_deg=90.0))


def all_stay(in_matches: np.ndarray, in_pixels: np.ndarray) -> np.ndarray:
    return np.ones(len(in_pixels), bool)


def noise(semantic_map: SemanticMap) -> labelling.ReadLabels:
    """Label maps that have nothing to do with the scene, or with each other."""

    def read(name: str) -> np.ndarray:
        view = semantic_map.view_names.index(name)
        camera = semantic_map.camera_of(view)
        size = (-(-camera.height // 8), -(-camera.width // 8))
        blocks = np.random.default_rng(view).integers(0, LABELS, size, np.uint8)
        return blocks.repeat(8, 0).repeat(8, 1)[: camera.height, : camera.width]

    return read


@pytest.fixture(scope="module")
def labelled(corner_map: SemanticMap) -> SemanticMap:
    return labelling.label_map(corner_map, noise(corner_map), LABELS, choose_stationary=all_stay)


@pytest.fixture()
def saved(labelled: SemanticMap, tmp_path: Path) -> Path:
    save_map(labelled, tmp_path / "map")
    return tmp_path / "map"


def share_same(counts: np.ndarray) -> float:
    return float(np.trace(counts) / counts.sum())


def test_a_view_does_not_confirm_itself(labelled: SemanticMap) -> None:
    points = label_points(labelled, labelled.label_stationary, CONFIG, 0)
    read = noise(labelled)
    images = [
        (label_image(labelled.camera_of(view), read(name), labelled.label_stationary),
         labelled.camera_from_map[view])
        for view, name in enumerate(labelled.view_names)
    ]  # fmt: skip
    itself = share_same(count_confusion(points, images, 60.0, 0.0))
    others = share_same(count_left_out(labelled, points, read, CONFIG))
    assert itself > 0.3  # as its own voter
    assert abs(others - 1 / LABELS) < 0.02


def test_views_that_agree_are_believed(labelled: SemanticMap) -> None:
    def read(name: str) -> np.ndarray:
        camera = labelled.camera_of(labelled.view_names.index(name))
        return np.full((camera.height, camera.width), 2, np.uint8)

    agreed = labelling.label_map(labelled, read, LABELS, choose_stationary=all_stay)
    points = label_points(agreed, agreed.label_stationary, CONFIG, 0)
    counts = count_left_out(agreed, points, read, CONFIG)
    assert counts.shape == (LABELS, LABELS)
    assert counts.dtype == np.uint32
    assert counts[2, 2] == counts.sum() > 1000


def test_a_map_without_labels_has_none(corner_map: SemanticMap) -> None:
    assert load_semantics(corner_map, CONFIG, 0) is None


def test_labels_of_a_map(labelled: SemanticMap) -> None:
    sure = dataclasses.replace(CONFIG, labels=LabelsConfig(least_votes=3, max_entropy_bits=0.5))
    flags = np.array([True, True, False, True])
    found = load_semantics(dataclasses.replace(labelled, label_stationary=flags), sure, 0)
    assert found is not None
    histogram = np.asarray(labelled.label_histogram)
    good = (histogram.sum(1) >= 3) & (labelling.entropy(histogram) <= 0.5)
    assert 0 < good.sum() < len(good)
    assert (found.point_labels[good] == histogram.argmax(1)[good]).all()
    assert (found.point_labels[~good] == NO_LABEL).all()
    assert sorted(found.points.ids) == np.flatnonzero(good & (histogram.argmax(1) != 2)).tolist()
    assert found.stationary.tolist() == flags.tolist()
    assert found.table.shape == (LABELS, LABELS + 1)
    assert not found.table[:, -1].any()


def test_the_counts_of_the_map_are_used(labelled: SemanticMap) -> None:
    often = 10 * np.eye(LABELS, dtype=np.uint32) + 1
    often[0] = (0, 5000, 0, 0)  # label 0 is always seen as 1
    counted = load_semantics(dataclasses.replace(labelled, label_confusion=often), CONFIG, 0)
    assumed = load_semantics(labelled, CONFIG, 0)
    assert counted is not None
    assert assumed is not None
    assert counted.table[0].argmax() == 1
    assert assumed.table[0].argmax() == 0


def test_another_day_is_trusted_less_than_the_counts(labelled: SemanticMap) -> None:
    counts = (1000 * np.eye(LABELS)).astype(np.uint32)
    same = dataclasses.replace(labelled, label_confusion=counts)
    spread = []
    for rate in (0.01, 0.2, 0.6):
        config = dataclasses.replace(CONFIG, labels=LabelsConfig(error_rate=rate))
        found = load_semantics(same, config, 0)
        assert found is not None
        spread.append(float(np.ptp(found.table[1])))
    assert spread[0] > spread[1] + 1 > spread[2] + 1


def same_points(one, other) -> bool:
    names = ("values", "labels", "ids", "keys", "starts")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


def test_points_are_kept_beside_the_map_and_mapped(saved: Path, labelled: SemanticMap) -> None:
    first = load_semantics(load_map(saved), CONFIG, 3)
    again = load_semantics(load_map(saved), CONFIG, 3)
    free = load_semantics(labelled, CONFIG, 3)  # not from a folder
    assert first is not None
    assert again is not None
    assert free is not None
    assert isinstance(again.points.values, np.memmap)
    assert not isinstance(first.points.values, np.memmap)
    assert same_points(first.points, again.points)
    assert same_points(first.points, free.points)
    save_map(labelled, saved)  # goes with the map
    assert not (saved / "label_points").exists()


def wrong_bit(folder: Path) -> None:
    content = bytearray((folder / "labels.npy").read_bytes())
    content[-1] ^= 1
    (folder / "labels.npy").write_bytes(bytes(content))


def other_seal(folder: Path) -> None:
    seal = json.loads((folder / "seal.json").read_text())
    (folder / "seal.json").write_text(json.dumps({**seal, "key": "0"}))


BROKEN = {
    "a bit": wrong_bit,
    "key": other_seal,
    "file": lambda folder: (folder / "keys.npy").unlink(),
    "no seal": lambda folder: (folder / "seal.json").unlink(),
    "seal": lambda folder: (folder / "seal.json").write_text("[1]"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_broken_beside_the_map_is_made_anew(kind: str, saved: Path) -> None:
    good = load_semantics(load_map(saved), CONFIG, 0)
    BROKEN[kind](saved / "label_points")
    found = load_semantics(load_map(saved), CONFIG, 0)
    mended = load_semantics(load_map(saved), CONFIG, 0)
    assert good is not None
    assert found is not None
    assert mended is not None
    assert not isinstance(found.points.values, np.memmap)
    assert isinstance(mended.points.values, np.memmap)
    assert same_points(found.points, good.points)
    assert same_points(mended.points, good.points)


def test_other_options_and_other_labels_are_not_mixed_up(saved: Path) -> None:
    load_semantics(load_map(saved), CONFIG, 0)
    strict = dataclasses.replace(CONFIG, labels=LabelsConfig(max_entropy_bits=0.5))
    fewer = load_semantics(load_map(saved), strict, 0)
    changed = dataclasses.replace(
        load_map(saved), label_stationary=np.array([True, False, True, True])
    )
    without = load_semantics(changed, strict, 0)
    assert fewer is not None
    assert without is not None
    assert (fewer.points.labels == 1).any()
    assert not (without.points.labels == 1).any()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_left_alone(saved: Path) -> None:
    saved.chmod(0o555)
    found = load_semantics(load_map(saved), CONFIG, 0)
    saved.chmod(0o755)
    assert found is not None
    assert not (saved / "label_points").exists()


def test_a_file_in_the_way_of_the_kept_points_is_no_fault(saved: Path) -> None:
    shutil.rmtree(saved / "label_points", ignore_errors=True)
    (saved / "label_points").write_text("mine")
    found = load_semantics(load_map(saved), CONFIG, 0)
    assert found is not None
    assert len(found.points)
    assert (saved / "label_points").read_text() == "mine"
