"""The executables as a robot runs them: processes, signals, exit codes, files."""

import json
import os
import select
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from geometry_msgs.msg import PoseWithCovarianceStamped
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo
from tf2_msgs.msg import TFMessage

from semloc_ros.geometry import se3
from semloc_ros.nodes import messages


@pytest.fixture
def start(ros, project_root):
    """`start("localizer", "-p", "map:=x")`: that node's process, in this module's domain."""
    running = []

    def begin(node, *arguments, code=None):
        environment = os.environ | {
            "ROS_DOMAIN_ID": str(ros), "PYTHONPATH": str(project_root), "PYTHONUNBUFFERED": "1",
        }
        program = ["-c", code] if code else ["-m", f"semloc_ros.nodes.{node}"]
        command = [sys.executable, *program, "--ros-args", *arguments]
        running.append(
            subprocess.Popen(
                command, env=environment, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )
        )
        return running[-1]

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def read_until(process, words, timeout_s=60.0):
    """Output up to the line with the words."""
    seen, deadline = "", time.monotonic() + timeout_s
    while words not in seen:
        assert time.monotonic() < deadline and process.poll() is None, seen
        if select.select([process.stdout], [], [], 0.1)[0]:
            seen += os.read(process.stdout.fileno(), 65536).decode()
    return seen


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_bad_map_leaves_the_localizer_alive_and_signals_end_it_cleanly(start, stop):
    process = start("localizer", "-p", "map:=/no/such/map")
    seen = read_until(process, "configure failed")
    assert "/no/such/map: expected a map folder" in seen
    assert len(seen.strip().splitlines()) == 1
    time.sleep(0.3)
    assert process.poll() is None, "alive, unconfigured"
    process.send_signal(stop)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in rest


SLOW_LOAD = """
import sys, time
from semloc_ros.nodes import localizer, running
def load(config):
    print("loading", flush=True)
    time.sleep(1.0)
    return object()
sys.exit(running.run(lambda: localizer.LocalizerNode(load)))
"""


def test_a_signal_while_the_map_is_read_ends_the_localizer_cleanly(start, ros):
    process = start("localizer", code=SLOW_LOAD)
    read_until(process, "loading")
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and "Traceback" not in rest


@pytest.mark.parametrize(
    ("node", "arguments", "line"),
    [
        ("localizer", ["-p", "tf_rate:=5.0"], "tf_rate: expected 20 to 200, got 5.0"),
        (
            "localizer",
            ["-p", "pnp.min_inlier:=20"],
            "pnp.min_inlier: unknown parameter, did you mean pnp.min_inliers?",
        ),
        ("localizer", ["-p", "map:=3"], "map: expected a str, got 3"),
        (
            "fgsn_segmenter",
            ["-p", "labeller.devise:=cpu"],
            "labeller.devise: unknown parameter, did you mean labeller.device?",
        ),
        (
            "dynamic_segmenter",
            ["-p", "propagation.max_agee:=1.0"],
            "propagation.max_agee: unknown parameter, did you mean propagation.max_age?",
        ),
        (
            "ooi_matcher",
            ["-p", "ooi.refine:=pixels"],
            "ooi.refine: expected none or homography or photometric, got 'pixels'",
        ),
        (
            "place_retriever",
            ["-p", "retriever.models:=a", "-p", "retriever.count:=0"],
            "retriever.count: expected 1 to 10000, got 0",
        ),
        (
            "pose_regressor",
            ["-p", "regressor.devise:=cpu"],
            "regressor.devise: unknown parameter, did you mean regressor.device?",
        ),
        (
            "slam_bridge",
            ["-p", "alignment.known_scale:=maybe"],
            "alignment.known_scale: expected a bool, got 'maybe'",
        ),
        ("recorder", [], "out: expected a folder to record to, got ''"),
        ("recorder", ["-p", "out:=/proc/none"], "/proc/none: expected a folder that can be"),
        (
            "fault_injector",
            ["-p", "inject:=blur dorp=0.2"],
            "inject: 'dorp': unknown fault, did you mean drop?",
        ),
        (
            "fault_injector",
            ["-p", "inject:=clockjump@3"],
            "inject: clockjump: expected use_sim_time and remappings such as /clock:=/recorded",
        ),
    ],
)
def test_wrong_parameters_end_the_process_with_one_line(start, node, arguments, line):
    process = start(node, *arguments)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert output.startswith(line) and len(output.strip().splitlines()) == 1


def test_the_recorder_writes_what_it_hears(start, ros, tmp_path):
    import rclpy

    robot = rclpy.create_node("speaker")
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    pose_pub = robot.create_publisher(PoseWithCovarianceStamped, "/localizer/pose", latched)
    status_pub = robot.create_publisher(DiagnosticStatus, "/localizer/status", latched)
    tf_pub = robot.create_publisher(TFMessage, "/tf", 10)
    info_pub = robot.create_publisher(CameraInfo, "/camera/camera_info", 10)
    out = tmp_path / "run"
    process = start(
        "recorder", "-p", f"out:={out}", "-r", "camera_info:=/camera/camera_info"
    )
    publishers = (pose_pub, status_pub, tf_pub, info_pub)
    deadline = time.monotonic() + 60
    while not all(one.get_subscription_count() for one in publishers):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    pose, stamp = se3.exp([1, 2, 3, 0.1, 0.2, 0.3]), 1_700_000_000_123_456_789
    pose_pub.publish(
        messages.to_pose_with_covariance(pose, np.diag(np.arange(6.0)), "map", stamp)
    )
    values = {"state": "TRACKING", "reason": "ok", "stamp": str(stamp), "score": "0.5"}
    pairs = [KeyValue(key=key, value=value) for key, value in values.items()]
    status_pub.publish(DiagnosticStatus(values=pairs))
    transforms = [
        messages.to_transform(pose, "map", "odom", stamp + 5),
        messages.to_transform(pose, "odom", "base_link", stamp + 5),
    ]
    lines, kinds = out / "predictions.jsonl", set()
    while kinds != {"frame", "pose", "status", "tf"}:
        assert time.monotonic() < deadline, kinds
        # again and again: who is matched here may not yet be matched there
        tf_pub.publish(TFMessage(transforms=transforms))
        info_pub.publish(CameraInfo(header=messages.header("camera", stamp)))
        time.sleep(0.1)
        kinds = {json.loads(line)["kind"] for line in lines.read_text().split("\n")[:-1]}
    robot.destroy_node()
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and "Traceback" not in rest
    records = {record["kind"]: record for record in map(json.loads, lines.open())}
    assert all(isinstance(record["received_ns"], int) for record in records.values())
    assert records["frame"]["stamp_ns"] == records["pose"]["stamp_ns"] == stamp
    np.testing.assert_allclose(records["pose"]["position"], pose[:3, 3])
    assert np.reshape(records["pose"]["covariance"], (6, 6))[5, 5] == 5.0
    status = records["status"]
    assert (status["stamp_ns"], status["state"], status["reason"]) == (stamp, "TRACKING", "ok")
    assert status["values"] == {"score": "0.5"}
    assert records["tf"]["child"] == "odom", "only what hangs on the map"
    words = (out / "poses.tum").read_text().split()
    assert words[0] == "1700000000.123456789" and len(words) == 8
