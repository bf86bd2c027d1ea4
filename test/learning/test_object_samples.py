"""Images of objects seen from elsewhere: their truth is exact, and what hides them hides them."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from object_scenes import (  # noqa: E402
    HEIGHT,
    NAMES,
    WIDTH,
    laid,
    places_of,
    scenes,
    upright,
)

from semloc_ros.config.object_learning import (  # noqa: E402
    ObjectPicturesConfig,
    ObjectTrainingConfig,
    OccludersConfig,
)
from semloc_ros.errors import DatasetError  # noqa: E402
from semloc_ros.learning.object_occluders import Occluders  # noqa: E402
from semloc_ros.learning.object_samples import (  # noqa: E402
    LABEL_BITS,
    KeptObjects,
    ObjectSamples,
    canvas_of,
    change,
    saturated,
    split_object_images,
)
from semloc_ros.learning.object_warps import (  # noqa: E402
    fitting,
    looking_at,
    random_homography,
    warped_image,
    warped_truth,
)
from semloc_ros.types import InstanceImage, ObjectImage, PictureObjects  # noqa: E402

SIZE = (HEIGHT, WIDTH)
LABELS = {name: number for number, name in enumerate(NAMES, 1)}
STILL = ObjectPicturesConfig(
    homography=0.0, near=0.0, jitter=False, occluders=OccludersConfig(most=0)
)
# two objects, the second before the first, so that their edges meet
SEEN = {"rings": upright(10, 8, 50, 52, 0.3), "stripes": upright(45, 14, 44, 45, -0.4)}


def test_truth_under_a_homography_is_that_of_the_homography() -> None:
    _, truth = laid(SEEN)
    rng = np.random.default_rng(3)
    for _ in range(5):
        moved = random_homography(SIZE, 0.33, rng)
        numbers, uv = warped_truth(truth, moved, SIZE)
        assert np.count_nonzero(numbers) > 300
        for number, image_from_uv in enumerate(SEEN.values(), 1):
            here = numbers == number
            wanted = places_of(moved @ image_from_uv, SIZE)
            wrong = np.abs(uv[here] - wanted[here]).max(1)
            assert wrong.max() < 4e-3  # at corners; 0.2 pixels of the picture
            assert np.quantile(wrong, 0.99) < 5e-4
            assert np.median(wrong) < 5e-5
        assert np.isnan(uv[numbers == 0]).all()


def test_truth_that_stays_is_the_same() -> None:
    _, truth = laid(SEEN)
    numbers, uv = warped_truth(truth, np.eye(3), SIZE)
    assert np.array_equal(numbers, truth.numbers)
    assert np.array_equal(uv, truth.uv, equal_nan=True)


def test_image_and_truth_move_alike() -> None:
    """The warped image shows what its reference has at the warped (u, v)."""
    big = tuple(4 * one for one in SIZE)
    grown = np.diag([4.0, 4.0, 1.0])
    wide = {name: grown @ one for name, one in SEEN.items()}
    _, truth = laid(wide, big)
    shown = np.zeros((*big, 3), np.uint8)  # red is u, green is v
    shown[..., :2] = np.rint(255 * np.nan_to_num(truth.uv))
    to_canvas = random_homography(SIZE, 0.2, np.random.default_rng(1)) @ fitting(
        big, SIZE, HEIGHT, np.random.default_rng(0)
    )
    image = warped_image(shown, to_canvas, SIZE, (0, 0, 0))
    numbers, uv = warped_truth(truth, to_canvas, SIZE)
    inner = cv2.erode((numbers == 2).astype(np.uint8), np.ones((5, 5))) > 0  # nothing before it
    assert np.count_nonzero(inner) > 200
    assert np.abs(image[inner][:, :2] / 255 - uv[inner]).mean() < 4e-3


def test_homographies_move_corners_and_do_not_turn_over() -> None:
    rng = np.random.default_rng(0)
    corners = np.array([[[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]]]) - 0.5
    most = np.zeros(2)
    for _ in range(200):
        moved = cv2.perspectiveTransform(corners, random_homography(SIZE, 0.33, rng))[0]
        most = np.maximum(most, np.abs(moved - corners[0]).max(0))
        assert cv2.contourArea(moved.astype(np.float32), oriented=True) > 0
    assert (most <= 0.33 * np.array([WIDTH, HEIGHT]) + 1e-3).all()
    assert (most > 0.3 * np.array([WIDTH, HEIGHT])).all()


def test_options_turn_everything_off() -> None:
    image, truth = laid(SEEN)
    found = change(
        image, truth, SIZE, HEIGHT, STILL, Occluders([], STILL.occluders), np.random.default_rng(0)
    )
    assert np.array_equal(found[0], image)
    assert np.array_equal(found[1], truth.numbers)
    for name, other in (
        ("homography", 0.33), ("jitter", True), ("occluders", OccludersConfig(most=8)),
    ):  # fmt: skip
        config = dataclasses.replace(STILL, **{name: other})
        rng = np.random.default_rng(3)
        changed = change(image, truth, SIZE, HEIGHT, config, Occluders([], config.occluders), rng)
        assert not np.array_equal(changed[0], image)
        assert np.array_equal(changed[1], truth.numbers) == (name == "jitter")


def test_what_is_looked_at_is_near_the_middle_from_small_to_cut_off() -> None:
    _, truth = laid(SEEN)
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(60):
        to_canvas = looking_at(truth.numbers == 2, (120, 160), rng)
        assert to_canvas[0, 0] == to_canvas[1, 1] and not to_canvas[[0, 1], [1, 0]].any()
        rows, columns = np.nonzero(truth.numbers == 2)
        start, end = (
            (to_canvas @ (edge(columns), edge(rows), 1))[:2] for edge in (np.min, np.max)
        )
        middle = (start + end) / 2 - (79.5, 59.5)
        assert (np.abs(middle) <= (0.25 * 160 + 1e-6, 0.25 * 120 + 1e-6)).all()
        shares.append(((end - start) / (160, 120)).max())
    assert 0.25 < min(shares) < 0.4 and 1.0 < max(shares) < 1.31


def test_a_share_of_the_samples_looks_at_one_object() -> None:
    image, truth = laid(SEEN)
    near = dataclasses.replace(STILL, near=1.0)
    seen = [
        change(
            image, truth, SIZE, HEIGHT, near, Occluders([], near.occluders),
            np.random.default_rng(seed),
        )[1]
        for seed in range(12)
    ]  # fmt: skip
    filled = [np.count_nonzero(numbers) / numbers.size for numbers in seen]
    assert 0.0 < min(filled) < 0.3 and max(filled) > 0.8


def test_what_is_hidden_is_no_object() -> None:
    person = np.zeros((40, 30), np.uint16)
    person[5:35, 8:22] = 1
    red = np.full((40, 30, 3), (250, 0, 0), np.uint8)
    people = [InstanceImage("one", lambda: red, lambda: person)]
    config = OccludersConfig(most=4, least_height=0.4, most_height=0.8, cut_outs=1.0)
    image, truth = laid(SEEN)
    seen, numbers = image.copy(), truth.numbers.copy()
    Occluders(people, config).paste(seen, numbers, np.random.default_rng(1))
    hidden = (seen == (250, 0, 0)).all(2)
    assert np.count_nonzero(hidden & (truth.numbers > 0)) > 50
    assert not numbers[hidden].any()
    untouched = (seen == image).all(2)
    assert np.array_equal(numbers[untouched], truth.numbers[untouched])


def test_samples_repeat_and_tell_labels() -> None:
    kept = KeptObjects(scenes(3), 10)
    config = ObjectTrainingConfig(short_side=HEIGHT)
    samples = [ObjectSamples(kept, LABELS, config, [], seed) for seed in (5, 5, 6)]
    for number in (0, 4):
        one, again, other = (part[number] for part in samples)
        assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
        assert not torch.equal(one[0], other[0])
    picture, coded, uv = samples[0][0]
    assert picture.shape == (3, *SIZE) and uv.shape == (2, *SIZE)
    shown = torch.unique(coded[coded > 0])
    assert set((shown % (1 << LABEL_BITS)).tolist()) <= {1, 2}
    assert float(uv[:, coded > 0].min()) > -0.02 and float(uv[:, coded > 0].max()) < 1.02
    assert not uv[:, coded == 0].any()


def test_a_canvas_is_the_middle_shape() -> None:
    def image(height: int, width: int) -> ObjectImage:
        truth = PictureObjects(
            np.zeros((height, width), np.uint16), (), np.zeros((height, width, 2))
        )
        return ObjectImage("one", lambda: np.zeros((height, width, 3), np.uint8), lambda: truth)

    wide = KeptObjects([image(90, 160), image(90, 160), image(160, 90)], 10)
    assert canvas_of(wide, 64) == (64, 114)
    assert canvas_of(KeptObjects([image(160, 90)], 10), 64) == (114, 64)


def test_truth_of_another_size_is_refused() -> None:
    one = scenes(1)[0]
    wrong = dataclasses.replace(one, read=lambda: np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(DatasetError, match="made/0: expected truth of the image's size"):
        KeptObjects([wrong], 1)[0]


def test_saturation_keeps_grey_and_brightness() -> None:
    grey = np.full((2, 2, 3), 100, np.uint8)
    assert np.abs(saturated(grey, 0.9, np.random.default_rng(0)).astype(int) - 100).max() <= 1
    red = np.full((2, 2, 3), (180, 60, 60), np.uint8)
    spread = [np.ptp(saturated(red, 0.5, np.random.default_rng(seed))) for seed in range(20)]
    assert min(spread) < 100 and max(spread) > 140


def test_stretches_are_held_out_or_nothing_is() -> None:
    images = scenes(1) * 20
    images = [dataclasses.replace(one, name=str(number)) for number, one in enumerate(images)]
    assert split_object_images(images, 0.0, 10, np.random.default_rng(0)) == (images, images)
    training, held = split_object_images(images, 0.2, 10, np.random.default_rng(0))
    assert len(held) == 4 and not {one.name for one in held} & {one.name for one in training}
    with pytest.raises(DatasetError, match="enough images"):
        split_object_images(images[:1], 0.2, 10, np.random.default_rng(0))
