"""Objects alone: matches lifted into the map, the pose they give, and when there is none."""

import dataclasses

import numpy as np
import pytest
from picture_room import CAMERA, finds_in, found, frame_of, objects_of, picture, room

from semloc_ros.config import CovarianceConfig, LocalizerConfig, ObjectsConfig
from semloc_ros.errors import InputError
from semloc_ros.geometry import se3
from semloc_ros.geometry.uncertainty import error_vector, nees
from semloc_ros.localization.object_localizer import ObjectLocalizer
from semloc_ros.localization.object_poses import ObjectPoses
from semloc_ros.localization.objects import check_objects, finds_of, lift
from semloc_ros.types import Camera, NoPose, NoPoseReason, PoseEstimate, Prior

ROOM = room()
OBJECTS = objects_of(ROOM)
EYE = (3.2, 4.6, 1.5)


@pytest.fixture
def pose(look):
    """Of a camera that sees the three pictures of the wall y = 0."""
    return look(EYE, (3.0, 0.0, 1.5))


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def localized(detections, objects=OBJECTS, prior=None, camera=CAMERA, **options):
    config = LocalizerConfig(objects=ObjectsConfig(**options))
    return ObjectLocalizer(config).localize(frame_of(lift(detections, objects, 5), camera), prior)


def errors_of(result, pose):
    """Distance (m) and angle (deg) of a pose that was found."""
    assert isinstance(result, PoseEstimate), result
    away, turn = se3.pose_error(se3.inverse(result.camera_from_map), se3.inverse(pose))
    return away, np.degrees(turn)


def around(pose, sigma_m, sigma_rad=0.05):
    """A prior there."""
    return Prior(pose, np.diag(np.repeat([sigma_m, sigma_rad], 3) ** 2))


def test_matches_are_lifted_once_for_each_instance(rng, pose):
    twice = objects_of({**ROOM, "picture 4": [ROOM["picture 4"], ROOM["picture 1"]]})
    detections = finds_in(rng, ROOM, pose, sigma=0.0, outliers=0.0)
    matches = lift(detections, twice, 7)
    assert matches.stamp_ns == 7
    assert [one.name for one in detections] == ["picture 3", "picture 4", "picture 5"]
    rows = np.stack([matches.objects, matches.instances, matches.detections], axis=1)
    assert np.unique(rows, axis=0).tolist() == [[3, 0, 0], [4, 0, 1], [4, 1, 1], [5, 0, 2]]
    right = matches.correspondences.select(matches.instances == 0)
    from_camera = se3.transform(pose, right.points_map)
    pixels = from_camera[:, :2] / from_camera[:, 2:] * 520.0 + (319.5, 239.5)
    np.testing.assert_allclose(pixels, right.points_image, atol=1e-9)
    with pytest.raises(InputError, match="object: expected one of the map's 9, got moon"):
        lift([dataclasses.replace(detections[0], name="moon")], OBJECTS, 5)
    assert len(lift([], OBJECTS, 5)) == 0


def test_what_lies_beyond_the_horizon_of_the_reference_is_left_out(rng, pose):
    slanted = ROOM["picture 4"].copy()
    slanted[3] = (-1.6, 0.0, 1.0)  # the plane of the object runs through the horizon at u = 0.625
    detection = found(rng, "picture 4", ROOM["picture 4"], pose)
    matches = lift([detection], objects_of({"picture 4": slanted}), 5)
    assert 0 < len(matches) < len(detection)
    assert np.isfinite(matches.correspondences.points_map).all()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("points_map", np.nan, "points_map: expected finite"),
        ("sigmas_px", 0.0, "sigmas_px: expected more than 0, got 0"),
        ("instances", -1, "numbers: expected from 0, got -1"),
    ],
)
def test_what_are_no_matches_is_said_in_one_line(rng, pose, name, value, said):
    matches = lift(finds_in(rng, ROOM, pose), OBJECTS, 5)
    check_objects(matches)
    owner = matches if hasattr(matches, name) else matches.correspondences
    getattr(owner, name)[3] = value
    with pytest.raises(InputError, match=said):
        check_objects(matches)
    result = ObjectLocalizer().localize(frame_of(matches))
    assert isinstance(result, NoPose) and said.split(":")[0] in result.detail


def test_matches_without_their_finds_are_none(rng, pose):
    matches = lift(finds_in(rng, ROOM, pose), OBJECTS, 5)
    with pytest.raises(InputError, match="objects: detections: expected .1200,., got .1199,."):
        check_objects(dataclasses.replace(matches, detections=matches.detections[1:]))


def test_matches_of_another_image_and_few_ones_are_not_used(rng, pose):
    detections = finds_in(rng, ROOM, pose)
    result = ObjectLocalizer().localize(frame_of(lift(detections, OBJECTS, 4)))
    assert isinstance(result, NoPose) and "of another one" in result.detail
    result = localized(detections, min_matches=1000)
    assert isinstance(result, NoPose) and result.reason is NoPoseReason.TOO_FEW_MATCHES
    assert isinstance(localized(detections, use=False), NoPose)


def test_without_errors_the_pose_is_exact(rng, pose):
    result = localized(finds_in(rng, ROOM, pose, sigma=1e-9, outliers=0.2))
    away, turn = errors_of(result, pose)
    assert away < 1e-3 and turn < 0.02 and result.method == "objects"
    assert len(result.inliers) == 3 * 4, "of each find no more than are independent"


@pytest.mark.parametrize(
    "camera",
    [
        Camera("radtan", 640, 480, 520.0, 510.0, 330.0, 235.0, (-0.2, 0.05, 0.001, -0.002)),
        Camera("fisheye", 640, 480, 300.0, 300.0, 320.0, 240.0, (0.03, -0.01, 0.002, 0.0)),
    ],
)
def test_lenses_distort(rng, look, camera):
    pose = look((2.0, 3.5, 1.5), (1.0, 0.0, 1.5))
    detections = finds_in(rng, ROOM, pose, sigma=0.3, camera=camera)
    assert len(detections) >= 3
    away, turn = errors_of(localized(detections, camera=camera), pose)
    assert away < 0.06 and turn < 1.0


def test_one_plane_seen_almost_without_perspective_is_ambiguous(rng, look):
    """It has two poses, and each is found; the prior tells which."""
    small = {"stamp": picture((0.0, 2.9, 1.6), (0, 0.28, 0), 0.2)}
    pose = look((3.2, 4.4, 1.5), (0.0, 3.0, 1.5))
    detections = finds_in(rng, small, pose, sigma=0.3)
    objects = objects_of(small)
    config = ObjectsConfig()
    (find,) = finds_of(lift(detections, objects, 5), config, 0)
    both = ObjectPoses(CAMERA, [find], config, 0).poses_of_plane(find.instances[0])
    turns = [np.degrees(se3.pose_error(se3.inverse(one), se3.inverse(pose))[1]) for one in both]
    assert len(both) == 2 and min(turns) < 12.0 < 30.0 < max(turns)
    result = localized(detections, objects)
    assert isinstance(result, NoPose) and result.reason is NoPoseReason.AMBIGUOUS
    assert "fit the objects alike" in result.detail
    for one in both:
        near = localized(detections, objects, around(one, 0.3), min_sigma_px=0.3)
        assert errors_of(near, one)[0] < 0.6


def test_a_second_object_ends_the_ambiguity(rng, look):
    small = {
        "stamp": picture((0.0, 2.9, 1.6), (0, 0.28, 0), 0.2),
        "card": picture((0.6, 2.6, 1.3), (0, 0.25, 0), 0.25),
    }
    pose = look((3.2, 4.4, 1.5), (0.0, 3.0, 1.5))
    detections = finds_in(rng, small, pose, sigma=0.3)
    away, turn = errors_of(localized(detections, objects_of(small)), pose)
    assert len(detections) == 2 and away < 0.3 and turn < 5.0


def test_of_several_instances_the_combination_is_chosen_that_fits(rng, pose):
    """Pictures 3 and 5 are the same print, and so are 4 and two on the other walls."""
    hung = {
        "a": [ROOM["picture 5"], ROOM["picture 3"]],
        "b": [ROOM["picture 1"], ROOM["picture 4"], ROOM["picture 7"]],
    }
    detections = [
        found(rng, "a", ROOM["picture 3"], pose), found(rng, "b", ROOM["picture 4"], pose),
        found(rng, "a", ROOM["picture 5"], pose),
    ]  # fmt: skip
    away, turn = errors_of(localized(detections, objects_of(hung)), pose)
    assert away < 0.15 and turn < 2.5


def test_of_one_find_with_two_instances_the_prior_chooses(rng, look):
    objects = objects_of({"a": [ROOM["picture 1"], ROOM["picture 4"]]})
    pose = look((3.2, 2.9, 1.5), (3.0, 0.0, 1.5))
    detections = [found(rng, "a", ROOM["picture 4"], pose, sigma=0.5)]
    result = localized(detections, objects)
    assert isinstance(result, NoPose) and result.reason is NoPoseReason.AMBIGUOUS
    away, turn = errors_of(localized(detections, objects, around(pose, 0.5)), pose)
    assert away < 0.4 and turn < 6.0
    far = localized(detections, objects, around(se3.exp([9.0, 0, 0, 0, 0, 0]) @ pose, 0.1))
    assert isinstance(far, NoPose) and far.reason is NoPoseReason.AGAINST_PRIOR


@pytest.mark.parametrize("wrong", ["moved", "taken for another"])
def test_one_wrong_find_is_outvoted_by_two_but_not_by_one(rng, pose, wrong):
    detections = finds_in(rng, ROOM, pose)
    hung = dict(ROOM)
    if wrong == "moved":
        hung["picture 4"] = ROOM["picture 4"].copy()
        hung["picture 4"][0, 2] += 0.8
    else:
        detections[1] = dataclasses.replace(detections[1], name="picture 8")
    result = localized(detections, objects_of(hung))
    away, turn = errors_of(result, pose)
    assert away < 0.2 and turn < 3.0 and len(result.inliers) == 8
    result = localized(detections[1:], objects_of(hung))
    assert isinstance(result, NoPose), "one of the two alone may also be too uncertain"
    assert result.reason in (NoPoseReason.AMBIGUOUS, NoPoseReason.TOO_UNCERTAIN)


@pytest.mark.parametrize("share", [0.15, 1.0])
def test_a_find_that_fits_everywhere_supports_no_pose(rng, pose, share):
    """It is as far off as its picture is large, and says so."""
    detections = finds_in(rng, ROOM, pose)
    away = detections[1].points_image + 0.6 * np.ptp(detections[1].points_image, axis=0)
    vague = np.full(len(detections[1]), 200.0)
    detections[1] = dataclasses.replace(detections[1], points_image=away, sigmas_px=vague)
    result = localized(detections, max_error_share=share)
    assert errors_of(result, pose)[0] < 0.2
    assert len(result.inliers) == (8 if share < 1.0 else 12)


def test_nothing_fits_what_is_no_object(rng, pose):
    (detection, *_) = finds_in(rng, ROOM, pose)
    noise = rng.uniform(0, 480, detection.points_image.shape)
    result = localized([dataclasses.replace(detection, points_image=noise)])
    assert isinstance(result, NoPose) and result.reason is NoPoseReason.TOO_FEW_INLIERS
    on_a_line = detection.points_uv * (1.0, 0.0)
    assert isinstance(localized([dataclasses.replace(detection, points_uv=on_a_line)]), NoPose)


def test_covariances_are_honest_though_errors_are_alike(look):
    """Normalized errors have mean 6; here errors are alike over three tenths of a picture."""
    rng = np.random.default_rng(11)
    squared = []
    for _ in range(25):
        eye = rng.uniform((2.0, 3.0, 1.2), (4.0, 5.0, 1.8))
        pose = look(tuple(eye), (*rng.uniform((2, 0), (4, 0.1)), 1.5))
        result = localized(finds_in(rng, ROOM, pose))
        if isinstance(result, PoseEstimate):
            error = error_vector(se3.inverse(result.camera_from_map), se3.inverse(pose))
            squared.append(nees(error, result.covariance))
    assert len(squared) >= 20
    assert 2.0 < np.mean(squared) < 9.0 and np.max(squared) < 45.0


def test_the_same_matches_give_the_same_pose(rng, pose):
    detections = finds_in(rng, ROOM, pose)
    one, other = localized(detections), localized(detections)
    np.testing.assert_array_equal(one.camera_from_map, other.camera_from_map)


def test_beside_features_the_prior_still_counts(rng, pose):
    """Features that leave the pose open follow objects that were moved, but not past the prior."""
    shifted = {name: one.copy() for name, one in ROOM.items()}
    for one in shifted.values():
        one[:3, 2] += (0.4, 0.0, 0.0)
    frame = frame_of(lift(finds_in(rng, ROOM, pose, sigma=0.5), objects_of(shifted), 5))
    localizer = ObjectLocalizer()
    finds, _ = localizer.finds(frame)
    loose = around(pose, 0.3).covariance
    matches = frame.objects.correspondences.select(np.arange(12))
    found = PoseEstimate(5, pose, loose, matches, 12)
    followed = localizer.fused(frame, finds, found)
    assert errors_of(followed, pose)[0] > 0.3
    kept = localizer.fused(frame, finds, found, around(pose, 0.5))
    np.testing.assert_array_equal(kept.camera_from_map, followed.camera_from_map)
    assert localizer.fused(frame, finds, found, around(pose, 0.02, 0.02)) is None


def test_features_and_objects_together_are_no_surer_than_can_be(rng, pose):
    least = CovarianceConfig(least_position_sigma_m=0.05, least_rotation_sigma_deg=1.0)
    frame = frame_of(lift(finds_in(rng, ROOM, pose, sigma=0.1), OBJECTS, 5))
    localizer = ObjectLocalizer(LocalizerConfig(covariance=least))
    matches = frame.objects.correspondences.select(np.arange(12))
    found = PoseEstimate(5, pose, around(pose, 0.06, 0.02).covariance, matches, 12)
    fused = localizer.fused(frame, localizer.finds(frame)[0], found)
    assert fused.method == "pnp+objects"
    position, turn = (fused.covariance[part, part] for part in (slice(3), slice(3, 6)))
    assert 0.05 <= np.sqrt(np.linalg.eigvalsh(position)[0]) * (1 + 1e-9) < 0.06
    assert np.degrees(np.sqrt(np.linalg.eigvalsh(turn)[0])) * (1 + 1e-9) >= 1.0


@pytest.mark.parametrize("row", [0, 39])
def test_of_many_rooms_alike_the_prior_knows_the_one(rng, pose, row):
    """More than are looked at closely, and more than have their poses tried."""
    rooms = {name: [one.copy() for _ in range(40)] for name, one in ROOM.items()}
    for hung in rooms.values():
        for number, one in enumerate(hung):
            one[:3, 2] += np.array([10.0, 7.0, 0.0]) * (number - row)
    detections = finds_in(rng, ROOM, pose, sigma=0.7)
    result = localized(detections, objects_of(rooms), around(pose, 0.3))
    assert errors_of(result, pose)[0] < 0.1
    unsure = localized(detections, objects_of(rooms))
    assert isinstance(unsure, NoPose) and unsure.reason is NoPoseReason.AMBIGUOUS
