from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from semloc_ros.cli.doctor_environment import environment_findings, map_findings
from semloc_ros.cli.doctor_graph import graph_findings
from semloc_ros.cli.findings import Finding, Level
from semloc_ros.cli.main import app
from semloc_ros.config import DoctorConfig


def topic(name: str, kind: str, **more: Any) -> dict[str, Any]:
    seen = {
        "topic": name, "wanted_type": kind, "types": [kind], "publishers": ["driver"],
        "incompatible": [], "count": 60, "rate_hz": 20.0, "stamp_age_s": 0.01,
    }  # fmt: skip
    return seen | more


def healthy() -> dict[str, Any]:
    """A robot without a fault."""
    return {
        "rmw": "rmw_fastrtps_cpp",
        "round_trip_ms": 0.7,
        "use_sim_time": False,
        "topics": {
            "image": topic("/camera/image_raw", "sensor_msgs/msg/Image"),
            "camera_info": topic("/camera/camera_info", "sensor_msgs/msg/CameraInfo"),
            "odom": topic("/odom", "nav_msgs/msg/Odometry"),
            "tf": topic("/tf", "tf2_msgs/msg/TFMessage"),
            "tf_static": topic("/tf_static", "tf2_msgs/msg/TFMessage"),
            "clock": topic("/clock", "rosgraph_msgs/msg/Clock", publishers=[], count=0),
        },
        "image": {"frame_id": "camera_optical", "width": 640, "height": 480},
        "camera_info": {
            "frame_id": "camera_optical", "width": 640, "height": 480, "model": "pinhole",
            "fx": 500.0,
        },
        "odom": {},
        "tf_edges": [["odom", "base_link", False], ["base_link", "camera_optical", True]],
    }  # fmt: skip


def bad(facts: dict[str, Any], **options: Any) -> list[Finding]:
    found = graph_findings(facts, DoctorConfig(**options))
    return [one for one in found if one.level in (Level.WARN, Level.FAIL)]


def test_a_healthy_robot_has_no_faults() -> None:
    assert bad(healthy()) == []


def change(path: str, value: Any) -> dict[str, Any]:
    facts = healthy()
    *way, last = path.split(".")
    place = facts
    for step in way:
        place = place[step]
    place[last] = value
    return facts


@pytest.mark.parametrize(
    ("path", "value", "check", "mend"),
    [
        ("round_trip_ms", None, "DDS", "firewall"),
        ("topics.image.publishers", [], "/camera/image_raw", "--image-topic"),
        ("topics.odom.publishers", [], "/odom", "--odom-topic"),
        ("topics.image.types", ["sensor_msgs/msg/CompressedImage"], "/camera/image_raw",
         "image_transport:=compressed"),
        ("topics.image.count", 0, "/camera/image_raw", "paused"),
        ("topics.odom.rate_hz", 3.0, "/odom", "at least 10 Hz"),
        ("topics.image.publishers", ["a", "b"], "/camera/image_raw", "stop all publishers but"),
        ("topics.tf_static.incompatible", ["durability"], "QoS of /tf_static", "transient local"),
        ("image", {"frame_id": "camera_optical", "error": "image.encoding: …"}, "image", "8-bit"),
        ("camera_info.width", 1280, "camera_info", "resolution that is published"),
        ("camera_info", {"frame_id": "camera_optical", "error": "camera_info.k: zero"},
         "camera_info", "calibrate"),
        ("camera_info.frame_id", "other", "camera_info", "same camera"),
        ("odom", {"error": "odom: expected frames odom and base_link"}, "odometry", "odom_frame:="),
        ("tf_edges", [["odom", "base_link", False]], "tf of the camera",
         "static_transform_publisher"),
        ("tf_edges", [["odom", "base_link", False], ["base_link", "camera_optical", True],
                      ["other", "base_link", False]], "tf tree", "two nodes publish it"),
        ("use_sim_time", True, "clock", "use_sim_time:=false"),
        ("topics.clock.publishers", ["replay"], "clock", "use_sim_time:=true"),
        ("topics.clock.publishers", ["a", "b"], "clock", "stop all but one"),
        ("topics.image.stamp_age_s", 4e8, "stamps", "--clock and use_sim_time:=true"),
        ("topics.odom.stamp_age_s", -3.0, "stamps", "chrony"),
    ],
)  # fmt: skip
def test_each_fault_is_found_alone_and_has_its_mend(
    path: str, value: Any, check: str, mend: str
) -> None:
    (finding,) = bad(change(path, value))
    assert finding.check == check
    assert mend in finding.mend


def without_odometry_topic() -> dict[str, Any]:
    facts = healthy() | {"odom": None}
    silent = {"publishers": [], "types": [], "count": 0, "rate_hz": None, "stamp_age_s": None}
    facts["topics"]["odom"] |= silent
    return facts


@pytest.mark.parametrize("odometry", ["tf", "none"])
def test_a_robot_without_a_topic_of_odometry_can_be_healthy(odometry: str) -> None:
    assert bad(without_odometry_topic(), odometry=odometry) == []
    assert [one.check for one in bad(without_odometry_topic())] == ["/odom"]


def test_odometry_of_tf_must_be_in_tf() -> None:
    facts = without_odometry_topic()
    facts["tf_edges"] = [["base_link", "camera_optical", True]]
    (finding,) = bad(facts, odometry="tf")
    assert "base_link is not below odom in tf" in finding.found
    assert bad(facts, odometry="none") == []


def test_a_ring_in_the_tf_tree_does_not_hang_the_doctor() -> None:
    ring = [["a", "b", False], ["b", "a", False], ["base_link", "camera_optical", True]]
    assert bad(change("tf_edges", ring)) == []


@pytest.mark.parametrize(
    ("environ", "check", "level"),
    [
        ({}, "AMENT_PREFIX_PATH", Level.FAIL),
        ({"AMENT_PREFIX_PATH": "/nowhere"}, "AMENT_PREFIX_PATH", Level.FAIL),
        ({"ROS_DOMAIN_ID": "300"}, "ROS_DOMAIN_ID", Level.FAIL),
        ({"ROS_DOMAIN_ID": "150"}, "ROS_DOMAIN_ID", Level.WARN),
        ({"ROS_DOMAIN_ID": ""}, "ROS_DOMAIN_ID", Level.OK),
        ({"ROS_LOCALHOST_ONLY": "1"}, "discovery", Level.WARN),
    ],
)
def test_the_environment_is_judged(environ: dict[str, str], check: str, level: Level) -> None:
    found = {one.check: one.level for one in environment_findings(environ)}
    assert found[check] is level


def test_the_package_is_found_in_a_prefix(tmp_path: Path) -> None:
    marker = tmp_path / "share/ament_index/resource_index/packages/semloc_ros"
    marker.parent.mkdir(parents=True)
    marker.touch()
    found = {one.check: one for one in environment_findings({"AMENT_PREFIX_PATH": str(tmp_path)})}
    assert found["AMENT_PREFIX_PATH"].level is Level.OK


def test_a_missing_map_is_one_line(tmp_path: Path) -> None:
    (finding,) = map_findings(tmp_path / "none")
    assert finding.level is Level.FAIL
    assert "none" in finding.found


def test_the_doctor_works_without_ros(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "rclpy" else real(name)
    )
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 1
    assert "make setup" in " ".join(done.output.split())
    assert "needs ROS 2" in done.output


def test_bad_options_are_named() -> None:
    done = CliRunner().invoke(app, ["doctor", "--image-transport", "jpeg"])
    assert "image_transport: expected raw or compressed" in str(done.exception)
