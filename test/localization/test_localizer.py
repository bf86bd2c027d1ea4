"""The whole way from an image to a pose, against exact truth, and every way to fail."""

import dataclasses

import numpy as np
import pytest

from semloc_ros.config import GateConfig, LocalizerConfig
from semloc_ros.errors import MapError
from semloc_ros.geometry import se3
from semloc_ros.geometry.uncertainty import error_vector, nees, perturb
from semloc_ros.localization import gate
from semloc_ros.localization.checks import check_prior
from semloc_ros.localization.localizer import Localizer
from semloc_ros.localization.stages import Refused
from semloc_ros.options import from_mapping
from semloc_ros.types import Frame, NoPose, NoPoseReason, PoseEstimate, Prior

EYE, TARGET = (2.7, 2.3, 1.7), (0.7, 0.5, 0.8)


@pytest.fixture(scope="module")
def localizer(corner_map):
    return Localizer(corner_map)


@pytest.fixture(scope="module")
def frame_of(corner, lenses):
    def make(pose, model="pinhole", **changes):
        camera = lenses[model]
        return dataclasses.replace(Frame(7, corner.photograph(camera, pose), camera), **changes)

    return make


@pytest.fixture(scope="module")
def truth(look):
    return look(EYE, TARGET)


@pytest.fixture(scope="module")
def frame(frame_of, truth):
    return frame_of(truth)


def prior_at(pose, sigma_m=0.1, sigma_deg=2.0):
    variances = [sigma_m**2] * 3 + [np.radians(sigma_deg) ** 2] * 3
    return Prior(pose, np.diag(variances))


def displaced(pose, shift_m, turn_deg=0.0):
    error = np.r_[shift_m, 0.0, 0.0, 0.0, 0.0, np.radians(turn_deg)]
    return se3.inverse(perturb(se3.inverse(pose), error))


def assert_near(result, truth, position_m=0.004, rotation_deg=0.08):
    assert isinstance(result, PoseEstimate), result
    distance, angle = se3.pose_error(se3.inverse(result.camera_from_map), se3.inverse(truth))
    assert distance < position_m
    assert np.degrees(angle) < rotation_deg


@pytest.mark.parametrize("model", ["pinhole", "radtan", "fisheye"])
def test_every_camera_model_is_localized(localizer, frame_of, truth, model):
    result = localizer.localize(frame_of(truth, model))
    assert_near(result, truth, 0.008, 0.15)
    error = error_vector(se3.inverse(result.camera_from_map), se3.inverse(truth))
    assert nees(error, result.covariance) < 30  # 99.99 % of honest covariances


def test_an_estimate_carries_its_evidence(localizer, frame):
    result = localizer.localize(frame)
    assert isinstance(result, PoseEstimate)
    assert result.stamp_ns == 7
    assert len(result.inliers) > 100
    assert 0.5 < result.score <= 1.0
    assert len(np.unique(result.inliers.point_ids)) == len(result.inliers)
    assert {"features", "matching", "pnp", "refinement", "covariance"} <= set(result.stage_ms)
    assert np.allclose(result.covariance, result.covariance.T)


def test_a_prior_guides(localizer, frame, truth):
    result = localizer.localize(frame, prior_at(displaced(truth, 0.1, 2.0)))
    assert_near(result, truth)


def test_a_prior_elsewhere_is_answered_by_a_refusal(localizer, frame, truth):
    result = localizer.localize(frame, prior_at(displaced(truth, 1.0)))
    assert isinstance(result, NoPose)
    assert result.reason is NoPoseReason.AGAINST_PRIOR
    assert "m and" in result.detail


def test_the_same_seed_gives_the_same_bits(corner_map, frame):
    first, second = (Localizer(corner_map).localize(frame) for _ in range(2))
    assert np.array_equal(first.camera_from_map, second.camera_from_map)
    assert np.array_equal(first.covariance, second.covariance)


def test_nothing_under_the_mask_is_used(localizer, frame, truth):
    mask = np.zeros((360, 480), np.uint8)
    mask[:, 150:330] = 255
    result = localizer.localize(dataclasses.replace(frame, mask=mask))
    assert_near(result, truth)
    u = result.inliers.points_image[:, 0]
    assert not ((u > 150.5) & (u < 328.5)).any()


def test_another_place_is_not_localized(localizer, frame):
    noise = np.random.default_rng(0).integers(0, 255, frame.image.shape, np.uint8)
    result = localizer.localize(dataclasses.replace(frame, image=noise))
    assert isinstance(result, NoPose)
    assert result.reason in (NoPoseReason.TOO_FEW_MATCHES, NoPoseReason.TOO_FEW_INLIERS)
    assert "need 15" in result.detail


BAD_IMAGES = {
    "empty": (np.zeros((0, 0), np.uint8), "at least one pixel"),
    "black": (np.zeros((360, 480), np.uint8), "some contrast"),
    "16 bits": (np.zeros((360, 480), np.uint16), "uint16"),
    "float": (np.zeros((360, 480), np.float32), "float32"),
    "size": (np.tile(np.arange(200, dtype=np.uint8), (100, 1)), "480x360"),
    "four channels": (np.zeros((360, 480, 4), np.uint8), "(360, 480, 4)"),
}


@pytest.mark.parametrize("name", BAD_IMAGES)
def test_a_bad_image_is_a_value_with_one_line(localizer, frame, name):
    image, complaint = BAD_IMAGES[name]
    result = localizer.localize(dataclasses.replace(frame, image=image))
    assert isinstance(result, NoPose)
    assert result.reason is NoPoseReason.BAD_IMAGE
    assert complaint in result.detail
    assert "\n" not in result.detail


def test_a_mask_of_another_shape_is_a_bad_image(localizer, frame):
    result = localizer.localize(dataclasses.replace(frame, mask=np.zeros((10, 10), np.uint8)))
    assert isinstance(result, NoPose)
    assert (result.reason, result.detail[:5]) == (NoPoseReason.BAD_IMAGE, "mask:")


def test_a_camera_without_focal_length_is_a_bad_camera(localizer, frame):
    camera = dataclasses.replace(frame.camera, fx=0.0)
    result = localizer.localize(dataclasses.replace(frame, camera=camera))
    assert isinstance(result, NoPose)
    assert result.reason is NoPoseReason.BAD_CAMERA
    assert "focal" in result.detail


@pytest.mark.parametrize("spoil", ["pose", "covariance", "indefinite", "shape"])
def test_a_bad_prior_is_a_value(localizer, frame, truth, spoil):
    good = prior_at(truth)
    bad = {
        "pose": Prior(np.full((4, 4), np.nan), good.covariance),
        "covariance": Prior(truth, np.full((6, 6), np.nan)),
        "indefinite": Prior(truth, -np.eye(6)),
        "shape": Prior(truth, np.eye(3)),
    }[spoil]
    result = localizer.localize(frame, bad)
    assert isinstance(result, NoPose)
    assert result.reason is NoPoseReason.BAD_PRIOR
    assert "prior" in result.detail


@pytest.mark.parametrize("axis", range(6))
def test_a_prior_with_rounded_eigenvalues_is_taken(localizer, frame, truth, axis):
    variances = np.full(6, 0.01)
    variances[axis] = -5e-10
    prior = Prior(truth, np.diag(variances))
    check_prior(prior)
    gate.check_prior(truth, np.eye(6) * 1e-12, prior, GateConfig())
    result = localizer.localize(frame, prior)
    if isinstance(result, NoPose):  # said to be known exactly, the pose may lie outside
        assert result.reason is NoPoseReason.AGAINST_PRIOR


def test_a_prior_without_a_distance_is_a_bad_prior(truth):
    prior = Prior(truth, np.full((6, 6), 1e12))  # far from any pose's, and of rank one
    with pytest.raises(Refused) as refusal:
        gate.check_prior(truth, np.eye(6) * 1e-12, prior, GateConfig())
    assert refusal.value.reason is NoPoseReason.BAD_PRIOR


def test_a_map_must_say_how_sure_it_is(corner_map, frame, monkeypatch):
    refinement = {"position_rms_m": [float("nan")] * 3, "rotation_rms_deg": [0.1] * 3}
    said = {"refine": {"position_sigma_m": 0.01, "rotation_sigma_deg": 0.5}}
    build = {"refinement": refinement, "options": said}
    manifest = dataclasses.replace(corner_map.manifest, build=build)
    with pytest.raises(MapError, match="map: expected finite variances"):
        Localizer(dataclasses.replace(corner_map, manifest=manifest))
    localizer = Localizer(corner_map)
    monkeypatch.setattr(localizer, "_mapping_covariance", np.full((6, 6), np.nan))
    result = localizer.localize(frame)
    assert isinstance(result, NoPose)
    assert result.reason is NoPoseReason.DEGENERATE


@pytest.mark.parametrize("seed", [0, 2**31 - 1])
def test_seeds_from_end_to_end_of_their_range(corner_map, frame, truth, seed):
    config = from_mapping(LocalizerConfig, {"seed": seed})
    assert_near(Localizer(corner_map, config).localize(frame), truth)


def test_maps_of_other_features_are_refused(corner_map):
    manifest = dataclasses.replace(corner_map.manifest, feature_model="aliked")
    with pytest.raises(MapError, match="expected rootsift, got aliked"):
        Localizer(dataclasses.replace(corner_map, manifest=manifest))


def test_too_few_features(corner_map, frame):
    config = LocalizerConfig()
    config = dataclasses.replace(
        config, features=dataclasses.replace(config.features, contrast_threshold=0.9)
    )
    result = Localizer(corner_map, config).localize(frame)
    assert isinstance(result, NoPose)
    assert result.reason is NoPoseReason.TOO_FEW_FEATURES
