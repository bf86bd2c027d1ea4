"""Judging what `nodes.graph_check` saw of the ROS graph; pure functions of its facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from semloc_ros.cli.findings import Finding, fail, ok, skip, warn
from semloc_ros.config import DoctorConfig

Facts = Mapping[str, Any]

_SLOW_HZ = {"image": 2.0, "odom": 10.0}
_OLD_S = 1.0
_MAX_TRIP_MS = 50.0


def graph_findings(facts: Facts, config: DoctorConfig) -> Iterator[Finding]:
    """Everything about the graph, in the order in which a user would mend it."""
    odometry = ("odom",) if config.odometry == "topic" else ()
    yield _round_trip(facts)
    for role in ("image", "camera_info", *odometry):
        yield _topic(role, facts, config)
    for role in ("image", "camera_info", *odometry, "tf", "tf_static"):
        yield from _qos(role, facts)
    yield _image(facts)
    yield _camera_info(facts)
    yield _odometry(facts, config)
    yield _camera_mount(facts, config)
    yield from _parents(facts)
    yield _clock(facts)
    yield _stamps(("image", *odometry), facts)


def _round_trip(facts: Facts) -> Finding:
    trip = facts["round_trip_ms"]
    rmw = facts["rmw"]
    if trip is None:
        mend = (
            "processes of this machine do not hear each other: export"
            " ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST, check the firewall (UDP 7400 and up)"
            " and remove /dev/shm/fastrtps_* of dead processes"
        )
        return fail("DDS", f"{rmw}: no answer from another process in 10 s", mend)
    if trip > _MAX_TRIP_MS:
        return warn("DDS", f"{rmw}: round trip {trip:.0f} ms", "the machine is busy: see `top`")
    return ok("DDS", f"{rmw}: round trip {trip:.1f} ms")


def _topic(role: str, facts: Facts, config: DoctorConfig) -> Finding:
    seen = facts["topics"][role]
    check, option = seen["topic"], f"--{role.replace('_', '-')}-topic"
    if not seen["publishers"]:
        return fail(check, "nobody publishes it", f"start the driver or replay; or give {option}")
    if seen["types"] != [seen["wanted_type"]]:
        return fail(check, f"type {', '.join(seen['types'])}", _type_mend(role, seen))
    if seen["count"] == 0:
        mend = "is the driver running (or the bag paused)? see its log"
        return fail(check, f"published by {_list(seen['publishers'])}, but nothing came", mend)
    rate = seen["rate_hz"]
    found = "one message" if rate is None else f"{rate:.1f} Hz from {_list(seen['publishers'])}"
    if len(seen["publishers"]) > 1:
        return warn(check, found, "stop all publishers but one: their messages are mixed")
    if rate is not None and rate < _SLOW_HZ.get(role, 0.0):
        return warn(check, found, f"a robot wants at least {_SLOW_HZ[role]:g} Hz")
    return ok(check, found)


def _type_mend(role: str, seen: Facts) -> str:
    if role == "image":
        other = "raw" if "Compressed" in seen["wanted_type"] else "compressed"
        return f"image_transport:={other}, or another image topic; wanted {seen['wanted_type']}"
    return f"choose the topic of type {seen['wanted_type']}"


def _qos(role: str, facts: Facts) -> Iterator[Finding]:
    seen = facts["topics"][role]
    for line in seen["incompatible"]:
        mend = "publish it reliable"
        if role == "tf_static":
            mend = "publish it reliable and transient local, as tf2_ros.StaticTransformBroadcaster"
        yield fail(f"QoS of {seen['topic']}", line, mend)


def _image(facts: Facts) -> Finding:
    image = facts["image"]
    if image is None:
        return skip("image", "none came")
    if "error" in image:
        return fail("image", image["error"], "publish 8-bit mono, rgb or bgr images")
    if not image["frame_id"]:
        return fail("image", "header.frame_id is empty", "set the driver's camera frame")
    return ok("image", f"{image['width']}x{image['height']} in {image['frame_id']}")


def _camera_info(facts: Facts) -> Finding:
    info, image = facts["camera_info"], facts["image"]
    if info is None:
        return skip("camera_info", "none came")
    if "error" in info:
        return fail("camera_info", info["error"], "calibrate: ros2 run camera_calibration …")
    size = (info["width"], info["height"])
    if image and "error" not in image and size != (image["width"], image["height"]):
        found = f"{size[0]}x{size[1]}, but images are {image['width']}x{image['height']}"
        return fail("camera_info", found, "calibrate at the resolution that is published")
    if image and info["frame_id"] != image["frame_id"]:
        found = f"frame {info['frame_id']}, but images are in {image['frame_id']}"
        return warn("camera_info", found, "is it of the same camera? the image's frame is used")
    return ok("camera_info", f"{info['model']}, {size[0]}x{size[1]}, fx {info['fx']:.1f}")


def _odometry(facts: Facts, config: DoctorConfig) -> Finding:
    if config.odometry == "none":
        return skip("odometry", "not used (--odometry none)")
    if config.odometry == "tf":
        return _odometry_in_tf(facts, config)
    odometry = facts["odom"]
    if odometry is None:
        return skip("odometry", "none came; --odometry tf or none work without")
    if "error" in odometry:
        return fail("odometry", odometry["error"], "odom_frame:=…, base_frame:=… as the robot's")
    return ok("odometry", "frames and numbers are right")


def _odometry_in_tf(facts: Facts, config: DoctorConfig) -> Finding:
    """Whether tf leads from the base up to the odometry's frame."""
    parents = {child: parent for parent, child, _ in facts["tf_edges"]}
    path = _to_root(config.base_frame, parents)
    if config.odom_frame not in path[1:]:
        mend = "start what broadcasts it, or give --odom-frame and --base-frame as the robot's"
        found = f"{config.base_frame} is not below {config.odom_frame} in tf"
        return fail("odometry", found, mend)
    return ok("odometry", f"{config.odom_frame} → {config.base_frame} in tf")


def _camera_mount(facts: Facts, config: DoctorConfig) -> Finding:
    """Whether tf connects the camera to the base."""
    image = facts["image"]
    if not image or not image["frame_id"]:
        return skip("tf of the camera", "no image came")
    parents = {child: parent for parent, child, _ in facts["tf_edges"]}
    ends = config.base_frame, image["frame_id"].lstrip("/")
    roots = [_to_root(frame, parents) for frame in ends]
    if roots[0][-1] != roots[1][-1]:
        mend = (
            "publish the mount: ros2 run tf2_ros static_transform_publisher --frame-id"
            f" {ends[0]} --child-frame-id {ends[1]} --x … (optical: z forward)"
        )
        return fail("tf of the camera", f"{ends[1]} is not connected to {ends[0]}", mend)
    return ok("tf of the camera", f"{ends[0]} ← {ends[1]}")


def _to_root(frame: str, parents: Mapping[str, str]) -> list[str]:
    """The frame and its ancestors; ends also where the tree bites its tail."""
    path = [frame]
    while path[-1] in parents and parents[path[-1]] not in path:
        path.append(parents[path[-1]])
    return path


def _parents(facts: Facts) -> Iterator[Finding]:
    """A frame with two parents: tf jumps between them."""
    parents: dict[str, list[str]] = {}
    for parent, child, _ in facts["tf_edges"]:
        parents.setdefault(child, []).append(parent)
    doubled = {child: found for child, found in parents.items() if len(set(found)) > 1}
    for child, found in doubled.items():
        mend = "two nodes publish it: stop one (set publish_tf:=false if it is the localizer)"
        yield fail("tf tree", f"{child} has the parents {' and '.join(sorted(found))}", mend)
    if not doubled:
        yield ok("tf tree", f"{len(parents)} transforms, one parent each")


def _clock(facts: Facts) -> Finding:
    clock, simulated = facts["topics"]["clock"], facts["use_sim_time"]
    publishers = len(clock["publishers"])
    if publishers > 1:
        mend = "stop all but one: time jumps between them"
        return fail("clock", f"/clock comes from {_list(clock['publishers'])}", mend)
    if simulated is None:
        return ok("clock", "from /clock" if publishers else "the system's; no localizer runs")
    if simulated and not publishers:
        mend = "replay with --clock, or start the localizer with use_sim_time:=false"
        return fail("clock", "the localizer waits for /clock, which nobody publishes", mend)
    if publishers and not simulated:
        mend = "start the localizer with use_sim_time:=true"
        return fail("clock", "/clock is published, but the localizer uses the system's", mend)
    return ok("clock", "the localizer uses " + ("/clock" if simulated else "the system's"))


def _stamps(roles: tuple[str, ...], facts: Facts) -> Finding:
    """Stamps far from the time that nodes see are refused by tf."""
    ages = {
        role: facts["topics"][role]["stamp_age_s"]
        for role in roles
        if facts["topics"][role]["stamp_age_s"] is not None
    }
    if not ages:
        return skip("stamps", "no stamped message came")
    role, age = max(ages.items(), key=lambda pair: abs(pair[1]))
    found = f"{role}: {abs(age):.3f} s {'behind' if age >= 0 else 'ahead of'} the clock"
    if abs(age) > _OLD_S:
        mend = (
            "a bag needs --clock and use_sim_time:=true; on a robot, set the driver's clock"
            " (chrony, PTP) and let it stamp at exposure"
        )
        return fail("stamps", found, mend)
    return ok("stamps", found)


def _list(names: list[str]) -> str:
    return ", ".join(names)
