"""Labels of a map's points from the label maps of its views."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from semloc_ros.errors import MapError
from semloc_ros.maps import labelling
from semloc_ros.maps.labelling import NO_LABEL
from semloc_ros.maps.semantic_map import SemanticMap

LEFT, RIGHT = 3, 7


def halves(semantic_map: SemanticMap) -> labelling.ReadLabels:
    """Label maps that tell left from right of x = 0 of a scene before the cameras."""

    def read(name: str) -> np.ndarray:
        view = semantic_map.view_names.index(name)
        camera = semantic_map.camera_of(view)
        labels = np.full((camera.height, camera.width), 255, np.uint8)
        rows = np.flatnonzero(semantic_map.points_of(view) >= 0)
        pixels = np.floor(semantic_map.features_of(view).keypoints[rows] + 0.5).astype(int)
        side = semantic_map.points_map[semantic_map.points_of(view)[rows], 0] < 0
        labels[pixels[:, 1], pixels[:, 0]] = np.where(side, LEFT, RIGHT)
        return labels

    return read


def test_points_get_the_label_of_the_pixels_that_observed_them(synthetic_map: SemanticMap) -> None:
    labelled = labelling.label_map(synthetic_map, halves(synthetic_map), 8, "two halves")
    found = labelling.mode(labelled.label_histogram)
    truth = np.where(synthetic_map.points_map[:, 0] < 0, LEFT, RIGHT)
    assert (found == truth).mean() > 0.99  # two keypoints may share a pixel
    votes = labelled.label_histogram.sum(1)
    assert (votes == np.diff(synthetic_map.track_offsets)).all()
    assert labelled.manifest.build["labels"] == {"count": 8, "source": "two halves"}


def test_unknown_pixels_do_not_vote(synthetic_map: SemanticMap) -> None:
    camera = synthetic_map.camera_of(0)
    blank = np.full((camera.height, camera.width), 65535, np.uint16)
    labelled = labelling.label_map(synthetic_map, lambda name: blank, 300)
    assert not labelled.label_histogram.any()
    assert (labelling.mode(labelled.label_histogram) == NO_LABEL).all()


def test_wrong_label_maps_are_refused_by_name(synthetic_map: SemanticMap) -> None:
    camera = synthetic_map.camera_of(0)
    name = synthetic_map.view_names[0]
    with pytest.raises(MapError, match=f"{name}: expected {camera.width}x{camera.height}"):
        labelling.label_map(synthetic_map, lambda name: np.zeros((4, 5), np.uint8), 8)
    nine = np.full((camera.height, camera.width), 9, np.uint8)
    with pytest.raises(MapError, match="less than 8, got 9"):
        labelling.label_map(synthetic_map, lambda name: nine, 8)


def test_stationary_labels_are_chosen_by_matches_and_pixels(synthetic_map: SemanticMap) -> None:
    read = halves(synthetic_map)
    told = []

    def choose(in_matches: np.ndarray, in_pixels: np.ndarray) -> np.ndarray:
        told.extend([in_matches, in_pixels])
        return in_matches > 0

    labelled = labelling.label_map(synthetic_map, read, 8, choose_stationary=choose)
    assert np.flatnonzero(labelled.label_stationary).tolist() == [LEFT, RIGHT]
    assert np.array_equal(told[0], labelled.label_histogram.sum(0))
    pixels = np.concatenate([read(name).ravel() for name in synthetic_map.view_names])
    assert np.array_equal(told[1], np.bincount(pixels, minlength=256)[:8])


def test_counts_of_older_labels_are_dropped(synthetic_map: SemanticMap) -> None:
    older = dataclasses.replace(
        synthetic_map, label_confusion=np.ones((3, 3), np.uint32), label_stationary=np.ones(3, bool)
    )
    labelled = labelling.label_map(older, halves(synthetic_map), 8)
    assert labelled.label_confusion.size == labelled.label_stationary.size == 0


def test_votes_that_are_few_or_disagree_give_no_label() -> None:
    histogram = np.array([[4, 0], [1, 0], [1, 1], [2, 1], [0, 0]], np.uint16)
    assert labelling.sure_labels(histogram, 2, 0.95).tolist() == [0, -1, -1, 0, -1]
    assert labelling.sure_labels(histogram, 1, 0.5).tolist() == [0, 0, -1, -1, -1]


def test_mode_and_entropy() -> None:
    histogram = np.array([[4, 0, 0], [2, 2, 0], [1, 1, 2], [0, 0, 0]], np.uint16)
    assert labelling.mode(histogram).tolist() == [0, 0, 2, NO_LABEL]
    assert labelling.entropy(histogram).tolist() == [0.0, 1.0, 1.5, np.inf]


def test_a_map_without_labels_has_no_mode() -> None:
    assert labelling.mode(np.empty((3, 0), np.uint16)).tolist() == [NO_LABEL] * 3


def test_eleven_cityscapes_classes_are_stationary() -> None:
    stationary = labelling.stationary_classes(19)
    assert stationary.sum() == 11
    assert stationary[:11].all()


def test_clusters_with_few_matches_are_not_stationary() -> None:
    in_pixels, in_matches = np.array([1000, 1000, 2000]), np.array([90, 5, 5])
    # shares of the matches 0.9, 0.05, 0.05; of the pixels 0.25, 0.25, 0.5
    found = labelling.stationary_clusters(in_matches, in_pixels, 0.2)
    assert found.tolist() == [True, False, False]


def test_a_pixel_is_the_square_around_its_centre() -> None:
    labels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    pixels = np.array([[-0.5, -0.5], [0.49, 0.49], [0.5, 0.0], [2.49, 1.49], [2.5, 0], [np.nan, 0]])
    assert labelling.labels_at(labels, pixels).tolist() == [0, 0, 1, 5, NO_LABEL, NO_LABEL]


def test_sure_labels_are_those_of_the_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labelling, "_PIECE", 64)  # so that there are several
    histogram = np.random.default_rng(0).integers(0, 3, (200, 4)).astype(np.uint16)
    histogram[::3, 1:] = 0
    for least, bits in ((1, 0.0), (2, 0.95), (3, 16.0)):
        sure = (histogram.sum(1) >= least) & (labelling.entropy(histogram) <= bits)
        wanted = np.where(sure, labelling.mode(histogram), NO_LABEL)
        assert 0 < (wanted != NO_LABEL).sum() < 200
        assert (labelling.sure_labels(histogram, least, bits) == wanted).all()
