"""From an image to finds with matches: what the network says, local features, and both made
better; masks, thresholds, names, and options that do not fit."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from planar import image_from_corners, image_of, picture
from pretended_network import PretendedBackend

from semloc_ros.config import ObjectMatcherConfig
from semloc_ros.errors import ConfigError, InputError, ModelError
from semloc_ros.geometry import cameras, homographies
from semloc_ros.maps.objects import MapObjects, ObjectInstance, ObjectOfInterest
from semloc_ros.networks.object_inputs import ObjectFinds
from semloc_ros.perception import objects
from semloc_ros.perception.objects import ObjectMatcher, load_object_matcher, uv_of_points
from semloc_ros.types import Camera, ObjectDetection

SIZE = (240, 320)
LIES = {
    "boat": image_from_corners(np.array([[20.0, 40], [150, 60], [145, 170], [25, 185]])),
    "queen": image_from_corners(np.array([[190.0, 70], [300, 50], [295, 200], [185, 180]])),
}
HUNG = ObjectInstance(np.array([[2.0, 0, 1], [0, 0, 5], [0, -1.5, 2], [0.1, 0, 1]]))


def known(*names: str) -> MapObjects:
    whole = np.full(SIZE, 255, np.uint8)
    return MapObjects(tuple(
        ObjectOfInterest(name, picture(row), whole, (HUNG,)) for row, name in enumerate(names)
    ))  # fmt: skip


@cache
def room() -> np.ndarray:
    shown = [image_of(picture(row), lies) for row, lies in enumerate(LIES.values())]
    image = shown[0].copy()
    image[:, 170:] = shown[1][:, 170:]
    return image


def finds(mask: np.ndarray | None = None, **options) -> dict[str, ObjectDetection]:
    config = ObjectMatcherConfig(**options)
    matcher = ObjectMatcher(PretendedBackend(LIES, 240), known(*LIES), config)
    return {one.name: one for one in matcher.find(room(), mask)}


def errors(find: ObjectDetection) -> np.ndarray:
    return homographies.apply(LIES[find.name], find.points_uv) - find.points_image


def rms(find: ObjectDetection) -> float:
    return float(np.sqrt(np.mean(errors(find) ** 2)))


def test_matches_are_those_of_the_network() -> None:
    found = finds(refine="none")
    assert list(found) == ["boat", "queen"]
    for one in found.values():
        assert 200 < len(one) <= 500
        assert 1.0 < rms(one) < 4.0 and rms(one) < 2.0 * np.median(one.sigmas_px)
        np.testing.assert_array_equal(one.points_image, np.rint(one.points_image))
    np.testing.assert_allclose(found["boat"].box, [20, 40, 150, 185], atol=0.01)


@pytest.mark.parametrize(
    ("matcher", "refine", "within"),
    [("regression", "photometric", 0.15), ("features", "none", 0.8),
     ("features", "photometric", 0.3)],
)  # fmt: skip
def test_what_is_asked_for_makes_it_better(matcher: str, refine: str, within: float) -> None:
    for one in finds(matcher=matcher, refine=refine).values():
        assert rms(one) < within and len(one) >= 20
        assert ((one.scores >= 0) & (one.scores <= 1)).all()


def test_a_homography_smooths_what_the_network_says() -> None:
    plain, smooth = finds(refine="none"), finds(refine="homography")
    for name, one in smooth.items():
        assert np.std(errors(one), axis=0).max() < 0.5 * np.std(errors(plain[name]), axis=0).max()


@pytest.mark.parametrize(
    ("matcher", "refine"),
    [("regression", "none"), ("regression", "photometric"), ("features", "homography")],
)
def test_masked_pixels_have_no_matches(matcher: str, refine: str) -> None:
    mask = np.zeros(SIZE, np.uint8)
    mask[:, 170:] = 255
    mask[:100] = 255
    found = finds(mask, matcher=matcher, refine=refine)
    assert list(found) == ["boat"]
    assert found["boat"].points_image[:, 1].min() > 99


def test_uncertain_finds_are_none() -> None:
    backend = PretendedBackend(LIES, 240, scores=(0.49, 0.5))
    matcher = ObjectMatcher(backend, known(*LIES), ObjectMatcherConfig(refine="none"))
    assert [one.name for one in matcher.find(room())] == ["queen"]


@pytest.mark.parametrize(("count", "found"), [(1, []), (3, []), (4, ["boat", "queen"])])
def test_few_matches_are_no_find_and_cost_the_others_nothing(count: int, found: list[str]) -> None:
    """Of the boat some pixels are seen, on a line."""
    mask = np.zeros(SIZE, np.uint8)
    mask[:, :170] = 255
    mask[100, 60 : 60 + count] = 0
    kept = finds(mask, refine="none", points=100_000)
    assert list(kept) == (found or ["queen"])
    sigmas = np.concatenate([one.sigmas_px for one in kept.values()])
    assert sigmas.min() > 0 and sigmas.max() <= np.hypot(*SIZE) * 1.001


def of_scores(*scores: float, lies: dict[str, np.ndarray] = LIES, **options) -> list[str]:
    """Names of what is found if the network has these scores for the objects."""
    backend = PretendedBackend(lies, 240, scores=scores)
    matcher = ObjectMatcher(backend, known(*lies), ObjectMatcherConfig(**options))
    return [one.name for one in matcher.find(room())]


@pytest.mark.parametrize("options", [{"matcher": "features", "refine": "none"}, {}])
def test_what_features_or_pixels_confirm_needs_little_of_a_score(options: dict[str, str]) -> None:
    assert of_scores(0.9, 0.16, **options) == ["boat", "queen"]
    assert of_scores(0.9, 0.14, **options) == ["boat"]
    assert of_scores(0.9, 0.16, doubtful=0, **options) == ["boat"]
    assert of_scores(0.9, 0.16, refine="homography") == ["boat"]


SWAPPED = {"boat": LIES["queen"], "queen": LIES["boat"]}


def test_pixels_and_features_veto_what_the_network_is_sure_of() -> None:
    assert of_scores(0.9, 0.8, lies=SWAPPED, refine="homography") == ["boat", "queen"]
    for options in ({}, {"matcher": "features"}):
        assert of_scores(0.9, 0.8, lies=SWAPPED, **options) == []


def test_at_one_place_there_is_one_object() -> None:
    """Two names for one box: the better score counts, or what pixels say."""
    there = {"boat": LIES["queen"], "queen": LIES["queen"]}
    assert of_scores(0.9, 0.8, lies=there, refine="none") == ["boat"]
    assert of_scores(0.9, 0.8, lies=there, refine="none", overlap=1.0) == ["boat", "queen"]
    assert of_scores(0.9, 0.8, lies=there) == ["queen"]
    assert of_scores(0.9, 0.3, lies=there, matcher="features") == ["queen"]


class SeesParts(PretendedBackend):
    """Finds all objects twice: the first time only what is left of column `end`."""

    def __init__(self, end: float) -> None:
        super().__init__(LIES, 240)
        self._end = end

    def find(self, images: np.ndarray) -> ObjectFinds:
        whole = super().find(images)
        part = whole.boxes.copy()
        part[:, 2] = np.minimum(part[:, 2], part[:, 0] + self._end)
        boxes = np.concatenate([part, whole.boxes])
        twice = {
            name: np.concatenate([getattr(whole, name)] * 2)
            for name in ("labels", "windows", "masks", "values", "sigmas")
        }
        return ObjectFinds(boxes=boxes, scores=np.repeat(np.float32([0.9, 0.8]), 2), **twice)


@pytest.mark.parametrize("end", [30.0, 90.0])
def test_a_part_of_an_object_is_no_second_one(end: float) -> None:
    matcher = ObjectMatcher(SeesParts(end), known(*LIES), ObjectMatcherConfig())
    assert sorted(one.name for one in matcher.find(room())) == ["boat", "queen"]


def test_images_of_another_size_are_brought_to_the_networks() -> None:
    halved = {name: np.diag([0.5, 0.5, 1]) @ (np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]]) @ one)
              for name, one in LIES.items()}  # fmt: skip
    halved = {name: np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]]) @ one
              for name, one in halved.items()}  # fmt: skip
    backend = PretendedBackend(halved, 120, astray=0.0, sigma=0.0)
    matcher = ObjectMatcher(backend, known(*LIES), ObjectMatcherConfig(refine="none"))
    found = matcher.find(room())
    assert backend.images[0].shape == (1, 3, 120, 160)
    assert max(rms(one) for one in found) < 0.05


LENS = Camera("radtan", 320, 240, 260.0, 260.0, 159.5, 119.5, (-0.25, 0.08, 0.0, 0.0))


def bent(image: np.ndarray) -> np.ndarray:
    """The image as the lens shows it, of what a pinhole sees."""
    x, y = np.meshgrid(np.arange(320.0), np.arange(240.0))
    ideal = cameras.undistort_points(LENS, np.stack([x.ravel(), y.ravel()], 1))
    maps = ideal.astype(np.float32).reshape(240, 320, 2)
    return cv2.remap(image, maps, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


@pytest.mark.parametrize(
    ("matcher", "refine", "within"),
    [("regression", "photometric", 0.25), ("features", "homography", 0.5)],
)
def test_a_lens_that_bends_lines_costs_nothing(matcher: str, refine: str, within: float) -> None:
    config = ObjectMatcherConfig(matcher=matcher, refine=refine)
    finder = ObjectMatcher(PretendedBackend(LIES, 240), known(*LIES), config)
    image, wrong = bent(room()), []
    for camera in (LENS, None):
        found = finder.find(image, None, camera)
        ideal = [cameras.undistort_points(LENS, one.points_image) for one in found]
        off = [homographies.apply(LIES[one.name], one.points_uv) - pixels
               for one, pixels in zip(found, ideal, strict=True)]  # fmt: skip
        wrong.append(float(np.sqrt(np.mean(np.concatenate(off) ** 2))))
        assert all(one.points_image.min() > -0.5 for one in found) and len(found) == 2
    assert wrong[0] < within and wrong[0] < 0.7 * wrong[1]


def test_gray_images_do() -> None:
    matcher = ObjectMatcher(PretendedBackend(LIES, 240), known(*LIES), ObjectMatcherConfig())
    assert len(matcher.find(cv2.cvtColor(room(), cv2.COLOR_RGB2GRAY))) == 2


def test_what_the_map_does_not_have_is_left_out() -> None:
    matcher = ObjectMatcher(PretendedBackend(LIES, 240), known("queen"), ObjectMatcherConfig())
    assert matcher.names == ("queen",) and matcher.unknown == ("boat",)
    config = ObjectMatcherConfig(refine="none")
    matcher = ObjectMatcher(PretendedBackend(LIES, 240), known("queen"), config)
    assert [one.name for one in matcher.find(room())] == ["queen"]


def test_a_mask_of_another_size_is_refused() -> None:
    matcher = ObjectMatcher(PretendedBackend(LIES, 240), known(*LIES), ObjectMatcherConfig())
    with pytest.raises(InputError, match="mask: expected uint8 of shape"):
        matcher.find(room(), np.zeros((10, 10), np.uint8))


def test_points_of_the_map_have_their_place_in_the_reference() -> None:
    places = np.array([[0.1, 0.2], [0.9, 0.4], [0.5, 1.0]])
    points = HUNG.points_map(places)
    np.testing.assert_allclose(uv_of_points(HUNG.map_from_uv, points), places, atol=1e-9)
    beside = points + np.array([0.0, 0.3, 0.0])
    assert np.abs(uv_of_points(HUNG.map_from_uv, beside) - places).max() < 0.2


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(objects, "open_object_backend", lambda *_: PretendedBackend(LIES, 240))
    path = tmp_path / "hall.onnx"
    path.write_bytes(b"")
    return path


def test_without_a_map_the_network_matches_by_itself(model: Path) -> None:
    matcher = load_object_matcher(model, None, ObjectMatcherConfig(refine="homography"))
    assert matcher.names == ("boat", "queen") and len(matcher.find(room())) == 2


@pytest.mark.parametrize("options", [{"matcher": "features"}, {"refine": "photometric"}])
def test_pictures_come_from_the_map(model: Path, options: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="expected the objects of a map, got none"):
        load_object_matcher(model, None, ObjectMatcherConfig(**{"refine": "none"} | options))


def test_a_network_of_other_objects_is_refused(model: Path) -> None:
    wanted = r"a network of objects of the map \(vase\), got one of boat, queen"
    with pytest.raises(ModelError, match=wanted):
        load_object_matcher(model, known("vase"))


def test_a_model_must_be_named() -> None:
    with pytest.raises(ConfigError, match="model: expected the name or the file of a model"):
        load_object_matcher("", None)
