"""Truth on disk: read back as it was rendered, at one with itself, exact to the pixel."""

import dataclasses
import json

import cv2
import numpy as np
import pytest

from semloc_ros import classes
from semloc_ros.config import WorldPairsConfig
from semloc_ros.datasets.cross_season import read_cross_season
from semloc_ros.errors import DatasetError
from semloc_ros.geometry import cameras, se3
from semloc_ros.maps.kapture import read_kapture
from semloc_ros.worlds import agreement, truth
from semloc_ros.worlds.correspondences import correspondences, lift, read_pairs
from semloc_ros.worlds.pair_files import write_pairs
from semloc_ros.worlds.recording.frames import DEPTH_STEP, truth_path
from semloc_ros.worlds.recording.gallery import GalleryWorld, make_gallery
from semloc_ros.worlds.recording.shots import Studio
from semloc_ros.worlds.rendering.scene import Motion

pytestmark = pytest.mark.usefixtures("coarse_light")


@pytest.fixture(scope="module")
def config(tiny_config):
    return dataclasses.replace(
        tiny_config, texel_mm=50.0, paintings_per_room=5,
        light="spots", moved_paintings=3, swapped_paintings=1,
        longest_run_s=22.0, mapping_rate=0.5, query_rate=0.5,
    )  # fmt: skip


@pytest.fixture(scope="module")
def world(config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("world") / "gallery"
    make_gallery(config, folder, output="frames")
    return folder


@pytest.fixture(scope="module")
def runs(world):
    return {name: world / "frames" / name for name in ("mapping", "query")}


def sample(values, pixels):
    """Bilinear, at pixels (N, 2) within the image."""
    at = np.clip(pixels, 0, np.array(values.shape[1::-1]) - 1).astype(np.float32)[None]
    return cv2.remap(values, at[..., 0], at[..., 1], cv2.INTER_LINEAR)[0]


def test_it_is_read_back_as_it_was_rendered(config, runs):
    place = GalleryWorld(config)
    traversal = place.traversals[1]
    rendering = Studio(config, place.cameras, traversal, place.stage(traversal)).render((2, 0))
    images = read_kapture(runs["query"])
    read, exact = truth.read_view(runs["query"], images[2]), truth.truth_of(rendering)
    for kind in ("labels", "instances", "motions", "objects"):
        np.testing.assert_array_equal(getattr(read.truth, kind), getattr(exact, kind))
    inverse = np.abs(1 / read.truth.depth - 1 / exact.depth)
    assert inverse.max() <= 0.5001 * DEPTH_STEP
    on_object = exact.objects > 0
    uv = read.truth.object_uv[on_object]
    np.testing.assert_allclose(uv, exact.object_uv[on_object], atol=1e-5)
    assert not read.truth.object_uv[~on_object].any() and on_object.sum() > 500


def test_kinds_agree_at_every_pixel(runs):
    for folder in runs.values():
        instance_of = {}
        for one in truth.read_hung_objects(folder):
            instance_of.setdefault(one.object_id, set()).add(one.instance)
        for image in read_kapture(folder):
            counts = agreement.disagreements(truth.read_truth(folder, image.name), instance_of)
            assert not any(counts.values()), (image.name, counts)


def test_objects_lie_where_their_corners_say(runs):
    """The map point of (u, v) by the corners is that of the pixel by its depth."""
    checked = 0
    for folder in runs.values():
        hung = {one.instance: one for one in truth.read_hung_objects(folder)}
        for image in read_kapture(folder):
            view = truth.read_view(folder, image)
            rows, columns = np.nonzero(view.truth.objects)
            pixels = np.stack([columns, rows], axis=1).astype(float)
            points = lift(view, pixels, view.truth.depth[rows, columns])
            for instance in np.unique(view.truth.instances[rows, columns]):
                own = view.truth.instances[rows, columns] == instance
                top_left, top_right, _, bottom_left = hung[instance].corners_map
                u, v = view.truth.object_uv[rows, columns][own].T[:, :, None]
                there = top_left + u * (top_right - top_left) + v * (bottom_left - top_left)
                np.testing.assert_allclose(points[own], there, atol=4e-3)
                checked += own.sum()
    assert checked > 3000


def test_depth_reprojects_to_its_pixels(runs):
    """Lifted from a into b, and from there, by the depth of b, back into a."""
    errors = []
    images = read_kapture(runs["mapping"])
    for one, other in zip(images, images[1:], strict=False):
        a, b = (truth.read_view(runs["mapping"], image) for image in (one, other))
        same = correspondences(a, b)
        inverse = sample(1 / b.truth.depth, same.points_b)
        points = lift(b, same.points_b, 1 / inverse)
        back, seen = cameras.project(a.camera, se3.transform(a.camera_from_map, points))
        assert seen.all()
        errors.append(np.linalg.norm(back - same.points_a, axis=1))
    errors = np.concatenate(errors)
    assert len(errors) > 10_000
    assert np.median(errors) < 0.1 and np.percentile(errors, 95) < 0.3


def test_pairs_of_two_runs_are_points_of_one_surface(world, runs):
    pairs = read_pairs(world, "mapping", "query", distance_m=0.6, angle=0.3, step=3)
    assert 2 <= len(pairs) < 11
    rehung = truth.rehung_instances(*(truth.read_hung_objects(one) for one in runs.values()))
    assert len(rehung) == 5
    queries = {image.name: image for image in read_kapture(runs["query"])}
    for pair in pairs:
        assert len(pair.points_a) > 300
        assert pair.read_a().shape == pair.read_b().shape == (120, 160, 3)
        b = truth.read_view(runs["query"], queries[pair.name_b])
        columns, rows = np.rint(pair.points_b).astype(int).T
        assert not np.isin(b.truth.instances[rows, columns], rehung).any()
    assert [pair.name_a for pair in pairs[1:]] == [pair.name_a for pair in pairs][1:]


def small(**changes):
    """Two by two pixels of a wall, all in order."""
    kinds = {
        "depth": np.full((2, 2), 3.0), "labels": np.full((2, 2), classes.BUILDING, np.uint8),
        "instances": np.ones((2, 2), np.uint16), "motions": np.zeros((2, 2), np.uint8),
        "objects": np.zeros((2, 2), np.uint16), "object_uv": np.zeros((2, 2, 2), np.float32),
    }  # fmt: skip
    for kind, value in changes.items():
        kinds[kind][0, 0] = value
    return truth.FrameTruth(**kinds)


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("sky", {"depth": np.inf}),
        ("sky", {"labels": classes.SKY, "depth": np.inf}),
        ("sky", {"instances": 0}),
        ("instance of two families", {"labels": classes.ROAD}),
        ("object of another instance", {"objects": 7}),
        ("object (u, v) outside its image", {"objects": 5, "object_uv": 1.2}),
        ("motion against class", {"motions": Motion.MOVING}),
        ("motion against class", {"labels": classes.CAR, "instances": 2}),
        ("motion against class", {"motions": Motion.SWAYING}),
    ],
)
def test_each_disagreement_is_found(rule, changes):
    assert not any(agreement.disagreements(small(), {}).values())
    counts = agreement.disagreements(small(**changes), {5: {1}})
    assert counts[rule] == 1


def test_a_parked_car_and_a_rider_agree():
    car = {"labels": classes.CAR, "instances": 9, "motions": Motion.MOVABLE}
    assert not any(agreement.disagreements(small(**car), {}).values())
    both = small(labels=classes.RIDER, motions=Motion.MOVING)
    both.labels[0, 1], both.motions[0, 1] = classes.BICYCLE, Motion.MOVING
    both.instances[0] = 9
    assert not any(agreement.disagreements(both, {}).values())


def test_the_dynamic_mask():
    mask = small(motions=Motion.MOVABLE).dynamic_mask()
    np.testing.assert_array_equal(mask, [[255, 0], [0, 0]])
    assert not small(motions=Motion.SWAYING).dynamic_mask().any()
    assert small(motions=Motion.SWAYING).dynamic_mask(swaying=True)[0, 0] == 255


def broken(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def png(image):
    return cv2.imencode(".png", image)[1].tobytes()


@pytest.mark.parametrize(
    ("kind", "data", "line"),
    [
        ("depth", None, "expected the frame's truth, got no such file"),
        ("depth", b"", "expected a PNG of one channel, uint16, got no image"),
        ("depth", png(np.ones((2, 2), np.uint8)), "uint16, got uint8 (2, 2)"),
        ("labels", png(np.ones((2, 2, 3), np.uint8)), "one channel, uint8, got uint8 (2, 2, 3)"),
        ("objects", png(np.ones((2, 2), np.uint16)), "three channels, uint16, got uint16 (2, 2)"),
        ("motions", png(np.ones((3, 2), np.uint8)), "expected the size (2, 2) of its depth"),
    ],
)
def test_broken_truth_is_one_line(tmp_path, kind, data, line):
    whole = {
        "depth": np.ones((2, 2), np.uint16), "labels": np.ones((2, 2), np.uint8),
        "instances": np.ones((2, 2), np.uint16), "motions": np.zeros((2, 2), np.uint8),
        "objects": np.zeros((2, 2, 3), np.uint16),
    }  # fmt: skip
    for name, image in whole.items():
        broken(truth_path(tmp_path, "camera", 3, name), png(image))
    assert truth.read_truth(tmp_path, "camera/000003.jpg").depth.shape == (2, 2)
    path = truth_path(tmp_path, "camera", 3, kind)
    path.unlink() if data is None else broken(path, data)
    with pytest.raises(DatasetError) as fault:
        truth.read_truth(tmp_path, "camera/000003.jpg")
    assert str(fault.value).startswith(f"{path}: ") and line in str(fault.value)
    assert "\n" not in str(fault.value)


def test_broken_objects_are_one_line(tmp_path):
    for data in (None, "", "{}}", json.dumps([{"id": 1}]), json.dumps(3)):
        if data is not None:
            (tmp_path / "objects.json").write_text(data)
        with pytest.raises(DatasetError, match="objects.json: expected a list of objects, got"):
            truth.read_hung_objects(tmp_path)


def test_pairs_are_files_that_training_reads(world, tmp_path):
    pytest.importorskip("h5py")
    config = WorldPairsConfig(distance_m=0.6, angle_deg=17.0, step_px=3, least_points=300)
    number = write_pairs(world, "mapping", "query", tmp_path / "pairs", config, lambda *_: None)
    read = read_cross_season(tmp_path / "pairs")
    pairs = read_pairs(world, "mapping", "query", distance_m=0.6, angle=np.radians(17.0), step=3)
    assert number == len(read) == len(pairs) > 1
    for one, other in zip(read, pairs, strict=True):
        np.testing.assert_array_equal(one.points_a, other.points_a)
        np.testing.assert_array_equal(one.points_b, other.points_b)
        np.testing.assert_array_equal(one.read_b(), other.read_b())
        assert one.name_a == f"mapping/sensors/records_data/{other.name_a}"
    with pytest.raises(DatasetError, match="expected a new folder, got other files"):
        write_pairs(world, "mapping", "query", tmp_path / "pairs", config, lambda *_: None)
    (tmp_path / "file").write_text("")
    for a, b, out, line in (
        ("mapping", "winter", "new", "b: expected mapping or query, got winter"),
        ("mapping", "query", "file", "expected a new folder, got other files"),
        ("mapping", "query", "file/new", "expected a folder that can be written, got Not a dir"),
    ):
        with pytest.raises(DatasetError, match=line):
            write_pairs(world, a, b, tmp_path / out, config, lambda *_: None)
    far = dataclasses.replace(config, distance_m=0.01)
    with pytest.raises(DatasetError, match="frames of mapping and query within 0.01 m"):
        write_pairs(world, "mapping", "query", tmp_path / "none", far, lambda *_: None)
