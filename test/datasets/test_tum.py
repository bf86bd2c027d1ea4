from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from semloc_ros.datasets.tum import read_tum, write_tum
from semloc_ros.errors import DatasetError
from semloc_ros.geometry import se3


def test_round_trip_keeps_nanoseconds_and_poses(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    stamps = np.array([1, 1_700_000_000_123_456_789, 1_700_000_000_123_456_790])
    poses = se3.exp(rng.normal(size=(3, 6)))
    write_tum(tmp_path / "a.tum", stamps, poses)
    again_stamps, again = read_tum(tmp_path / "a.tum")
    assert again_stamps.tolist() == stamps.tolist()
    assert np.allclose(again, poses, atol=1e-8)


def test_lines_are_sorted_and_comments_skipped(tmp_path: Path) -> None:
    (tmp_path / "a.tum").write_text("# hello\n2 1 0 0 0 0 0 1\n\n1.5 0 0 0 0 0 0 1\n")
    stamps, poses = read_tum(tmp_path / "a.tum")
    assert stamps.tolist() == [1_500_000_000, 2_000_000_000]
    assert poses[1, 0, 3] == 1.0


@pytest.mark.parametrize(
    "line", ["1 2 3", "1 0 0 0 0 0 0 0", "x 0 0 0 0 0 0 1", "1 nan 0 0 0 0 0 1",
             "inf 0 0 0 0 0 0 1", "1e300 0 0 0 0 0 0 1"]
)
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.tum").write_text(f"0 0 0 0 0 0 0 1\n{line}\n")
    with pytest.raises(DatasetError, match=r"a\.tum:2: expected"):
        read_tum(tmp_path / "a.tum")


def test_an_empty_or_missing_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty.tum").write_text("# nothing\n")
    with pytest.raises(DatasetError, match="at least one pose"):
        read_tum(tmp_path / "empty.tum")
    with pytest.raises(DatasetError, match="readable TUM file"):
        read_tum(tmp_path / "missing.tum")
