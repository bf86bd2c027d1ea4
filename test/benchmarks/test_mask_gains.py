"""What masks win back, and when nothing can be said of it."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest

from semloc_ros.errors import ConfigError


@pytest.fixture(scope="module")
def gains():
    return import_module("mask_gains")


def losses(none, ours, true, noise=0.01):
    rng = np.random.default_rng(1)
    named = {"none": none, "ours": ours, "true": true}
    return {name: level + rng.normal(0, noise, 200) for name, level in named.items()}


def test_the_share_won_back(gains):
    words = gains.won_back(losses(1.0, 0.4, 0.2))
    assert words["ours"].startswith("75 % won back")
    assert words["true"].endswith("to 0.2, p = 0")


@pytest.mark.parametrize(("none", "true"), [(0.2, 0.2), (0.2, 0.9)])
def test_nothing_to_win_back_is_said(none, true, gains):
    words = gains.won_back(losses(none, 0.5, true))
    assert "undefined" in words["true"]
    assert "ours" not in words


def test_neighbours_that_err_alike_are_one_chance(gains):
    """Ten images in a row that are better are one block, which chance turns half of the time."""
    some = np.zeros(200)
    some[:10] = 1.0
    assert gains.chance_of(some) == 1.0
    assert gains.chance_of(np.ones(200)) < 0.01


def test_pixels_under_a_mask(gains):
    mask = np.zeros((4, 6), np.uint8)
    mask[:, 3:] = 255
    pixels = np.array([[2.4, 0.0], [2.6, 3.4], [5.4, 1.0]])
    assert gains.under(mask, pixels).tolist() == [False, True, True]
    assert gains.share_under(mask, pixels) == pytest.approx(2 / 3)
    assert np.isnan(gains.share_under(mask, np.empty((0, 2))))


@pytest.mark.parametrize("word", ["folder", "true=.", "none=.", "mine=nowhere"])
def test_names_of_masks_are_checked(word, gains, tmp_path):
    (tmp_path / "sensors").mkdir()
    tables = {
        "sensors": "cam, cam, camera, PINHOLE, 8, 6, 10, 10, 3.5, 2.5",
        "trajectories": "5, cam, 1, 0, 0, 0, 0, 0, 0", "records_camera": "5, cam, cam/000000.jpg",
    }
    for name, row in tables.items():
        (tmp_path / "sensors" / f"{name}.txt").write_text(f"# kapture format: 1.1\n{row}\n")
    with pytest.raises(ConfigError, match="--masks: expected another NAME=FOLDER of masks"):
        gains.masks_by_name([word], tmp_path)


def test_a_part_of_the_images(gains):
    assert gains.part_of("abcdef", "2:4") == "cd"
    assert gains.part_of("abcdef", "") == "abcdef"
    for part in ("3", "4:2", "a:b", ":3"):
        with pytest.raises(ConfigError, match="--part: expected FIRST:LAST"):
            gains.part_of("abcdef", part)
