"""The replay against a localizer that reads the truth from the image: what the node would say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semloc_ros.config import EvaluateConfig
from semloc_ros.errors import DatasetError, InputError
from semloc_ros.evaluation.faults import FaultLine, parse_faults
from semloc_ros.evaluation.judging import judge
from semloc_ros.evaluation.predictions import Run, Truth, load_run, write_reference
from semloc_ros.evaluation.recording import PredictionLog
from semloc_ros.evaluation.replay import Replay
from semloc_ros.evaluation.stream import CAMERA, IMAGE, IMU, LABELS, MASK, ODOMETRY, Event
from semloc_ros.geometry import se3
from semloc_ros.localization.gravity import ImuSample
from semloc_ros.options import from_mapping
from semloc_ros.types import Camera, Correspondences, NoPose, NoPoseReason, PoseEstimate

S = 1_000_000_000
START = 1_700_000_000 * S
LENS = Camera("pinhole", 64, 48, 60.0, 60.0, 31.5, 23.5)
BASE_FROM_CAMERA = se3.exp([0.3, 0.0, 0.5, -1.2, 1.2, -1.2])


def base_at(stamp_ns: int) -> np.ndarray:
    """map_from_base of a robot that drives along x at 0.5 m/s."""
    return se3.exp([0.5 * (stamp_ns - START) / S, 1.0, 0, 0, 0, 0])


class Oracle:
    """Knows the pose of each image by its number, which is in its first pixels; black ones say
    nothing. Keeps what it was given."""

    def __init__(self) -> None:
        self.frames: list[Any] = []
        self.priors: list[Any] = []

    def localize(self, frame: Any, prior: Any = None) -> PoseEstimate | NoPose:
        self.frames.append(frame)
        self.priors.append(prior)
        if not frame.image.any():
            return NoPose(frame.stamp_ns, NoPoseReason.BAD_IMAGE, "black")
        number = int(frame.image[0, 0, 0]) + 256 * int(frame.image[0, 1, 0])
        map_from_camera = base_at(START + number * S // 5) @ BASE_FROM_CAMERA
        rows = Correspondences(
            np.zeros((100, 2)), np.zeros((100, 3)), np.ones(100), np.ones(100), np.arange(100)
        )
        sharp = np.diag([1e-4] * 3 + [1e-6] * 3)
        return PoseEstimate(frame.stamp_ns, se3.inverse(map_from_camera), sharp, rows, 120)


def stream(seconds: float = 10.0, odometry_late_ms: int = 0) -> list[Event]:
    """Camera and image five times a second, odometry twenty times, images 20 ms late."""
    events = []
    for number in range(round(5 * seconds)):
        stamp = START + number * S // 5
        image = np.full((48, 64, 3), 128, np.uint8)
        image[0, 0], image[0, 1] = number % 256, number // 256
        at = stamp + 20_000_000
        events.append(Event(at, stamp, CAMERA, LENS, stamp, "camera"))
        events.append(Event(at, stamp, IMAGE, image, stamp, "camera"))
    for number in range(round(20 * seconds)):
        stamp = START + number * S // 20
        pose = se3.exp([3, 0, 0, 0, 0, 1]) @ base_at(stamp)
        at = stamp + odometry_late_ms * 1_000_000
        events.append(Event(at, stamp, ODOMETRY, pose, stamp))
    return sorted(events, key=lambda event: event.at_ns)


def mount(frame: str) -> np.ndarray:
    if frame != "camera":
        raise InputError(f"tf from {frame} to base_link: unknown")
    return BASE_FROM_CAMERA


def replayed(
    folder: Path, events: list[Event], *faults: str, **options: Any
) -> tuple[Run, Oracle, FaultLine]:
    config, oracle = from_mapping(EvaluateConfig, options), Oracle()
    line = FaultLine(parse_faults(faults), seed=0)
    with PredictionLog(folder) as log:
        Replay(oracle, config, mount, log).run(line.inject(events))
    frames = np.array([event.origin_ns for event in events if event.kind == IMAGE])
    stamps = START + np.arange(-5, 300, dtype=np.int64) * S // 10
    truth = Truth(stamps, np.stack([base_at(int(stamp)) for stamp in stamps]))
    write_reference(folder, frames, truth)
    return load_run(folder), oracle, line


def judged_of(run: Run) -> Any:
    return judge(run, EvaluateConfig().evaluation)


def reasons(run: Run) -> list[str]:
    return list(dict.fromkeys(f"{one.state.value} {one.reason}" for one in run.statuses))


def test_every_frame_is_localized_where_it_was(tmp_path: Path) -> None:
    run, oracle, _ = replayed(tmp_path, stream())
    judged = judged_of(run)
    found = judged.fix_of_frame >= 0
    assert not found[0] and found[1:].all(), "the second confirms the first"
    assert len(run.poses) == 49
    assert judged.position_m.max() < 1e-9
    assert reasons(run) == ["BOOTSTRAPPING unconfirmed", "TRACKING ok"]
    assert [prior is None for prior in oracle.priors] == [True] * 2 + [False] * 48
    assert set(run.seen_ns) == set(run.frames_ns.tolist())
    assert len(run.transforms.stamps_ns) > 350, "map to odom 40 times a second"
    assert judged.latency_ms.min() > 0


def test_two_runs_write_the_same_poses(tmp_path: Path) -> None:
    words = ("drop=0.3", "delay=0.15", "odom_dropout@3=1", "kidnap@5=2", "crowd")
    texts = []
    for name in ("a", "b"):
        run, _, _ = replayed(tmp_path / name, stream(), *words)
        texts.append((tmp_path / name / "poses.tum").read_bytes())
        assert len(run.poses) > 10
    assert texts[0] == texts[1]


def test_images_wait_for_odometry_but_not_for_ever(tmp_path: Path) -> None:
    run, oracle, _ = replayed(tmp_path / "a", stream(odometry_late_ms=90))
    assert len(run.transforms.stamps_ns) > 350
    assert judged_of(run).latency_ms[1:].min() >= 70 - 1e-6
    assert "TRACKING ok" in reasons(run)
    run, _, _ = replayed(tmp_path / "b", stream(odometry_late_ms=400))
    assert "DEGRADED no_odometry" in reasons(run)
    assert judged_of(run).latency_ms[1:].min() >= 100 - 1e-6
    run, _, _ = replayed(tmp_path / "c", stream(odometry_late_ms=400), odometry="none")
    assert "TRACKING ok" in reasons(run) and len(run.transforms.stamps_ns) == 0


def test_masks_are_waited_for_while_they_come(tmp_path: Path) -> None:
    events = stream()
    for event in [one for one in events if one.kind == IMAGE and one.stamp_ns < START + 5 * S]:
        mask = np.zeros((48, 64), np.uint8)
        mask[:12] = 255
        events.append(Event(event.at_ns + 10_000_000, event.stamp_ns, MASK, mask, event.stamp_ns))
    run, oracle, _ = replayed(tmp_path, sorted(events, key=lambda event: event.at_ns))
    kinds = [one.values["mask"] for one in run.statuses]
    assert kinds[1:25] == ["exact"] * 24
    assert kinds[25:27] == ["last", "none"], "200 ms old, then too old"
    assert [frame.mask is None for frame in oracle.frames[23:28]] == [False] * 3 + [True] * 2
    assert run.statuses[3].values["masked_fraction"] == "0.2500"


def test_only_its_own_labels_are_an_images(tmp_path: Path) -> None:
    """They come 40 ms after the images, and for some they are broken or do not come."""
    events = stream()
    for number, event in enumerate([one for one in events if one.kind == IMAGE]):
        stamp, labels = event.stamp_ns, np.full((48, 64), number, np.uint8)
        value = {20: DatasetError("torn"), 30: labels[:, 1:]}.get(number, labels)
        if number != 40:
            events.append(Event(event.at_ns + 40_000_000, stamp, LABELS, value, stamp))
    options = {"labels_wait_ms": 60.0, "gravity": "none"}
    run, oracle, _ = replayed(tmp_path, sorted(events, key=lambda one: one.at_ns), **options)
    kinds = ["none" if number in (0, 20, 30, 40) else "exact" for number in range(50)]
    assert [one.values["labels"] for one in run.statuses] == kinds
    for number, (frame, kind) in enumerate(zip(oracle.frames, kinds, strict=True)):
        assert (frame.labels is None) == (kind == "none")
        assert frame.labels is None or frame.labels[0, 0] == number
    assert oracle.frames[5].down_camera is None
    assert run.statuses[5].values["labelled_fraction"] == "1.0000"
    waited = [float(one.values["latency_ms"]) for one in run.statuses]
    assert min(waited[1:]) >= 40 and waited[40] >= 60, "where none comes, as long as is allowed"


def test_the_imu_tells_down_from_its_mount_on(tmp_path: Path) -> None:
    """Its axes are the camera's; what is stale, or of an unknown frame, is not known."""
    force = BASE_FROM_CAMERA[:3, :3].T @ np.array([0, 0, 9.81])
    events = stream()
    for event in [one for one in events if one.kind == ODOMETRY and one.stamp_ns < START + 5 * S]:
        late = event.stamp_ns >= START + 4 * S
        sample = ImuSample("unknown" if late else "camera", force, None, None)
        events.append(Event(event.stamp_ns, event.stamp_ns, IMU, sample, event.stamp_ns))
    events = sorted(events, key=lambda event: event.at_ns)
    _, oracle, _ = replayed(tmp_path / "imu", events, gravity="imu")
    down = -force / 9.81
    for frame in oracle.frames[:20]:
        np.testing.assert_allclose(frame.down_camera, down, atol=1e-12)
    assert all(frame.down_camera is None for frame in oracle.frames[20:])
    run, oracle, _ = replayed(tmp_path / "level", events)
    np.testing.assert_allclose(oracle.frames[-1].down_camera, down, atol=1e-12)
    assert run.statuses[-1].values["gravity"] == "True"


def test_what_the_node_refuses_is_refused(tmp_path: Path) -> None:
    events = stream(4.0)
    images = [event for event in events if event.kind == IMAGE]
    changed = {
        id(images[3]): Event(
            images[3].at_ns, images[3].stamp_ns, IMAGE, DatasetError("torn"), images[3].origin_ns
        ),
        id(images[5]): Event(
            images[5].at_ns, images[5].stamp_ns, IMAGE, images[5].value, images[5].origin_ns, "x"
        ),
    }
    first_camera = next(event for event in events if event.kind == CAMERA)
    events = [changed.get(id(event), event) for event in events if event is not first_camera]
    run, oracle, _ = replayed(tmp_path, events)
    said = {one.stamp_ns: one.reason for one in run.statuses}
    stamps = [event.origin_ns for event in images]
    assert said[stamps[0]] == "no_camera_info"
    assert said[stamps[3]] == "bad_image"
    assert said[stamps[5]] == "missing_transform"
    assert len(oracle.frames) == len(images) - 3


def test_a_blackout_ages_the_state_and_ends(tmp_path: Path) -> None:
    run, _, _ = replayed(tmp_path, stream(), "blackout@3=4")
    judged = judged_of(run)
    assert [one for one in reasons(run) if one.startswith("DEGRADED")] == ["DEGRADED bad_image"]
    assert judged.frame_states[-1] == "TRACKING"
    assert judged.fix_of_frame[15:34].max() == -1


def test_what_time_says_does_not_pass_for_the_answer_to_an_image(tmp_path: Path) -> None:
    """Images that come at their own stamp, when the state is looked after, too."""
    events = [replace(event, at_ns=event.stamp_ns) for event in stream()]
    lost = START + 3 * S, START + 7 * S
    events = [
        one for one in events if one.kind != IMAGE or not lost[0] <= one.stamp_ns < lost[1]
    ]
    run, _, _ = replayed(tmp_path, events)
    assert "DEGRADED no_image" in reasons(run)
    assert (judged_of(run).fix_of_frame[1:] >= 0).all()


def test_a_silent_camera_is_told_by_time_alone(tmp_path: Path) -> None:
    events = [
        one for one in stream(20.0) if one.kind == ODOMETRY or one.stamp_ns < START + 2 * S
    ]
    run, _, _ = replayed(tmp_path, events, **{"tracking.lost_after": 10.0})
    assert reasons(run)[1:] == ["TRACKING ok", "DEGRADED no_image", "LOST no_image"]


def test_broken_odometry_is_left_out(tmp_path: Path) -> None:
    run, _, _ = replayed(tmp_path, stream(), "nan_odom@3=3")
    assert judged_of(run).position_m.max() < 1e-9
    assert "DEGRADED no_odometry" in reasons(run)
    assert len(run.poses) == 49


def test_clocks_that_jump_back_start_anew_and_are_judged_by_the_recordings_time(
    tmp_path: Path,
) -> None:
    run, oracle, _ = replayed(tmp_path, stream(), "clockjump@6s=-4s")
    judged = judged_of(run)
    assert judged.position_m.max() < 1e-9 and (judged.fix_of_frame >= 0).mean() > 0.9
    unguided = sum(prior is None for prior in oracle.priors)
    assert unguided == 4, "two at the start; after the jump nothing is known"
    assert np.all(np.diff(run.poses.stamps_ns) > 0)


@pytest.mark.parametrize("jump", ["4s", "0.3s", "-0.05s", "-4s"])
def test_latency_and_tf_are_by_the_recordings_clock(tmp_path: Path, jump: str) -> None:
    """The clock jumps while an image waits for odometry, 30 ms after it came."""
    events = stream(odometry_late_ms=90)
    run, _, line = replayed(tmp_path, events, f"clockjump@6.03={jump}")
    assert line.idle == []
    latencies = judged_of(run).latency_ms
    lost = jump == "-4s"  # what was waiting is forgotten, as what it waited for is
    assert len(latencies) == 50 - lost
    assert latencies[1:].min() >= 70 - 1e-6
    assert latencies.max() < 350, "the clock's jump is no time that passed"
    assert np.diff(run.transforms.received_ns).min() >= 0, "no time is lived twice"
    assert len(run.transforms.stamps_ns) > 350


def test_a_kidnapped_robot_is_found_again(tmp_path: Path) -> None:
    run, _, line = replayed(tmp_path, stream(20.0), "kidnap@5s=8s")
    judged = judged_of(run)
    after = run.frames_ns >= line.kidnaps_ns[0]
    assert judged.fix_of_frame[after][-1] >= 0
    assert judged.position_m.max() < 1e-9


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="a folder that can be written"):
        PredictionLog(tmp_path / "file")
