"""The ROS part of the demo: localizer, the nodes beside it, recorder and replay as processes."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from semloc_ros.cli.processes import Child, running, sleep, wait_for
from semloc_ros.cli.ros_process import SOURCE_ROS, node_command
from semloc_ros.config import DemoConfig, DemoNodesConfig, LocalizerNodeConfig
from semloc_ros.errors import EnvironmentFault, expected
from semloc_ros.options import describe

IMAGE, CAMERA_INFO = "/camera/image_raw/compressed", "/camera/camera_info"
ODOMETRY, TRUTH = "/odom", "/ground_truth/pose"
_IMAGE_TYPE, _CLOUD = "sensor_msgs/msg/Image", "sensor_msgs/msg/PointCloud2"
_STATUS = "diagnostic_msgs/msg/DiagnosticStatus"


@dataclass(frozen=True, slots=True)
class Beside:
    """A node beside the localizer: `argument` of the launch file that gives its model, the topic of
    what it finds and of its status, by name and type."""

    name: str
    argument: str
    gives: str
    kind: str

    @property
    def topic(self) -> str:
        """Where what it finds is."""
        return f"/{self.name}/{self.gives}"

    @property
    def status(self) -> str:
        """Where it tells how it goes."""
        return f"/{self.name}/status"


MASKS = Beside("dynamic_segmenter", "masks_model", "mask", _IMAGE_TYPE)
LABELS = Beside("fgsn_segmenter", "labels_model", "labels", _IMAGE_TYPE)
PLACES = Beside("place_retriever", "places_model", "places", _CLOUD)
OBJECTS = Beside("ooi_matcher", "objects_model", "correspondences", _CLOUD)
_THREADS = ("dynamic.threads", "labeller.threads", "retriever.describer.threads", "ooi.threads")


def started(nodes: DemoNodesConfig) -> list[Beside]:
    """The nodes beside the localizer that have a model."""
    return [one for one in (MASKS, LABELS, PLACES, OBJECTS) if getattr(nodes, one.argument)]


def localize_bag(config: DemoConfig, query: Path, folder: Path, predictions: Path) -> None:
    """Replay the query bag to the localizer at real rate and record what it publishes.

    `folder` holds the map and gets the logs. Raises EnvironmentFault, with the end of the log,
    when one of the processes fails; none of them is left behind.
    """
    logs = folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    environ = private_graph(config, logs)
    with (
        _recorder(config, predictions, environ, logs) as recorder,
        running(
            "localizer", launch(config, folder / "map"), environ, logs / "localizer.log"
        ) as localizer,
        running("replay", _replay(config, query), environ) as replay,
    ):
        wait_for(replay, [localizer, recorder])
        sleep(config.settle, [localizer, recorder])


def private_graph(config: DemoConfig, logs: Path) -> dict[str, str]:
    """The environment of nodes that neither hear nor disturb a robot nearby."""
    environ = dict(os.environ)
    environ.pop("ROS_LOCALHOST_ONLY", None)  # would override the range
    own = int(environ.get("ROS_DOMAIN_ID", "") or 0)
    domain = config.domain or 1 + (os.getpid() - 1) % 100
    environ["ROS_DOMAIN_ID"] = str(domain if domain != own or config.domain else 101)
    environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    environ["ROS_LOG_DIR"] = str(logs.resolve())
    environ["PYTHONUNBUFFERED"] = "1"
    return environ


def launch(config: DemoConfig, map_folder: Path) -> list[str]:
    """The command that starts the localizer and the nodes beside it."""
    arguments = {
        "map": map_folder.resolve(), "use_sim_time": "true", "image_transport": "compressed",
        "image_topic": IMAGE, "camera_info_topic": CAMERA_INFO, "odom_topic": ODOMETRY,
        "features.max_features": config.max_features,
    }  # fmt: skip
    there = started(config.nodes)
    if there:
        arguments |= _waits_ms(config)
    for one, threads in zip((MASKS, LABELS, PLACES, OBJECTS), _THREADS, strict=True):
        if one in there:
            arguments[one.argument] = getattr(config.nodes, one.argument)
            arguments[threads] = config.nodes.threads
    if OBJECTS in there:
        arguments["ooi.doubtful"] = config.nodes.doubtful
    words = [f"{name}:={value}" for name, value in arguments.items()]
    return [ros2(), "launch", "semloc_ros", "localize.launch.py", *words]


def _waits_ms(config: DemoConfig) -> dict[str, float]:
    """How long the localizer waits for labels and objects: at a slower pace longer, as far as it
    may."""
    wanted = config.nodes.wait_ms / config.rate
    return {
        one.name: wanted if one.high is None else min(wanted, one.high)
        for one in describe(LocalizerNodeConfig)
        if one.name in ("labels_wait_ms", "objects_wait_ms")
    }


def _replay(config: DemoConfig, query: Path) -> list[str]:
    return node_command(
        "replay", str(query), "--wait-for", heard(config.nodes), "--rate", str(config.rate),
        "--wait-timeout", str(config.ready_timeout),
    )  # fmt: skip


def heard(nodes: DemoNodesConfig) -> str:
    """How often each topic is subscribed to once all are ready: images by all nodes, camera_info by
    localizer, recorder and the finder of objects, odometry by the localizer."""
    there = started(nodes)
    infos = 2 + (OBJECTS in there)
    return f"{IMAGE}={1 + len(there)},{CAMERA_INFO}={infos},{ODOMETRY}"


@contextmanager
def _recorder(
    config: DemoConfig, predictions: Path, environ: Mapping[str, str], logs: Path
) -> Iterator[Child]:
    beside = started(config.nodes)
    topics = [f"{one.topic}={one.kind},{one.status}={_STATUS}" for one in beside]
    command = node_command(
        "recorder", "--ros-args", "-p", f"out:={predictions.resolve()}",
        "-p", f"topics:='{','.join(topics)}'", "-r", f"camera_info:={CAMERA_INFO}",
    )  # fmt: skip
    with running("recorder", command, environ, logs / "recorder.log") as child:
        yield child


def ros2() -> str:
    """The `ros2` command of this environment, else that of the PATH."""
    beside = Path(sys.executable).parent / "ros2"
    found = str(beside) if beside.exists() else shutil.which("ros2")
    if found is None:
        raise EnvironmentFault(expected("ros2", f"the command ({SOURCE_ROS})", "none"))
    return found
