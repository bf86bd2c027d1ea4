"""A coarse pose from one image: what it says, how sure it is, and which masks it looks at."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from pose_models import ABOUT, Telling, write_pose_model

from semloc_ros.config import RetrieverConfig
from semloc_ros.config.backends import BackendConfig
from semloc_ros.errors import ConfigError, InputError, MapError, ModelError
from semloc_ros.geometry import se3
from semloc_ros.maps.manifest import Manifest
from semloc_ros.maps.semantic_map import ARRAYS, SemanticMap
from semloc_ros.maps.storage import save_map
from semloc_ros.networks.export import export_onnx
from semloc_ros.networks.model_files import load_pose_network
from semloc_ros.perception.place_finding import open_finder
from semloc_ros.perception.pose_prior import PoseRegressor, load_pose_regressor
from semloc_ros.types import Camera

CPU = BackendConfig(device="cpu", threads=1)
IMAGE = np.random.default_rng(0).integers(0, 255, (80, 96, 3), np.uint8)
MASK = np.zeros((80, 96), np.uint8)
MASK[:, 20:60] = 255


def test_the_pose_is_in_the_map_and_as_sure_as_the_model_was_in_training() -> None:
    told = Telling([1.0, 2.0, 0.5, 0.0, 0.0, 3.0, 3.0])  # a quaternion of another length
    pose, covariance = PoseRegressor(told).estimate(IMAGE)
    np.testing.assert_allclose(pose[:3, 3], [11.0, -2.0, 2.0])
    np.testing.assert_allclose(pose[:3, :3], [[0, -1, 0], [1, 0, 0], [0, 0, 1]], atol=1e-7)
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), ABOUT.spread)
    assert np.count_nonzero(covariance) == 6


def test_as_a_place_it_is_of_no_view_and_says_its_spread() -> None:
    regressor = PoseRegressor(Telling([0.0] * 6 + [1.0]))
    places = regressor.retrieve(7, IMAGE)
    assert places.stamp_ns == 7 and len(places) == 1 and places.views.tolist() == [-1]
    assert places.spreads is not None
    np.testing.assert_allclose(places.spreads, [[np.sqrt((9 + 16) / 2), 0.3]])
    np.testing.assert_allclose(places.map_from_camera[0, :3, 3], ABOUT.position_offset)
    assert set(regressor.stage_ms) == {"planes", "network"} and regressor.needs == ("image",)


@pytest.mark.parametrize("masked", [True, False])
def test_masks_are_for_models_that_learned_with_them(masked: bool) -> None:
    told = Telling([0.0] * 6 + [1.0], dataclasses.replace(ABOUT, masked=masked))
    regressor = PoseRegressor(told)
    for mask in (None, MASK):
        regressor.estimate(IMAGE, mask)
    plain, given = told.seen
    assert np.array_equal(plain, given) != masked
    assert (given[0, :, :, 30] == 0).all() == masked


def test_what_is_no_image_is_one_line() -> None:
    regressor = PoseRegressor(Telling([0.0] * 6 + [1.0], dataclasses.replace(ABOUT, masked=True)))
    for image in (np.zeros((0, 0, 3), np.uint8), np.zeros((80, 96, 2), np.uint8)):
        with pytest.raises(InputError, match="^image: expected [^\n]*$"):
            regressor.estimate(image)
    for image, words in (
        (np.zeros_like(IMAGE), r"some contrast, got all pixels about 0, 0, 0"),
        (np.full((80, 96), 90, np.uint8), "some contrast, got all pixels about 90"),
        (np.tile(np.array([9, 200, 40], np.uint8), (80, 96, 1)), "some contrast"),
        (IMAGE[:1, :1], "at least 32x32 pixels, half of what here sees, got 1x1"),
        (IMAGE[:31], "at least 32x32 pixels"),
    ):
        with pytest.raises(InputError, match=f"^image: expected {words}[^\n]*$"):
            regressor.estimate(image)
    regressor.estimate(IMAGE[:32, :32])
    with pytest.raises(InputError, match="^mask: expected"):
        regressor.estimate(IMAGE, MASK[:40])


def test_torch_and_onnxruntime_say_the_same(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    path = write_pose_model(tmp_path / "here.safetensors")
    network, about = load_pose_network(path)
    export_onnx(network, about, path.with_suffix(".onnx"))
    found = [load_pose_regressor(one, CPU) for one in (path, path.with_suffix(".onnx"))]
    poses = [one.estimate(IMAGE)[0] for one in found]
    away, turned = se3.pose_error(poses[0], poses[1])
    assert away < 1e-3 and turned < 1e-3 and found[0].computed_by != found[1].computed_by


def test_models_that_do_not_do_are_one_line(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[2] / "models" / "places_edges_street.safetensors"
    cases: list[tuple[str | Path, type[Exception], str]] = [
        ("", ConfigError, "the name or the file of a model of poses"),
        (tmp_path / "none.safetensors", ModelError, "no such file"),
        (shipped, ModelError, "expected a model of a pose, got one of places"),
    ]
    for model, kind, words in cases:
        with pytest.raises(kind, match=words) as caught:
            load_pose_regressor(model, CPU)
        assert "\n" not in str(caught.value)


def write_map(folder: Path, centres: np.ndarray) -> Path:
    """Views (V, 3) without points."""
    counts = {"P+1": 1, "V": len(centres), "V+1": len(centres) + 1, "D": 128}
    arrays = {
        name: np.zeros([one if isinstance(one, int) else counts.get(one, 0) for one in shape], kind)
        for name, ((kind, *_), shape) in ARRAYS.items()
    }
    arrays["camera_from_map"] = se3.inverse(np.stack([
        se3.make_pose(np.eye(3), centre) for centre in centres
    ]))  # fmt: skip
    names = tuple(f"{view}.png" for view in range(len(centres)))
    camera = Camera("pinhole", 96, 80, 60.0, 60.0, 47.5, 39.5)
    save_map(SemanticMap(Manifest("none"), names, (camera,), **arrays), folder)
    return folder


def test_a_model_of_another_map_is_refused(tmp_path: Path) -> None:
    model = write_pose_model(tmp_path / "here.safetensors")
    options = RetrieverConfig(models=str(model))
    around = np.array([[0.0, -10.0, 1.5], [30.0, 0.0, 1.5]])
    finder = open_finder(write_map(tmp_path / "own", around), options)
    assert len(finder.retrieve(3, IMAGE)) == 1
    beside = write_map(tmp_path / "beside", around + [24.0, 0, 0])  # within three sigma
    open_finder(beside, options)
    with pytest.raises(MapError, match=r"views around 10\.0, -4\.0, 1\.5, where here was trained"):
        open_finder(write_map(tmp_path / "other", around + [26.0, 0, 0]), options)


def test_errors_larger_than_the_map_do_not_make_every_map_the_models() -> None:
    regressor = PoseRegressor(
        Telling([0.0] * 6 + [1.0], dataclasses.replace(ABOUT, spread=(30.0, 40.0) + (0.5,) * 4))
    )
    views = np.tile(np.eye(4), (2, 1, 1))
    views[1, 0, 3] = 80.0
    regressor.check_in_map(views + offset(89.0))
    with pytest.raises(MapError, match="where here was trained, got"):
        regressor.check_in_map(views + offset(91.0))
    views[1, 0, 3] = 1.0  # a small map: one sigma
    regressor.check_in_map(views + offset(59.0))
    with pytest.raises(MapError):
        regressor.check_in_map(views + offset(61.0))


def test_how_far_a_pose_lies_beyond_the_map() -> None:
    regressor = PoseRegressor(Telling([0.0] * 6 + [1.0]))
    far = np.eye(4) + offset(1000.0)
    assert regressor.outside_m(far) == 0.0, "no map was looked at"
    views = np.tile(np.eye(4), (2, 1, 1))
    views[1, :3, 3] = [30.0, 0.0, 0.0]
    regressor.check_in_map(views)
    assert regressor.outside_m(np.eye(4) + offset(44.0)) == 0.0
    assert regressor.outside_m(far) == pytest.approx(1000 - 30 - 15)


def offset(x: float) -> np.ndarray:
    """What moves poses along x."""
    return np.array([[0, 0, 0, x], [0] * 4, [0] * 4, [0] * 4], float)
