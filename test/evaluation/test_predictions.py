from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from semloc_ros.errors import DatasetError
from semloc_ros.evaluation.predictions import load_run
from semloc_ros.types import State

Maker = Callable[..., dict[str, Any]]
MakeFolder = Callable[..., Path]


def test_a_folder_is_read_back(
    make_folder: MakeFolder, records: tuple[Maker, Maker], make_tf: Maker
) -> None:
    pose, status = records
    lines = [
        {"kind": "frame", "stamp_ns": 0, "received_ns": 7},
        pose(0, [1.0, 2.0, 3.0]),
        status(0, "LOST", reason="too_few_matches", values={"inliers": "3"}),
        make_tf(5, (1, 2, 3), received_ns=9),
        make_tf(6, child="other"),
        make_tf(6, parent="odom", child="base_link"),
    ]
    run = load_run(make_folder(lines))
    assert run.frames_ns.tolist() == [0, 10**9, 2 * 10**9, 3 * 10**9]
    assert run.poses.map_from_base[0, :3, 3].tolist() == [1, 2, 3]
    assert run.statuses[0].state is State.LOST
    assert run.statuses[0].values == {"inliers": "3"}
    assert run.seen_ns == {0: 7}
    assert run.transforms.received_ns.tolist() == [9]
    assert run.transforms.map_from_odom[0, :3, 3].tolist() == [1, 2, 3]
    assert run.odometry is not None and run.odometry.odom_from_base[0, 1, 3] == -5
    assert load_run(make_folder(lines, driven=False)).odometry is None
    assert len(load_run(make_folder(lines), odom_frame="other").transforms.stamps_ns) == 1


def test_an_empty_log_is_a_run_without_poses(make_folder: MakeFolder) -> None:
    run = load_run(make_folder([]))
    assert len(run.poses) == 0
    assert run.poses.covariances.shape == (0, 6, 6)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"kind": "guess"}, "kind"),
        ({"kind": []}, "kind"),
        ({"stamp_ns": 10**30}, "stamp_ns: expected an integer of 64 bits"),
        ({"stamp_ns": 1.5}, "stamp_ns"),
        ({"received_ns": None}, "received_ns"),
        ({"position": [0, 0]}, "position"),
        ({"position": [0, 0, float("nan")]}, "pose"),
        ({"quaternion_xyzw": [0, 0, 0, 0]}, "quaternion"),
        ({"covariance": [1] * 35}, "covariance"),
    ],
)
def test_a_bad_line_is_named(
    make_folder: MakeFolder, records: tuple[Maker, Maker], change: dict[str, Any], named: str
) -> None:
    pose, _ = records
    folder = make_folder([pose(0, [0.0, 0.0, 0.0]), pose(1, [0.0, 0.0, 0.0]) | change])
    with pytest.raises(DatasetError, match=rf"predictions\.jsonl:2: .*{named}"):
        load_run(folder)


def test_a_bad_transform_is_named(make_folder: MakeFolder, make_tf: Maker) -> None:
    with pytest.raises(DatasetError, match=r"predictions\.jsonl:1: child: expected"):
        load_run(make_folder([make_tf(0, child=None)]))
    with pytest.raises(DatasetError, match=r"predictions\.jsonl:1: .*quaternion"):
        load_run(make_folder([make_tf(0, quaternion_xyzw=[0, 0, 0, 0])]))


def test_an_unknown_state_and_broken_json_are_named(
    make_folder: MakeFolder, records: tuple[Maker, Maker]
) -> None:
    _, status = records
    with pytest.raises(DatasetError, match="state: expected UNINITIALIZED or"):
        load_run(make_folder([status(0, "FINE")]))
    with pytest.raises(DatasetError, match="jsonl:1: values: expected an object"):
        load_run(make_folder([status(0, values=None)]))
    with pytest.raises(DatasetError, match="jsonl:1: pnp_ms: expected a number, got 'slow'"):
        load_run(make_folder([status(0, values={"pnp_ms": "slow"})]))
    folder = make_folder([])
    (folder / "predictions.jsonl").write_text('{"kind": "po')
    with pytest.raises(DatasetError, match="one JSON object"):
        load_run(folder)


def test_missing_parts_are_named(make_folder: MakeFolder) -> None:
    folder = make_folder([])
    (folder / "frames.txt").write_text("")
    with pytest.raises(DatasetError, match="at least one query image"):
        load_run(folder)
    (folder / "frames.txt").write_text(f"{10**30}")
    with pytest.raises(DatasetError, match="expected integers of 64 bits"):
        load_run(folder)
    (folder / "frames.txt").unlink()
    with pytest.raises(DatasetError, match=r"frames\.txt"):
        load_run(folder)
