"""From images to hypotheses of their places, with describers whose answers are known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from semloc_ros.config import RetrieverConfig, SequenceConfig
from semloc_ros.errors import ConfigError, InputError, MapError
from semloc_ros.geometry import se3
from semloc_ros.maps.place_files import PlaceDescriptors
from semloc_ros.perception.map_places import ViewSource, describe_views
from semloc_ros.perception.place_retriever import PlaceRetriever

VIEWS = 40
FORWARD = np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]], float)


class Known:
    """Describes an image, or a label map, by the numbers of its first row."""

    computed_by = "a table"

    def __init__(self, name: str, needs: str, dimensions: int) -> None:
        self.name, self.needs, self.dimensions = name, needs, dimensions
        self.sha256 = name * 8
        self._axes = np.random.default_rng(len(name)).standard_normal((4, dimensions))

    def describe(self, image, labels=None, mask=None):
        given = image if self.needs == "image" else labels
        if given is None:
            raise InputError(f"{self.needs}: expected one, got none")
        first = given[0, :4, 0] if given.ndim == 3 else given[0, :4]
        found = (first.astype(float) - 100) @ self._axes
        return (found / np.linalg.norm(found)).astype(np.float32)

    def queries(self, image, labels=None, mask=None):
        return self.describe(image, labels, mask)[None]


RGB, LABELS = Known("rgb", "image", 8), Known("semantic", "labels", 6)


def picture(view: int, sigma: float = 0.0, seed: int = 0) -> np.ndarray:
    """An image (30, 40, 3) of a view, or one like it."""
    rng = np.random.default_rng(view)
    image = rng.integers(0, 200, (30, 40, 3)).astype(np.uint8)
    noise = sigma * np.random.default_rng(seed).standard_normal(image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def label_map(view: int) -> np.ndarray:
    """A label map (30, 40) of 200 labels, of which one fills most."""
    labels = np.full((30, 40), 3 + view % 20, np.uint8)
    labels[0, :4] = picture(view)[0, :4, 1]
    return labels


@pytest.fixture(scope="module")
def poses() -> np.ndarray:
    """Cameras each metre along x, that look along x."""
    return np.stack([se3.make_pose(FORWARD, [step, 0, 0]) for step in range(VIEWS)])


def described(describer: Known, grids: bool = False) -> PlaceDescriptors:
    sources = [
        ViewSource(
            str(view), lambda view=view: picture(view),
            (lambda view=view: label_map(view)) if grids or describer is LABELS else None,
        )
        for view in range(VIEWS)
    ]  # fmt: skip
    return describe_views(describer, sources, np.ones(200, bool) if grids else None)


def retriever(poses, *describers, grids=False, **options) -> PlaceRetriever:
    parts = [(one, described(one, grids)) for one in describers]
    return PlaceRetriever(poses, parts, RetrieverConfig(**options))


def test_an_image_is_found_at_the_pose_of_its_view(poses):
    places = retriever(poses, RGB, count=3).retrieve(7, picture(12, 2.0))
    assert places.stamp_ns == 7
    assert len(places) == 3
    assert places.views[0] == 12
    assert np.array_equal(places.map_from_camera, poses[places.views])
    assert np.all(np.diff(places.scores) <= 0)
    assert places.scores[0] > 1.0  # standard deviations above the mean of all views


def test_what_is_needed_and_what_it_took(poses):
    assert retriever(poses, RGB).needs == {"image"}
    assert retriever(poses, LABELS).needs == {"labels"}
    both = retriever(poses, LABELS, RGB)
    assert both.needs == {"image", "labels"}
    assert retriever(poses, RGB, grids=True, rerank_weight=1.0).needs == {"image", "labels"}
    both.retrieve(0, picture(1), label_map(1))
    assert set(both.stage_ms) == {"describe", "search", "rank"}
    assert min(both.stage_ms.values()) >= 0
    with pytest.raises(InputError, match="labels: expected one, got none"):
        both.retrieve(0, picture(1))


@pytest.mark.parametrize("fusion", ["weighted", "concatenated", "ranks"])
def test_two_models_find_what_either_confuses(poses, fusion):
    both = retriever(poses, LABELS, RGB, fusion=fusion)
    places = both.retrieve(0, picture(30, 3.0), label_map(30))
    assert places.views[0] == 30


def test_views_in_another_order_are_the_same_views(poses):
    rgb, semantic = described(RGB), described(LABELS)
    order = np.random.default_rng(0).permutation(VIEWS)
    mixed = dataclasses.replace(
        rgb, descriptors=rgb.descriptors[order], views=rgb.views[order]
    )
    for part in (rgb, mixed):
        both = PlaceRetriever(poses, [(LABELS, semantic), (RGB, part)], RetrieverConfig())
        assert both.retrieve(0, picture(9), label_map(9)).views[0] == 9
    alone = PlaceRetriever(poses, [(RGB, mixed)], RetrieverConfig())
    assert alone.retrieve(0, picture(9)).views[0] == 9
    fewer = dataclasses.replace(rgb, descriptors=rgb.descriptors[1:], views=rgb.views[1:])
    with pytest.raises(MapError, match="views of rgb: expected as many as of semantic"):
        PlaceRetriever(poses, [(LABELS, semantic), (RGB, fewer)], RetrieverConfig())


def test_hypotheses_may_be_asked_to_be_apart(poses):
    turned = poses.copy()
    turned[1::2] = turned[::2] @ se3.exp([0, 0, 0, 0, np.pi / 2, 0])
    places = retriever(turned, RGB, count=6, apart_m=5.0).retrieve(0, picture(12))
    away = [se3.pose_error(one, places.map_from_camera) for one in places.map_from_camera]
    for number, (distance, angle) in enumerate(away):
        near = (distance < 5) & (angle < np.radians(20))
        assert np.flatnonzero(near).tolist() == [number]
    assert len(places) == 6 and places.views[0] == 12
    few = retriever(poses, RGB, count=30, apart_m=100.0).retrieve(0, picture(12))
    assert few.views.tolist() == [12]


def test_labels_that_agree_may_overrule_the_image(poses):
    options = {"grids": True, "rerank_weight": 5.0}
    again = retriever(poses, RGB, **options)
    assert again.retrieve(0, picture(0), label_map(13)).views[0] in (13, 33)  # of the same grid
    assert again.retrieve(0, picture(0), label_map(0)).views[0] == 0
    assert again.retrieve(0, picture(0)).views[0] == 0  # it does without labels
    with pytest.raises(InputError, match="labels: expected uint8, as of the map's .* labels, got"):
        again.retrieve(0, picture(0), label_map(13).astype(np.uint16))


def test_reranking_needs_grids(poses):
    with pytest.raises(MapError, match="places with label grids.* --labels.*, got none"):
        retriever(poses, RGB, rerank_weight=1.0)


def test_places_follow_odometry(poses):
    config = SequenceConfig(length_m=30.0)
    following = retriever(poses, RGB, sequence=config, candidates=VIEWS)
    for view in range(5, 20):  # views that look alike are told apart by those before
        image = picture(view if view < 19 else 38, 10.0, seed=view)
        places = following.retrieve(view, image, odom_from_camera=poses[view])
    assert abs(places.views[0] - 19) <= 2
    lost = following.retrieve(20, picture(38), odom_from_camera=None)
    assert lost.views[0] == 38  # without odometry the image stands for itself
    assert following.retrieve(21, picture(4), odom_from_camera=poses[9]).views[0] == 4


def test_a_clock_that_jumps_back_begins_anew(poses):
    config = SequenceConfig(length_m=30.0)
    following = retriever(poses, RGB, sequence=config)
    second = 1_000_000_000
    for view in range(5, 15):
        following.retrieve(view * second, picture(view), odom_from_camera=poses[view])
    places = following.retrieve(second, picture(38), odom_from_camera=poses[15])
    assert places.views[0] == 38


@pytest.mark.parametrize("models", ["", " , ", "a,b,c"])
def test_one_or_two_models(models, tmp_path):
    with pytest.raises(ConfigError, match="models: expected one or two models of places, got"):
        PlaceRetriever.open(tmp_path, RetrieverConfig(models=models))


def test_labels_of_another_set_are_refused_with_the_view(poses):
    source = ViewSource("a/b.jpg", lambda: picture(0), lambda: label_map(0))
    with pytest.raises(InputError, match="view a/b.jpg: expected labels below 7, got"):
        describe_views(RGB, [source], np.ones(7, bool))
    with pytest.raises(InputError, match="view a/b.jpg: labels: expected one"):
        describe_views(LABELS, [dataclasses.replace(source, read_labels=None)], None)
