"""The ROS part of the demo: localizer, recorder and replay as processes of their own."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from semloc_ros.cli.processes import Child, running, sleep, wait_for
from semloc_ros.cli.ros_process import SOURCE_ROS, node_command
from semloc_ros.config import DemoConfig
from semloc_ros.errors import EnvironmentFault, expected

IMAGE, CAMERA_INFO = "/camera/image_raw/compressed", "/camera/camera_info"
ODOMETRY, TRUTH = "/odom", "/ground_truth/pose"
_HEARD = f"{IMAGE},{CAMERA_INFO}=2,{ODOMETRY}"  # by the localizer; camera_info by the recorder too


def localize_bag(config: DemoConfig, query: Path, folder: Path, predictions: Path) -> None:
    """Replay the query bag to the localizer at real rate and record what it publishes.

    `folder` holds the map and gets the logs. Raises EnvironmentFault, with the end of the log,
    when one of the processes fails; none of them is left behind.
    """
    logs = folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    environ = private_graph(config, logs)
    with (
        _recorder(predictions, environ, logs) as recorder,
        running(
            "localizer", _launch(config, folder / "map"), environ, logs / "localizer.log"
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


def _launch(config: DemoConfig, map_folder: Path) -> list[str]:
    arguments = {
        "map": map_folder.resolve(), "use_sim_time": "true", "image_transport": "compressed",
        "image_topic": IMAGE, "camera_info_topic": CAMERA_INFO, "odom_topic": ODOMETRY,
        "features.max_features": config.max_features,
    }  # fmt: skip
    words = [f"{name}:={value}" for name, value in arguments.items()]
    return [_ros2(), "launch", "semloc_ros", "localize.launch.py", *words]


def _replay(config: DemoConfig, query: Path) -> list[str]:
    return node_command(
        "replay", str(query), "--wait-for", _HEARD,
        "--wait-timeout", str(config.ready_timeout),
    )  # fmt: skip


@contextmanager
def _recorder(predictions: Path, environ: Mapping[str, str], logs: Path) -> Iterator[Child]:
    command = node_command(
        "recorder", "--ros-args", "-p", f"out:={predictions.resolve()}",
        "-r", f"camera_info:={CAMERA_INFO}",
    )  # fmt: skip
    with running("recorder", command, environ, logs / "recorder.log") as child:
        yield child


def _ros2() -> str:
    """The `ros2` command of this environment, else that of the PATH."""
    beside = Path(sys.executable).parent / "ros2"
    found = str(beside) if beside.exists() else shutil.which("ros2")
    if found is None:
        raise EnvironmentFault(expected("ros2", f"the command ({SOURCE_ROS})", "none"))
    return found
