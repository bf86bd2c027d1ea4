"""From a bag on disk to predictions: what is read, in which order, and what is said of faults."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from small_bag import COUNT, START, Oracle, S, Watching, config, write_drive

from semloc_ros.config import EvaluateConfig
from semloc_ros.datasets.tum import write_tum
from semloc_ros.errors import ConfigError, DatasetError
from semloc_ros.evaluation.conditions import load_conditions
from semloc_ros.evaluation.events import bag_events
from semloc_ros.evaluation.evidence import read_evidence
from semloc_ros.evaluation.running import forget_runs, predict
from semloc_ros.evaluation.sources import Job
from semloc_ros.evaluation.stream import CAMERA, IMAGE, IMU, LABELS, MASK, ODOMETRY
from semloc_ros.evaluation.verdict import doubts, verdict
from semloc_ros.geometry import se3
from semloc_ros.options import from_mapping
from semloc_ros.types import NoPose, NoPoseReason


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    return write_drive(tmp_path / "drive")


class Lost:
    """Never knows."""

    def localize(self, frame: Any, prior: Any = None) -> NoPose:
        return NoPose(frame.stamp_ns, NoPoseReason.TOO_FEW_MATCHES, "none")


def test_events_come_in_the_order_of_recording(bag: Path) -> None:
    events = list(bag_events(bag, config(**{"topics.mask": "/mask"})))
    kinds = [event.kind for event in events]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        IMAGE: COUNT, CAMERA: COUNT, MASK: COUNT // 2, ODOMETRY: 42,
    }  # fmt: skip
    assert [event.at_ns for event in events] == sorted(event.at_ns for event in events)
    first = next(event for event in events if event.kind == IMAGE)
    assert (first.stamp_ns, first.origin_ns, first.at_ns) == (START, START, START + 10_000_000)
    assert first.frame == "camera" and first.value.shape == (48, 64, 3)
    lens = next(event.value for event in events if event.kind == CAMERA)
    assert (lens.model, lens.fx) == ("radtan", 60.0)


def test_labels_and_the_imu_are_events_where_they_are_asked_for(bag: Path) -> None:
    asked = config(gravity="imu", **{"topics.labels": "/labels"})
    events = list(bag_events(bag, asked))
    labels = [event for event in events if event.kind == LABELS]
    assert [int(event.value[0, 0]) for event in labels] == list(range(300, 300 + COUNT))
    assert labels[0].value.dtype == np.uint16 and labels[0].value.shape == (48, 64)
    samples = [event for event in events if event.kind == IMU]
    assert len(samples) == COUNT and samples[0].value.frame == "camera"
    np.testing.assert_allclose(samples[0].value.specific_force, [5.886, 0, 7.848])
    assert samples[0].value.world_from_imu is None
    with pytest.raises(DatasetError, match="/tf_static: expected sensor_msgs/msg/Image"):
        list(bag_events(bag, config(**{"topics.labels": "/tf_static"})))
    with pytest.raises(DatasetError, match="expected a topic /imu"):
        list(bag_events(bag, config(gravity="imu", **{"topics.imu": "/imu"})))


def test_labels_of_a_topic_and_of_files_reach_the_frames(bag: Path, tmp_path: Path) -> None:
    job, watching = Job(bag, "/ground_truth/pose", labels="/labels"), Watching()
    predict(job, watching, config(gravity="imu"), tmp_path / "out" / "topic")
    found = [int(frame.labels[0, 0]) for frame in watching.frames[1:] if frame.labels is not None]
    assert found == list(range(301, 300 + COUNT)), "none is waited for before the first came"
    down = watching.frames[-1].down_camera
    assert down is not None
    np.testing.assert_allclose(down, [-0.6, 0, -0.8], atol=1e-12)
    (tmp_path / "maps").mkdir()
    for number in (0, 4):
        path = tmp_path / "maps" / f"{START + number * S // 5}.png"
        cv2.imwrite(str(path), np.full((48, 64), number, np.uint8))
    job, watching = replace(job, labels=str(tmp_path / "maps")), Watching()
    predict(job, watching, config(), tmp_path / "out" / "files")
    has = [number for number, frame in enumerate(watching.frames) if frame.labels is not None]
    assert has == [0, 4]
    conditions = {one.name: one for one in load_conditions(tmp_path / "out", config().evaluation)}
    assert conditions["topic"].about["labels"] == "/labels"
    options = yaml.safe_load((tmp_path / "out" / "topic" / "config.yaml").read_text())
    assert options["topics"]["labels"] == "/labels"
    statuses = conditions["files"].run.statuses
    assert [one.values["labels"] for one in statuses if "labels" in one.values][:2] == [
        "exact", "none",
    ]  # fmt: skip


def test_wrong_labels_end_before_anything_is_written(bag: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "7.png"), np.zeros((48, 64), np.uint8))
    for source, said in (("/lables", "a topic of"), (str(tmp_path), "at the stamps of the bag's")):
        with pytest.raises(DatasetError, match=f"^--labels {source}: expected .*{said}"):
            job = Job(bag, "/ground_truth/pose", labels=source)
            predict(job, Oracle(), config(), tmp_path / "out")
    assert not (tmp_path / "out" / "predictions.jsonl").exists()


def test_rectified_images_have_the_camera_of_p(bag: Path) -> None:
    lenses = [one.value for one in bag_events(bag, config(rectified=True)) if one.kind == CAMERA]
    assert (lenses[0].model, lenses[0].fx, lenses[0].distortion) == ("pinhole", 50.0, ())


@pytest.mark.parametrize("source", ["topic", "tf"])
def test_odometry_of_a_topic_and_of_tf_are_the_same(bag: Path, source: str) -> None:
    events = [one for one in bag_events(bag, config(odometry=source)) if one.kind == ODOMETRY]
    xs = [event.value[0, 3] for event in events]
    assert np.allclose(xs, 5 + np.arange(-1, 41) / 20)
    assert [event.stamp_ns for event in events] == [START + i * S // 20 for i in range(-1, 41)]
    assert not [one for one in bag_events(bag, config(odometry="none")) if one.kind == ODOMETRY]


def test_odometry_of_another_frame_is_no_odometry(bag: Path) -> None:
    events = bag_events(bag, config(base_frame="base_footprint"))
    values = [str(event.value) for event in events if event.kind == ODOMETRY]
    assert values[0] == "/odom: expected frames odom and base_footprint, got 'odom' and 'base_link'"


def test_a_missing_topic_is_one_line(bag: Path) -> None:
    with pytest.raises(DatasetError, match="expected a topic /wheels"):
        list(bag_events(bag, config(**{"topics.odom": "/wheels"})))


@pytest.mark.parametrize("source", ["topic", "tf", "none"])
def test_a_bag_becomes_a_folder_that_can_be_judged(
    bag: Path, tmp_path: Path, source: str
) -> None:
    options = config(odometry=source)
    predict(Job(bag, "/ground_truth/pose"), Oracle(), options, tmp_path / "out" / "drive")
    (one,) = load_conditions(tmp_path / "out", options.evaluation)
    assert (one.judged.fix_of_frame[1:] >= 0).all(), "the second confirms the first"
    assert one.judged.position_m.max() < 1e-9
    assert one.about["map"] == "gallery" and one.about["peak_memory_mb"] > 1
    assert np.reshape(one.about["mounts"]["camera"], (4, 4))[0, 3] == pytest.approx(0.3)
    written = yaml.safe_load((one.folder / "config.yaml").read_text())
    assert from_mapping(EvaluateConfig, written) == options
    assert len(list((one.folder / "thumbnails").glob("*.jpg"))) == COUNT
    assert "/" not in json.dumps(one.about["bag"]) + json.dumps(one.about["map"])


def test_truth_may_be_a_tum_file(bag: Path, tmp_path: Path) -> None:
    stamps = START + np.arange(3, dtype=np.int64) * S
    places = np.array([[0, 2.0, 0], [1, 2.1, 0], [2, 2.1, 0]])
    write_tum(tmp_path / "truth.tum", stamps, se3.make_pose(np.eye(3), places))
    options = config(**{"evaluation.max_truth_gap_s": 2.0})
    folder = tmp_path / "out"
    predict(Job(bag, str(tmp_path / "truth.tum")), Oracle(), options, folder)
    (one,) = load_conditions(folder, options.evaluation)
    assert one.judged.position_m[-1] == pytest.approx(0.1)


def test_a_truth_in_another_frame_is_refused(bag: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="expected poses of base_link in map, got base_link in"):
        predict(Job(bag, "/odom"), Oracle(), config(), tmp_path / "out")
    with pytest.raises(DatasetError, match="got poses in map"):
        predict(Job(bag, "/ground_truth/pose"), Oracle(), config(map_frame="world"), tmp_path)


def test_a_truth_of_another_time_is_refused(bag: Path, tmp_path: Path) -> None:
    stamps = START + (np.arange(3, dtype=np.int64) + 100) * S
    write_tum(tmp_path / "truth.tum", stamps, np.tile(np.eye(4), (3, 1, 1)))
    said = r"expected a truth at the time of the images, 17\d+\.0+ to .*, got 1700000100\.0+ to"
    with pytest.raises(DatasetError, match=said):
        predict(Job(bag, str(tmp_path / "truth.tum")), Oracle(), config(), tmp_path / "out")


def test_transforms_are_judged_in_the_frames_of_the_run(bag: Path, tmp_path: Path) -> None:
    stamps = START + np.arange(41, dtype=np.int64) * S // 20
    places = np.column_stack([np.arange(41) / 20, np.full(41, 2.0), np.zeros(41)])
    write_tum(tmp_path / "truth.tum", stamps, se3.make_pose(np.eye(3), places))
    job, options = Job(bag, str(tmp_path / "truth.tum")), config(map_frame="world")
    predict(job, Oracle(), options, tmp_path / "out")
    conditions = load_conditions(tmp_path / "out", options.evaluation)
    metrics = verdict(conditions, options.evaluation)[0]["all"]
    assert metrics["tf_coverage"] >= 0.8 and metrics["tf_position_max_m"] < 1e-6


def test_faults_behind_the_end_and_runs_without_a_fix_are_told(bag: Path, tmp_path: Path) -> None:
    faults = ("blackout@0=9", "kidnap@40s")
    predict(Job(bag, "/ground_truth/pose", faults), Lost(), config(), tmp_path / "out")
    conditions = load_conditions(tmp_path / "out", config().evaluation)
    metrics = verdict(conditions, config().evaluation)[0]["all"]
    none, idle = doubts(metrics)
    assert none.startswith("None of 10 frames got a fix")
    assert idle.startswith("Injected, but nothing was changed by it: kidnap.")
    assert metrics["kidnaps"] == 0 and metrics["false_fix_rate"] is None


def test_frames_that_the_map_was_made_of_are_told(bag: Path, tmp_path: Path) -> None:
    mapped = frozenset([START, START + S // 5, 7])
    job = Job(bag, "/ground_truth/pose", mapped_ns=mapped)
    predict(job, Oracle(), config(), tmp_path / "out")
    conditions = load_conditions(tmp_path / "out", config().evaluation)
    metrics, _ = verdict(conditions, config().evaluation)
    assert metrics["all"]["frames_in_map"] == 2
    assert doubts(metrics["all"]) == [
        "2 of 10 frames are images of the map itself: they say nothing of other days."
    ]


def test_every_image_counts_though_faults_lost_some(bag: Path, tmp_path: Path) -> None:
    predict(Job(bag, "/ground_truth/pose", ("drop=0.5",)), Oracle(), config(), tmp_path / "out")
    (one,) = load_conditions(tmp_path / "out", config().evaluation)
    assert len(one.run.frames_ns) == COUNT
    assert 0 < (one.judged.fix_of_frame >= 0).sum() < COUNT
    assert one.about["faults"] == ["drop=0.5"]


def test_wrong_faults_and_truths_end_before_anything_is_written(bag: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean drop"):
        predict(Job(bag, "/ground_truth/pose", ("dorp",)), Oracle(), config(), tmp_path / "out")
    with pytest.raises(DatasetError, match="expected a topic /truth"):
        predict(Job(bag, "/truth"), Oracle(), config(), tmp_path / "out")
    assert not (tmp_path / "out" / "predictions.jsonl").exists()


def test_earlier_runs_are_not_judged_with_later_ones(bag: Path, tmp_path: Path) -> None:
    predict(Job(bag, "/ground_truth/pose"), Oracle(), config(), tmp_path / "out" / "old")
    forget_runs(tmp_path / "out")
    with pytest.raises(DatasetError, match="predictions"):
        load_conditions(tmp_path / "out", config().evaluation)


def test_evidence_is_kept_of_each_image_when_it_is_wanted(bag: Path, tmp_path: Path) -> None:
    wanted = config(evidence=True, **{"topics.mask": "/mask"})
    predict(Job(bag, "/ground_truth/pose"), Oracle(), wanted, tmp_path / "out")
    for number in range(COUNT):
        one = read_evidence(tmp_path / "out" / "evidence" / f"{START + number * S // 5}.npz")
        assert one.pixels.shape == (99, 2)
        assert (one.mask is None) == (number == 0)  # none is waited for before the first came
    predict(Job(bag, "/ground_truth/pose"), Oracle(), config(), tmp_path / "out")
    assert not list((tmp_path / "out" / "evidence").iterdir())
