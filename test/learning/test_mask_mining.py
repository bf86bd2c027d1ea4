"""Masks of a square that moves before a textured wall, a square that stands, light and shake."""

import dataclasses

import cv2
import numpy as np
import pytest

from semloc_ros.config.mining import MINING_PRESETS, BackgroundConfig, MiningConfig
from semloc_ros.errors import DatasetError
from semloc_ros.learning import mining_background as background
from semloc_ros.learning import mining_steps as steps
from semloc_ros.learning.mask_mining import UNSURE, MaskMiner, spread
from semloc_ros.learning.mining_camera import reference_from_frame
from semloc_ros.options import from_mapping
from semloc_ros.types import StaticClip

SIZE, SIDE, FRAMES = (120, 320), 20, 24
DEFAULT = MiningConfig(queries=3)
PAPER = from_mapping(MiningConfig, MINING_PRESETS["paper"])


def wall():
    """Blurred noise, with corners everywhere."""
    noise = np.random.default_rng(0).integers(0, 255, (*SIZE, 3)).astype(np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2), None, 60, 160, cv2.NORM_MINMAX)


WALL = wall()


def square_at(index):
    """The moving square (H, W) bool: 12 pixels to the right each frame."""
    mask = np.zeros(SIZE, np.bool_)
    left = 5 + 12 * index
    mask[50 : 50 + SIDE, left : left + SIDE] = True
    return mask


def frame(index):
    image = WALL.copy()
    image[square_at(index)] = (230, 40, 40)
    return image


def clip_of(read, frames=FRAMES):
    return StaticClip("wall", frames, 10.0, read, lambda index: None)


def mine(config, read=frame, indices=(3, 12, 20)):
    return list(MaskMiner(clip_of(read), config).mine(indices))


def overlap(mask, truth):
    return (mask & truth).sum() / (mask | truth).sum()


def test_a_threshold_is_mean_and_deviation_of_the_difference():
    difference = np.zeros((10, 10), np.uint8)
    difference[0] = 100  # mean 10, deviation 30
    difference[1] = 41
    difference[2] = 20
    assert steps.binary_difference(difference)[:3].all(1).tolist() == [True, False, False]
    assert not steps.binary_difference(np.full((4, 4), 9, np.uint8)).any()


def test_differences_of_colours():
    a = np.full((2, 2, 3), 100, np.uint8)
    b = a + np.array([0, 0, 50], np.uint8)
    assert (steps.absolute_difference(a, b, "strongest") == 50).all()
    assert (steps.absolute_difference(a, b, "brightness") < 10).all()


def test_votes_need_more_than_their_share():
    query = np.zeros((20, 20, 3), np.uint8)
    query[:4, :4] = 200
    votes = steps.Votes(query, "strongest")
    for _ in range(2):
        votes.add(np.zeros_like(query))
    votes.add(query)
    assert votes.dynamic(0.6)[:4, :4].all()
    assert votes.dynamic(0.6).sum() == 16
    assert not votes.dynamic(0.67).any()


def test_holes_are_filled_but_not_bays():
    ring = np.zeros((9, 9), np.bool_)
    ring[2:7, 2:7] = True
    ring[4, 4] = False
    assert steps.fill_holes(ring).sum() == 25
    ring[4, 5:] = False
    assert not steps.fill_holes(ring)[4, 4]


def test_components_are_joined_and_small_ones_left_out():
    mask = np.zeros((40, 40), np.bool_)
    mask[10:20, 10:20] = mask[10:20, 22:30] = True  # two pixels apart
    mask[35, 35] = True
    found = steps.large_components(mask, 5, 10)
    assert found[15, 20:22].all() and not found[35, 35]
    assert found.sum() == 10 * 20


def test_superpixels_round_up_to_edges():
    pytest.importorskip("skimage")
    sparse = square_at(5) & (np.random.default_rng(1).random(SIZE) < 0.4)
    whole = steps.whole_superpixels(frame(5), sparse, PAPER.voting)
    assert overlap(whole, square_at(5)) > 0.75 > overlap(sparse, square_at(5))


@pytest.mark.parametrize("config", [PAPER, DEFAULT], ids=["paper", "default"])
def test_what_moves_is_found(config):
    if config is PAPER:
        pytest.importorskip("skimage")
    mined = mine(config)
    assert [one.index for one in mined] == [3, 12, 20]
    for one in mined:
        assert overlap(one.moving, square_at(one.index)) > 0.8
        np.testing.assert_array_equal(one.image, frame(one.index))


def test_what_stood_for_a_part_of_the_clip_is_unsure():
    def read(index):
        image = frame(index)
        if index < 8:  # parked, then away
            image[90:110, 60:90] = (30, 30, 220)
        return image

    parked = mine(DEFAULT, read, [4])[0].values
    assert (parked[92:108, 62:88] == UNSURE).all()
    assert overlap(parked == 255, square_at(4)) > 0.8
    blind = dataclasses.replace(DEFAULT, background=BackgroundConfig(standing=False))
    assert (mine(blind, read, [4])[0].values[92:108, 62:88] == 255).all()
    later = mine(DEFAULT, read, [16])[0].values
    assert not later[92:108, 62:88].any()


def test_a_shadow_is_not_what_casts_it():
    def read(index):
        image = frame(index).astype(np.float64)
        below = np.roll(square_at(index), SIDE, axis=0)
        image[below] *= 0.6
        return image.astype(np.uint8)

    mined = mine(DEFAULT, read, [12])[0]
    below = np.roll(square_at(12), SIDE, axis=0)
    assert overlap(mined.moving, square_at(12)) > 0.8
    assert (mined.values[below] == UNSURE).mean() > 0.5
    blind = dataclasses.replace(DEFAULT, background=BackgroundConfig(shadows=False))
    assert mine(blind, read, [12])[0].moving[below].mean() > 0.9


def test_the_light_may_change():
    def read(index):
        return np.rint(frame(index) * (0.54 + 0.02 * index)).astype(np.uint8)

    for one in mine(DEFAULT, read):
        assert overlap(one.moving, square_at(one.index)) > 0.8
    bright = mine(dataclasses.replace(DEFAULT, light=False), read, [23])[0]
    assert overlap(bright.moving, square_at(23)) < 0.6


def shaken(index):
    shift = np.random.default_rng(index).uniform(-4, 4, 2)
    matrix = np.float64([[1, 0, shift[0]], [0, 1, shift[1]]])
    return matrix, cv2.warpAffine(frame(index), matrix, SIZE[::-1], borderMode=cv2.BORDER_REFLECT)


def test_a_camera_that_shakes_is_stabilised_or_refused():
    miner = MaskMiner(clip_of(lambda index: shaken(index)[1]), DEFAULT)
    assert not miner.report.still
    assert 2.0 < np.nanmax(miner.report.shifts_px) < 12.0
    for one in miner.mine([3, 12, 20]):
        matrix, _ = shaken(one.index)
        moved = cv2.warpAffine(square_at(one.index).astype(np.uint8), matrix, SIZE[::-1]) > 0
        assert overlap(one.moving, moved) > 0.7
    refusing = from_mapping(MiningConfig, {"camera.stabilise": False})
    with pytest.raises(DatasetError, match=r"wall: expected shifts up to 0.5 px, got the picture"):
        MaskMiner(clip_of(lambda index: shaken(index)[1]), refusing)


def test_a_still_camera_is_still_though_much_moves():
    def read(index):
        image = WALL.copy()
        image[:, : SIZE[1] * 2 // 3] = np.roll(WALL, 3 * index, axis=1)[:, : SIZE[1] * 2 // 3]
        return image

    report = MaskMiner(clip_of(read), DEFAULT).report
    assert report.still and report.one_view


def test_other_views_are_left_out_and_a_travelling_camera_is_refused():
    other = np.random.default_rng(5).integers(0, 255, (*SIZE, 3)).astype(np.uint8)
    assert reference_from_frame(WALL, other, DEFAULT.camera)[0] is None
    cut = clip_of(lambda index: other if index == 3 else frame(index))
    miner = MaskMiner(cut, DEFAULT)
    assert "1 frames show another view" in str(miner.report)
    assert [one.index for one in miner.mine([3, 12])] == [12]
    scenes = np.random.default_rng(7).integers(0, 255, (FRAMES, *SIZE, 3)).astype(np.uint8)
    with pytest.raises(DatasetError, match="expected a camera that does not move"):
        MaskMiner(clip_of(lambda index: scenes[index]), DEFAULT)


def test_a_clip_of_two_frames_is_too_short():
    with pytest.raises(DatasetError, match="wall: expected 3 frames or more, got 2"):
        MaskMiner(clip_of(frame, 2), DEFAULT)


@pytest.mark.parametrize("config", [PAPER, DEFAULT], ids=["paper", "default"])
def test_frames_of_another_size_are_one_line(config):
    with pytest.raises(DatasetError, match="wall: frame 5: expected 320 x 120, got 160 x 120"):
        mine(config, lambda index: frame(index)[:, :160] if index == 5 else frame(index), (3, 5))


def test_frames_are_spread_evenly():
    assert spread(10, 5) == [1, 3, 5, 7, 9]
    assert spread(3, 5) == [0, 1, 2]


def test_the_median_is_the_scene_without_what_is_seldom_there():
    frames = [frame(index) for index in range(0, FRAMES, 2)]
    np.testing.assert_array_equal(background.temporal_median(frames), WALL)


def test_gains_of_the_light_are_per_colour():
    lit = np.rint(WALL * (0.8, 1.0, 1.1)).astype(np.uint8)
    again = background.same_light(lit, WALL)
    assert np.abs(again.astype(int) - WALL).max() <= 2
    black = np.zeros_like(WALL)
    np.testing.assert_array_equal(background.same_light(black, WALL), black)
