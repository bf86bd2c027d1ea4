"""Local features of a find and of its reference image: in the box, and turned to it."""

from __future__ import annotations

from unittest import mock

import cv2
import numpy as np
from planar import corner_error, image_from_corners, image_of, picture

from semloc_ros.config import ObjectFeaturesConfig, ObjectRefinementConfig
from semloc_ros.geometry import homographies
from semloc_ros.maps.objects import ObjectOfInterest
from semloc_ros.perception.object_features import FeatureMatcher
from semloc_ros.perception.object_refinement import homography_of, reference_of, view_of
from semloc_ros.types import FloatArray, ObjectDetection

TRUTH = image_from_corners(np.array([[60.0, 40], [250, 60], [235, 190], [70, 205]]))
STEEP = image_from_corners(np.array([[90.0, 20], [160, 70], [160, 170], [90, 225]]))
REFINEMENT = ObjectRefinementConfig()
MATCHER = FeatureMatcher(ObjectFeaturesConfig(), REFINEMENT)
REFERENCE = reference_of(
    ObjectOfInterest("poster", picture(), np.full((240, 320), 255, np.uint8), ())
)


def find(box: tuple[float, float, float, float] = (60, 40, 250, 205)) -> ObjectDetection:
    none = np.empty((0, 2))
    return ObjectDetection(
        "poster", 0.9, np.array(box, float), none, none, np.empty(0), np.empty(0)
    )


def matched(
    image: np.ndarray, start: FloatArray | None = None, mask: np.ndarray | None = None, **box
) -> ObjectDetection | None:
    return MATCHER.match(find(**box), view_of(image, mask), REFERENCE, start)


def fitted_error(found: ObjectDetection, truth: FloatArray) -> float:
    return corner_error(homography_of(found, REFINEMENT)[0], truth)


def test_features_of_the_box_give_the_homography() -> None:
    found = matched(image_of(picture(), TRUTH))
    assert len(found) > 30 and fitted_error(found, TRUTH) < 0.5
    errors = homographies.apply(TRUTH, found.points_uv) - found.points_image
    assert np.sqrt(np.mean((errors / found.sigmas_px[:, None]) ** 2)) < 1.5


def test_where_it_lies_is_a_help_on_the_slant() -> None:
    image = image_of(picture(), STEEP)
    rough = STEEP + np.array([[2.0, -2, 3], [3, 2, -3], [0, 0, 0]])
    boxed, turned = matched(image, box=(90, 20, 160, 225)), matched(image, rough)
    assert turned is not None and fitted_error(turned, STEEP) < 0.7
    assert boxed is None or len(turned) >= len(boxed)


def test_a_start_that_is_wrong_is_made_up_for() -> None:
    astray = image_from_corners(np.array([[5.0, 5], [60, 5], [60, 60], [5, 60]]))
    assert fitted_error(matched(image_of(picture(), TRUTH), astray), TRUTH) < 0.5


def test_masked_features_are_not_asked() -> None:
    mask = np.zeros((240, 320), np.uint8)
    mask[:, :150] = 255
    found = matched(image_of(picture(), TRUTH), mask=mask)
    assert (found.points_image[:, 0] > 149).all() and len(found) > 10


def test_another_picture_does_not_match() -> None:
    assert matched(image_of(picture(5), TRUTH)) is None
    assert matched(image_of(picture(5), TRUTH), TRUTH) is None


def test_nothing_to_see_does_not_match() -> None:
    assert matched(np.full((240, 320, 3), 90, np.uint8)) is None


def test_a_box_beyond_the_image_is_cut() -> None:
    found = matched(image_of(picture(), TRUTH), box=(-50.0, -50.0, 500.0, 400.0))
    assert fitted_error(found, TRUTH) < 0.5


def test_a_large_reference_image_is_taken_as_large_as_the_object_looks() -> None:
    """Features of a poster photographed from near would not be seen from afar."""
    large = cv2.resize(picture(), (1920, 1440), interpolation=cv2.INTER_CUBIC)
    whole = np.full(large.shape[:2], 255, np.uint8)
    reference = reference_of(ObjectOfInterest("large", large, whole, ()))
    matcher = FeatureMatcher(ObjectFeaturesConfig(), REFINEMENT)
    view = view_of(image_of(picture(), TRUTH))
    for start in (None, TRUTH):
        with mock.patch.object(matcher._sift, "extract", wraps=matcher._sift.extract) as extract:
            found = matcher.match(find(), view, reference, start)
        assert len(found) > 30 and fitted_error(found, TRUTH) < 0.5
        assert max(call.args[0].size for call in extract.call_args_list) <= 4 * 190 * 165


def test_a_start_that_is_right_is_not_turned_to_twice() -> None:
    view = view_of(image_of(picture(), TRUTH))
    with mock.patch("cv2.warpPerspective", wraps=cv2.warpPerspective) as warp:
        MATCHER.match(find(), view, REFERENCE, TRUTH)
        once = warp.call_count
        MATCHER.match(find(), view, REFERENCE, TRUTH + [[0, 0, 15], [0, 0, 0], [0, 0, 0]])
    assert warp.call_count == 3 * once
