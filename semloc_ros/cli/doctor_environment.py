"""Checks of the machine that need no ROS: Python, packages, where ROS is, the map, models."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from semloc_ros.cli.findings import Finding, fail, ok, skip, warn
from semloc_ros.cli.ros_process import SOURCE_ROS, ros_found
from semloc_ros.errors import SemlocError

_PACKAGES = {  # module: distribution on PyPI
    "numpy": "numpy", "scipy": "scipy", "cv2": "opencv-python-headless", "poselib": "poselib",
    "pycolmap": "pycolmap", "numba": "numba", "rosbags": "rosbags", "yaml": "PyYAML",
    "rich": "rich",
}  # fmt: skip
_ROS_MODULES = (
    "rclpy", "sensor_msgs", "nav_msgs", "geometry_msgs", "diagnostic_msgs", "std_srvs",
    "tf2_msgs", "tf2_ros", "message_filters", "cv_bridge", "launch", "launch_ros",
)  # fmt: skip
_HIGHEST_DOMAIN = 101  # above, the ports run into those Linux hands out itself
_SHARED_MEMORY_BYTES = 32 * 2**20


def environment_findings(environ: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Everything about the machine that can be seen without ROS."""
    yield _python(sys.version_info[:2])
    yield _packages()
    yield _ros()
    yield _prefix(environ)
    yield _domain(environ)
    yield _discovery(environ)
    yield _shared_memory()


def map_findings(folder: Path | None) -> Iterator[Finding]:
    """Whether the map can be read and the localizer can use it."""
    if folder is None:
        yield skip("map", "no --map given")
        return
    from semloc_ros.config import LocalizerConfig
    from semloc_ros.localization.localizer import Localizer
    from semloc_ros.maps.storage import load_map

    try:
        found = load_map(folder)
        Localizer(found, LocalizerConfig())
    except SemlocError as error:
        yield fail("map", str(error), "rebuild it: semloc map build --help")
        return
    size = f"{found.num_points} points, {found.num_views} views"
    yield ok("map", f"{size}, {found.manifest.feature_model}")


def _python(version: tuple[int, ...]) -> Finding:
    found = ".".join(map(str, version)) + f" in {sys.prefix}"
    if version < (3, 10):
        return fail("python", found, "use Python 3.10 or newer")
    return ok("python", found)


def _packages() -> Finding:
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        wanted = " ".join(_PACKAGES[name] for name in missing)
        return fail("packages", f"missing: {', '.join(missing)}", f"pip install {wanted}")
    shown = ("numpy", "poselib", "pycolmap")
    return ok("packages", ", ".join(f"{one} {_version(one)}" for one in shown))


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:  # installed without metadata
        return "of unknown version"


def _ros() -> Finding:
    if not ros_found():
        return fail("ROS 2", "rclpy is not on the Python path", SOURCE_ROS)
    missing = [name for name in _ROS_MODULES if importlib.util.find_spec(name) is None]
    if missing:
        packages = " ".join("ros-$ROS_DISTRO-" + name.replace("_", "-") for name in missing)
        mend = f"apt install {packages}; without a ROS distribution: `make setup`"
        return fail("ROS 2", f"missing: {', '.join(missing)}", mend)
    distro = os.environ.get("ROS_DISTRO", "from wheels")
    return ok("ROS 2", f"{distro}, {importlib.util.find_spec('rclpy').origin}")  # type: ignore[union-attr]


def _prefix(environ: Mapping[str, str]) -> Finding:
    """Whether `ros2 launch` will find this package."""
    prefixes = [Path(one) for one in environ.get("AMENT_PREFIX_PATH", "").split(":") if one]
    if not prefixes:
        return fail("AMENT_PREFIX_PATH", "not set", SOURCE_ROS)
    marker = "share/ament_index/resource_index/packages/semloc_ros"
    there = [prefix for prefix in prefixes if (prefix / marker).exists()]
    if not there:
        mend = "colcon build, then source install/setup.bash; or `make setup`"
        return fail("AMENT_PREFIX_PATH", f"no semloc_ros in {len(prefixes)} prefixes", mend)
    if len(there) > 1:
        mend = "the first is used; source only one workspace"
        return warn("AMENT_PREFIX_PATH", f"semloc_ros in {', '.join(map(str, there))}", mend)
    return ok("AMENT_PREFIX_PATH", f"semloc_ros in {there[0]}")


def _domain(environ: Mapping[str, str]) -> Finding:
    word = environ.get("ROS_DOMAIN_ID", "") or "0"
    if not word.isdecimal() or int(word) > 232:
        return fail("ROS_DOMAIN_ID", word, "a number from 0 to 101, the same on every machine")
    if int(word) > _HIGHEST_DOMAIN:
        return warn("ROS_DOMAIN_ID", word, "above 101 its ports may be taken: choose 0 to 101")
    return ok("ROS_DOMAIN_ID", word)


def _discovery(environ: Mapping[str, str]) -> Finding:
    if environ.get("ROS_LOCALHOST_ONLY", "0") == "1":
        mend = "unset it; ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST is today's way"
        return warn("discovery", "ROS_LOCALHOST_ONLY=1: other machines are not seen", mend)
    reach = environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "SUBNET")
    return ok("discovery", f"range {reach}, {platform.node()}")


def _shared_memory() -> Finding:
    """Fast DDS carries images of this machine through /dev/shm."""
    try:
        free = shutil.disk_usage("/dev/shm").free
    except OSError:
        return warn("shared memory", "no /dev/shm", "mount it, or images go through the network")
    if free < _SHARED_MEMORY_BYTES:
        mend = "in a container: --shm-size=256m or --ipc=host; else remove old /dev/shm/fastrtps_*"
        return warn("shared memory", f"{free / 2**20:.0f} MiB free", mend)
    return ok("shared memory", f"{free / 2**20:.0f} MiB free")
