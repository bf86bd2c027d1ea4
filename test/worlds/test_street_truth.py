"""The street's truth: exact between seasons, at one with itself among traffic."""

import cv2
import numpy as np
import pytest

from semloc_ros import classes
from semloc_ros.config import StreetConfig
from semloc_ros.geometry import cameras, se3
from semloc_ros.geometry.pairing import pair_poses
from semloc_ros.worlds import agreement
from semloc_ros.worlds.correspondences import correspondences
from semloc_ros.worlds.recording import street
from semloc_ros.worlds.recording.shots import Studio
from semloc_ros.worlds.recording.street import StreetWorld
from semloc_ros.worlds.rendering.scene import Motion
from semloc_ros.worlds.subclasses import StreetLabels
from semloc_ros.worlds.truth import View, truth_of

pytestmark = pytest.mark.slow
CONFIG = StreetConfig(loop_m=400.0, texel_mm=400.0, trees=1.0, image_width=128, image_height=96)
FRAMES = 4


@pytest.fixture(scope="module")
def runs(even_maps):
    """Frames of the summer's mapping run and the nearest of the winter's run; their studios."""
    world = StreetWorld(CONFIG, ("winter",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(street, "bake", even_maps)  # which takes its time, and is not judged here
        studios = [
            Studio(CONFIG, world.cameras, one, world.stage(one)) for one in world.traversals
        ]
    views = []
    poses = [
        one.traversal.camera_from_map(world.cameras[1], one.traversal.image_times)
        for one in studios
    ]
    pairs = pair_poses(*poses, 4.0, 0.4)
    for k in np.linspace(0, len(pairs) - 1, FRAMES).astype(int):
        views.append(
            tuple(
                View(world.cameras[1].camera, pose[index], truth_of(studio.render((index, 1))))
                for studio, pose, index in zip(studios, poses, pairs[k], strict=True)
            )
        )
    return studios, views


def test_kinds_agree_at_every_pixel(runs):
    studios, views = runs
    for number, studio in enumerate(studios):
        instance_of = {one.object_id: {one.instance} for one in studio.stage.objects}
        for pair in views:
            counts = agreement.disagreements(pair[number].truth, instance_of)
            assert not any(counts.values()), counts


def test_traffic_and_houses_are_seen(runs):
    labels = np.concatenate([view.truth.labels.ravel() for pair in runs[1] for view in pair])
    motions = np.concatenate([view.truth.motions.ravel() for pair in runs[1] for view in pair])
    for label in (classes.ROAD, classes.BUILDING, classes.SKY, classes.VEGETATION, classes.CAR):
        assert (labels == label).mean() > 0.005, classes.NAMES[label]
    assert (motions == Motion.MOVABLE).any()


def test_two_seasons_show_one_surface(runs):
    """Judged by planes: the ray through the pixel in winter meets the patch at that point."""
    studios, views = runs
    total = 0
    for summer, winter in views:
        same = correspondences(summer, winter)
        columns, rows = np.rint(same.points_b).astype(int).T
        columns_a, rows_a = same.points_a.astype(int).T
        for kind in ("labels", "instances", "objects"):
            here = getattr(summer.truth, kind)[rows_a, columns_a]
            np.testing.assert_array_equal(getattr(winter.truth, kind)[rows, columns], here)
        # there and back: winter's own depth at its own pixel, in summer's frame
        rays = cameras.unproject(winter.camera, np.stack([columns, rows], 1).astype(float))
        depth = winter.truth.depth[rows, columns]
        points = rays * (depth / rays[:, 2])[:, None]
        summer_from_winter = summer.camera_from_map @ se3.inverse(winter.camera_from_map)
        at, _ = cameras.project(summer.camera, se3.transform(summer_from_winter, points))
        # nearest pixel instead of the point: up to a pixel aside, stretched by the slant
        assert np.median(np.linalg.norm(at - same.points_a, axis=1)) < 0.9
        total += len(same)
        assert not (summer.truth.labels[rows_a, columns_a] == classes.VEGETATION).any()
    assert total > FRAMES * 1300


@pytest.fixture(scope="module")
def street_labels():
    return StreetLabels(CONFIG)


def test_sub_classes_are_parts_of_their_classes(runs, street_labels):
    labels = street_labels.labels
    assert len(labels) >= 60
    assert len(set(labels.names)) == len(labels) < 255
    counts = np.bincount(labels.parents[labels.parents != classes.UNKNOWN], minlength=19)
    assert (counts >= 1).all()
    assert counts[classes.BUILDING] > 30
    assert labels.stationary[np.isin(labels.parents, classes.MOVABLE, invert=True)].all()
    assert not labels.stationary[np.isin(labels.parents, classes.MOVABLE)].any()
    for pair in runs[1]:
        for view, snow in zip(pair, (False, True), strict=True):
            found = street_labels.label_map(view, snow=snow)
            known = found != classes.UNKNOWN
            np.testing.assert_array_equal(labels.parents[found[known]], view.truth.labels[known])
            assert known[view.truth.labels != classes.UNKNOWN].all()


def test_sub_classes_are_the_same_in_two_seasons(runs, street_labels):
    seen = set()
    for summer, winter in runs[1]:
        same = correspondences(summer, winter)
        columns, rows = np.rint(same.points_b).astype(int).T
        columns_a, rows_a = same.points_a.astype(int).T
        # markings are not seen under snow: asked of both as if there were none
        here = street_labels.label_map(summer, snow=True)[rows_a, columns_a]
        winters = street_labels.label_map(winter, snow=True)
        there = winters[rows, columns]
        # the nearest pixel may lie beyond an edge of a part: not where all around are the same
        square = np.ones((3, 3), np.uint8)
        inside = (cv2.dilate(winters, square) == cv2.erode(winters, square))[rows, columns]
        assert inside.mean() > 0.5
        assert (here == there).mean() > 0.95
        assert (here == there)[inside].mean() > 0.995
        seen |= set(here.tolist())
    assert len(seen) > 25


def test_storeys_and_leaves_are_told_apart(runs, street_labels):
    names = np.array(street_labels.labels.names)
    seen = {str(name) for pair in runs[1]
            for name in names[np.unique(street_labels.label_map(pair[0], snow=False))]}
    assert any(name.endswith("/low") for name in seen)
    assert any(name.endswith("/high") for name in seen)
    assert any(name.endswith("crown") for name in seen)
