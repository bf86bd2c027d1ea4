"""What labels and gravity change in the localizer, and that they never stand in its way."""

import dataclasses

import numpy as np
import pytest

from semloc_ros.config import LocalizerConfig
from semloc_ros.geometry import cameras, se3
from semloc_ros.localization.localizer import Localizer
from semloc_ros.localization.match_filters import usable_labels
from semloc_ros.localization.reports import values_of
from semloc_ros.localization.semantics import load_semantics
from semloc_ros.options import from_mapping
from semloc_ros.types import Correspondences, Frame, NoPose, NoPoseReason, PoseEstimate, Prior

EYE, TARGET = (2.7, 2.3, 1.7), (0.7, 0.5, 0.8)
LABELS = 9
DOWN = np.array([0.0, 0.0, -1.0])
QUICK = {"gsmc.angles": 36, "gsmc.coarse_points": 256}


@pytest.fixture(scope="module")
def truth(look):
    return look(EYE, TARGET)


@pytest.fixture(scope="module")
def labelled_map(corner, corner_map):
    labels = corner.labels_of(corner_map.points_map)
    votes = np.zeros((corner_map.num_points, LABELS), np.uint16)
    known = np.flatnonzero(labels < LABELS)
    votes[known, labels[known]] = 3
    stays = np.ones(LABELS, np.bool_)
    return dataclasses.replace(corner_map, label_histogram=votes, label_stationary=stays)


@pytest.fixture(scope="module")
def localizer_by(labelled_map, semantics):
    made = {}

    def make(method, **changes):
        """One localizer for each choice of options besides the method."""
        key = str(changes)
        if key not in made:
            config = from_mapping(LocalizerConfig, changes)
            made[key] = Localizer(labelled_map, config, semantics)
        made[key].method = method
        return made[key]

    return make


@pytest.fixture(scope="module")
def semantics(labelled_map):
    return load_semantics(labelled_map, LocalizerConfig().filter, 0)


@pytest.fixture(scope="module")
def frame(corner, lenses, truth):
    camera = lenses["pinhole"]
    image, labels = corner.photograph(camera, truth), corner.label_map(camera, truth)
    return Frame(7, image, camera, None, labels, truth[:3, :3] @ DOWN)


def position_error(result, truth):
    assert isinstance(result, PoseEstimate), result
    return se3.pose_error(se3.inverse(result.camera_from_map), se3.inverse(truth))[0]


def with_wrong_labels(frame):
    """Each label another, the unknown as they were."""
    known = frame.labels < LABELS
    labels = np.where(known, (frame.labels + 4) % LABELS, frame.labels).astype(np.uint8)
    return dataclasses.replace(frame, labels=labels)


def offer_matches(localizer, monkeypatch, frame, truth, right, wrong):
    """Let the localizer's whole-map matching give so many right and wrong matches, in any order;
    the wrong ones between pixels and points of any labels."""
    rng = np.random.default_rng(5)
    points = np.asarray(localizer._matcher._map.points_map)
    pixels, seen = cameras.project(frame.camera, se3.transform(truth, points))
    rows = np.flatnonzero(seen & cameras.inside_image(frame.camera, pixels))
    chosen = rng.choice(rows, right + wrong, replace=False)
    at = pixels[chosen] + rng.normal(0, 0.5, (len(chosen), 2))
    at[right:] = rng.uniform((0, 0), (479, 359), (wrong, 2))
    ones = np.ones(len(chosen))
    order = rng.permutation(len(chosen))
    matches = Correspondences(at, points[chosen], ones, 0.9 * ones, chosen).select(order)
    monkeypatch.setattr(localizer._matcher, "match_map", lambda *args: matches)


@pytest.mark.parametrize("method", ["ssmc", "pfsl", "auto"])
def test_matches_of_other_labels_are_dropped(localizer_by, frame, truth, method):
    result = localizer_by(method).localize(frame)
    assert position_error(result, truth) < 0.004
    assert (result.method, result.detail) == ("ssmc", "")
    assert result.labels_agree > 0.95
    assert "labels" in result.stage_ms
    plain = localizer_by("pnp").localize(frame)
    assert plain.method == "pnp" and plain.labels_agree is None
    assert len(result.inliers) <= len(plain.inliers)


def test_inliers_have_the_label_of_their_point(localizer_by, corner, frame):
    labels = frame.labels.copy()
    labels[:, :240] = (labels[:, :240] + 1) % LABELS  # wrong on the left half
    result = localizer_by("ssmc").localize(dataclasses.replace(frame, labels=labels))
    assert isinstance(result, PoseEstimate)
    u, v = np.rint(result.inliers.points_image).astype(int).T
    known = labels[v, u] < LABELS
    assert (labels[v, u] == corner.labels_of(result.inliers.points_map))[known].all()
    assert 0.2 < result.labels_agree < 0.8  # of all that fit the pose


def test_wrong_labels_stop_ssmc_but_not_auto(localizer_by, frame):
    wrong = with_wrong_labels(frame)
    refused = localizer_by("ssmc").localize(wrong)
    assert isinstance(refused, NoPose)
    assert refused.reason in (NoPoseReason.TOO_FEW_MATCHES, NoPoseReason.TOO_FEW_INLIERS)
    found, plain = (localizer_by(method).localize(wrong) for method in ("auto", "pnp"))
    assert found.method == "pnp" and found.labels_agree < 0.1
    assert np.allclose(found.camera_from_map, plain.camera_from_map, atol=1e-4)
    assert len(found.inliers) == pytest.approx(len(plain.inliers), rel=0.02)


def test_labels_that_mostly_disagree_do_not_outvote_the_features(localizer_by, frame, truth):
    rng = np.random.default_rng(0)
    spoilt = rng.random((45, 60)).repeat(8, 0).repeat(8, 1) < 0.75
    labels = np.where(spoilt, with_wrong_labels(frame).labels, frame.labels)
    result = localizer_by("auto").localize(dataclasses.replace(frame, labels=labels))
    assert position_error(result, truth) < 0.004
    assert result.method == "pnp" and 0.1 < result.labels_agree < 0.5


@pytest.mark.parametrize("sampler, right, tries", [("ordered", 24, 300), ("weighted", 40, 600)])
def test_gsmc_finds_what_sampling_does_not(
    localizer_by, monkeypatch, frame, truth, sampler, right, tries
):
    options = {"gsmc.sampler": sampler, "gsmc.coarse_points": 512, "pnp.max_iterations": tries}
    localizer = localizer_by("pnp", **options)
    offer_matches(localizer, monkeypatch, frame, truth, right, wrong=500)
    assert isinstance(localizer.localize(frame), NoPose)
    localizer.method = "gsmc"
    result = localizer.localize(frame)
    assert position_error(result, truth) < 0.004
    assert result.method == "gsmc" and "gsmc" in result.stage_ms


@pytest.mark.parametrize("method", ["ssmc", "gsmc"])
def test_with_labels_fewer_inliers_are_enough(localizer_by, monkeypatch, frame, truth, method):
    localizer = localizer_by("pnp", seed=3, **QUICK)
    offer_matches(localizer, monkeypatch, frame, truth, right=12, wrong=60)
    assert isinstance(localizer.localize(frame), NoPose)
    localizer.method = method
    assert position_error(localizer.localize(frame), truth) < 0.004
    assert isinstance(localizer.localize(with_wrong_labels(frame)), NoPose)


def test_gsmc_needs_gravity_and_a_prior_gives_it(localizer_by, frame, truth):
    unknown = dataclasses.replace(frame, down_camera=None)
    localizer = localizer_by("gsmc", **QUICK)
    refused = localizer.localize(unknown)
    assert isinstance(refused, NoPose)
    assert refused.reason is NoPoseReason.NO_GRAVITY
    assert "gravity" in refused.detail and "\n" not in refused.detail
    prior = Prior(truth, np.diag([0.01] * 3 + [0.001] * 3))
    assert position_error(localizer.localize(unknown, prior), truth) < 0.004
    localizer.method = "auto"
    assert position_error(localizer.localize(unknown), truth) < 0.004


@pytest.mark.parametrize("labels, said", [
    (None, "no labels of the image"),
    (np.zeros((10, 20), np.uint8), "480x360 as its camera, got 20x10"),
    (np.full((360, 480), LABELS, np.uint8), "labels below 9 as the map's, or 255, got 9"),
    (np.full((360, 480), 300, np.uint16), "labels below 9 as the map's, or 65535, got 300"),
    (np.zeros((360, 480), np.float32), "(H, W) of 8 or 16 bits"),
])  # fmt: skip
def test_labels_that_cannot_be_used_are_said(semantics, frame, labels, said):
    usable, why = usable_labels(dataclasses.replace(frame, labels=labels), semantics)
    assert usable is None
    assert said in why and "\n" not in why


@pytest.mark.parametrize("method", ["ssmc", "gsmc", "auto"])
def test_unusable_labels_do_not_stop_a_frame(localizer_by, frame, truth, method):
    small = dataclasses.replace(frame, labels=np.zeros((10, 20), np.uint8))
    result = localizer_by(method).localize(small)
    assert position_error(result, truth) < 0.004
    assert result.method == "pnp" and "got 20x10" in result.detail
    assert values_of(result)["detail"] == result.detail


def test_a_map_without_labels_is_a_detail(corner_map, frame, truth):
    localizer = Localizer(corner_map)
    result = localizer.localize(frame)
    assert position_error(result, truth) < 0.004
    assert "semloc map label" in result.detail


def test_auto_takes_what_is_there_and_does_not_miss_the_rest(localizer_by, frame):
    unlabelled = dataclasses.replace(frame, labels=None)
    assert localizer_by("auto").localize(unlabelled).detail == ""
    assert localizer_by("ssmc").localize(unlabelled).detail == "no labels of the image"


@pytest.mark.parametrize("method", ["gsmc", "auto"])
@pytest.mark.parametrize("spoil", ["noise", "nothing known", "no gravity", "nan gravity"])
def test_no_method_raises(localizer_by, frame, method, spoil):
    noise = np.random.default_rng(0).integers(0, 255, frame.image.shape, np.uint8)
    spoilt = {
        "noise": {"image": noise},
        "nothing known": {"labels": np.full((360, 480), 255, np.uint8)},
        "no gravity": {"image": noise, "down_camera": np.zeros(3)},
        "nan gravity": {"image": noise, "down_camera": np.full(3, np.nan)},
    }[spoil]
    localizer = localizer_by(method, **QUICK)
    result = localizer.localize(dataclasses.replace(frame, **spoilt))
    if spoil == "nothing known":
        assert isinstance(result, PoseEstimate) and result.labels_agree is None
    else:
        assert isinstance(result, NoPose)


def test_what_was_done_is_published(localizer_by, frame):
    found = values_of(localizer_by("auto").localize(frame))
    assert found["found_by"] == "ssmc" and found["labels_agree"] > 0.95
    assert found["labels_ms"] > 0
    nothing = values_of(NoPose(7, NoPoseReason.TOO_FEW_INLIERS, ""))
    assert (nothing["found_by"], nothing["labels_agree"]) == ("", None)
