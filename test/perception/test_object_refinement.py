"""Matches of a find, moved onto a homography and onto the pixels: what it gains, what is left
out, and when it is not believed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from planar import corner_error, image_from_corners, image_of, picture

from semloc_ros.config import ObjectRefinementConfig
from semloc_ros.geometry import homographies
from semloc_ros.maps.objects import ObjectOfInterest
from semloc_ros.perception import object_refinement
from semloc_ros.perception.object_refinement import (
    Reference,
    by_pixels,
    homography_of,
    on_homography,
    reference_of,
    view_of,
)
from semloc_ros.perception.photometric import Aligned
from semloc_ros.types import ObjectDetection

TRUTH = image_from_corners(np.array([[60.0, 40], [250, 60], [235, 190], [70, 205]]))
CONFIG = ObjectRefinementConfig()


def regressed(count: int = 300, astray: float = 4.0, wrong: float = 0.1) -> ObjectDetection:
    """As a network matches: neighbours err alike, and some matches are nonsense."""
    rng = np.random.default_rng(1)
    points_uv = rng.uniform(size=(count, 2))
    warp = rng.normal(0.0, 0.5 * astray, (2, 2))
    pixels = homographies.apply(TRUTH, points_uv) + astray * np.array([0.6, -0.4])
    pixels += (points_uv - 0.5) @ warp + rng.normal(0.0, 0.5 * astray, pixels.shape)
    nonsense = rng.uniform(size=count) < wrong
    pixels[nonsense] = rng.uniform(0.0, 200.0, (int(nonsense.sum()), 2))
    box = np.array([60.0, 40, 250, 205])
    return ObjectDetection(
        "poster", 0.9, box, pixels, points_uv, np.full(count, astray), np.full(count, 0.9)
    )


def reference(mask: np.ndarray | None = None) -> Reference:
    whole = np.full((240, 320), 255, np.uint8) if mask is None else mask
    return reference_of(ObjectOfInterest("poster", picture(), whole, ()))


def rms(find: ObjectDetection) -> float:
    errors = homographies.apply(TRUTH, find.points_uv) - find.points_image
    return float(np.sqrt(np.mean(errors**2)))


def start() -> np.ndarray:
    found = homography_of(regressed(), CONFIG)
    assert found is not None
    return found[0]


def test_the_homography_leaves_nonsense_out_and_smooths() -> None:
    find = regressed(astray=1.5)
    image_from_uv, inliers = homography_of(find, CONFIG)
    moved = on_homography(find, image_from_uv, inliers)
    kept = ("points_image", "points_uv", "sigmas_px", "scores")
    before = replace(find, **{name: getattr(find, name)[inliers] for name in kept})
    assert len(moved) == inliers.sum() < 0.95 * len(find)
    assert rms(moved) < 0.85 * rms(before)
    np.testing.assert_allclose(
        homographies.apply(image_from_uv, moved.points_uv), moved.points_image, atol=1e-6
    )
    assert (moved.sigmas_px <= 1.5).all()


@pytest.mark.parametrize("said", [1.0, 4.0, 8.0])
def test_what_matches_have_in_common_a_homography_does_not_take_away(said: float) -> None:
    """They are 3 px off together, and each 2 px by itself."""
    find = replace(regressed(astray=4.0, wrong=0.0), sigmas_px=np.full(300, said))
    moved = on_homography(find, *homography_of(find, CONFIG))
    shown = rms(moved) / float(np.median(moved.sigmas_px))
    assert shown < {1.0: 1.8, 4.0: 1.1, 8.0: 0.6}[said]


def test_pixels_bring_matches_from_pixels_to_a_tenth() -> None:
    find = regressed()
    view = view_of(image_of(picture(), TRUTH))
    assert corner_error(start(), TRUTH) > 2.0
    better = by_pixels(find, start(), view, reference(), CONFIG, 400)
    assert rms(better) < 0.1
    assert 200 < len(better) <= 400
    assert rms(better) < 3.0 * better.sigmas_px[0] < 1.0
    assert (better.scores > 0.6).all() and better.score == find.score


def test_behind_somebody_there_are_no_matches() -> None:
    image = image_of(picture(), TRUTH)
    image[:, 100:150] = picture(7)[:, 100:150]
    better = by_pixels(regressed(), start(), view_of(image), reference(), CONFIG, 400)
    hidden = (better.points_image[:, 0] > 108) & (better.points_image[:, 0] < 142)
    assert rms(better) < 0.3
    assert hidden.sum() < 0.1 * len(better)


def test_masked_pixels_are_dropped() -> None:
    mask = np.zeros((240, 320), np.uint8)
    mask[:120] = 255
    view = view_of(image_of(picture(), TRUTH), mask)
    better = by_pixels(regressed(), start(), view, reference(), CONFIG, 400)
    assert (better.points_image[:, 1] > 119).all() and len(better) > 50


def test_beside_the_object_there_are_no_matches() -> None:
    mask = np.full((240, 320), 255, np.uint8)
    mask[:, :160] = 0
    better = by_pixels(
        regressed(), start(), view_of(image_of(picture(), TRUTH)), reference(mask), CONFIG, 400
    )
    assert (better.points_uv[:, 0] > 0.5).all() and rms(better) < 0.2


@pytest.mark.parametrize("shown", [5, 6])
def test_another_picture_there_is_not_believed(shown: int) -> None:
    view = view_of(image_of(picture(shown), TRUTH))
    found = by_pixels(regressed(), start(), view, reference(), CONFIG, 400)
    assert found is not None and len(found) == 0


def test_where_too_little_is_seen_pixels_say_nothing() -> None:
    mask = np.full((240, 320), 255, np.uint8)
    mask[:60, :100] = 0
    view = view_of(image_of(picture(), TRUTH), mask)
    assert by_pixels(regressed(), start(), view, reference(), CONFIG, 400) is None


@pytest.mark.parametrize(
    ("agree", "of", "told"),
    [(0, 3, "no"), (1, 8, "no"), (2, 9, "no"), (1, 3, "nothing"), (2, 3, "nothing"),
     (4, 12, "nothing"), (5, 6, "yes"), (4, 16, "nothing"), (5, 16, "yes"), (3, 13, "no")],
)  # fmt: skip
def test_few_cells_that_agree_decide_nothing(
    agree: int, of: int, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a quarter of the cells, but fewer than five, pixels neither confirm nor contradict."""
    cells = np.full((4, 4), np.nan)
    cells.flat[:of] = 0.1
    cells.flat[:agree] = 0.9
    aligned = Aligned(TRUTH, cells, 0.1, 0.3, 0.5)
    monkeypatch.setattr(object_refinement, "align", lambda *_: aligned)
    view = view_of(np.zeros((240, 320), np.uint8))
    better = by_pixels(regressed(), TRUTH, view, reference(), CONFIG, 400)
    found = "nothing" if better is None else "yes" if len(better) else "no"
    assert found == told


def test_too_few_matches_have_no_homography() -> None:
    assert homography_of(regressed(7, wrong=0.0), CONFIG) is None
