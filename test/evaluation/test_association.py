from __future__ import annotations

import numpy as np

from semloc_ros.evaluation.association import associate, poses_at
from semloc_ros.geometry import se3


def stamps(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def test_a_pose_answers_for_one_frame_only() -> None:
    assert associate(stamps(10, 12), stamps(11), 5).tolist() == [0, -1]


def test_the_nearest_pair_wins_over_the_first() -> None:
    assert associate(stamps(10, 12), stamps(13), 5).tolist() == [-1, 0]


def test_a_frame_answered_twice_keeps_the_first_of_equal_stamps() -> None:
    assert associate(stamps(10), stamps(10, 10), 0).tolist() == [0]


def test_order_of_the_offers_does_not_matter() -> None:
    assert associate(stamps(1, 2, 3), stamps(3, 1, 2), 0).tolist() == [1, 2, 0]


def test_beyond_the_tolerance_nothing_is_matched() -> None:
    assert associate(stamps(10), stamps(16), 5).tolist() == [-1]
    assert associate(stamps(10), stamps(), 5).tolist() == [-1]


def test_truth_between_two_stamps_is_the_screw_between_them() -> None:
    quarter = se3.exp([0, 0, 0, 0, 0, np.pi / 2])
    poses = np.stack([np.eye(4), quarter])
    half = poses_at(stamps(50), stamps(0, 100), poses, 100)[0]
    assert np.allclose(half, se3.exp([0, 0, 0, 0, 0, np.pi / 4]))


def test_truth_is_unknown_outside_and_in_long_gaps() -> None:
    poses = np.stack([np.eye(4)] * 3)
    asked = stamps(-1, 0, 5, 10, 50, 100, 101)
    found = poses_at(asked, stamps(0, 10, 100), poses, 20)
    assert np.isfinite(found).all(axis=(1, 2)).tolist() == [
        False, True, True, True, False, True, False,
    ]


def test_truth_of_one_pose_is_known_at_its_stamp_only() -> None:
    found = poses_at(stamps(4, 5, 6), stamps(5), np.eye(4)[None], 20)
    assert np.isfinite(found).all(axis=(1, 2)).tolist() == [False, True, False]
