"""Installs the ROS Python packages that PyPI does not carry into this Python's environment.

    <venv>/bin/python pip_ros/install.py              install or renew, quick when up to date
    <venv>/bin/python pip_ros/install.py --uninstall  remove all of it again

The environment must hold the ROS wheels (rclpy and the message packages). Where a ROS distribution
is sourced nothing is installed: the distribution has the real packages.
"""

import argparse
import importlib.util
import os
import subprocess
import sys
import sysconfig
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from interface_builder import BuildFault, InterfacePackage, build, fingerprint
from semloc_ros_prefix import distribution_prefix
from wheel_writer import Content, WheelContent, digest, write_wheel

# Commands and the functions that they call; a command whose module is absent is left out.
CONSOLE_SCRIPTS = {
    "ros2": "ros2cli.cli:main",
}
HERE = Path(__file__).resolve().parent
PYTHON_DISTRIBUTION = "semloc-pip-ros"
TF2_MSGS_DISTRIBUTION = "semloc-tf2-msgs"
TF2_MSGS = InterfacePackage("tf2_msgs", HERE / "interfaces" / "tf2_msgs", ("geometry_msgs",))
VERSION = "1.0.0"


class InstallFault(Exception):
    """This environment cannot take the packages: one line says why."""


def main() -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--uninstall", action="store_true", help="remove what this installed")
    parser.add_argument(
        "--only-messages", action="store_true", help="tf2_msgs alone, for upstream's packages"
    )
    options = parser.parse_args()
    sourced = distribution_prefix(os.environ, sys.prefix)
    if sourced:
        print(f"pip_ros: a ROS distribution is sourced ({sourced}), it is used: nothing to do")
        return 0
    try:
        if options.uninstall:
            uninstall()
        else:
            install([] if options.only_messages else python_packages())
    except (InstallFault, BuildFault) as fault:
        print(f"pip_ros: {fault}", file=sys.stderr)
        return 1
    return 0


def install(packages: list[Path]) -> None:
    """Bring the pure Python packages, where there are any, and tf2_msgs up to date."""
    check_environment()
    names = [*(package.name for package in packages), TF2_MSGS.name]
    check_not_foreign(names)
    with tempfile.TemporaryDirectory(prefix="pip_ros_") as folder:
        work = Path(folder)
        wheels = stale_wheels(packages, work)
        if wheels:
            pip("install", "--no-index", "--no-deps", "--force-reinstall", *map(str, wheels))
    print(f"pip_ros: {'installed' if wheels else 'up to date'}: {', '.join(names)}")


def stale_wheels(packages: list[Path], work: Path) -> list[Path]:
    """The wheels, written below `work`, of the distributions that are not up to date."""
    wheels = []
    python, compiled = python_wheel(packages), tf2_msgs_wheel()
    if packages and not is_current(python):
        wheels.append(write_wheel(python, work))
    if not is_current(compiled):
        print("pip_ros: compiling tf2_msgs")
        add_build(compiled, work / "build")
        wheels.append(write_wheel(compiled, work))
    return wheels


def uninstall() -> None:
    """Remove both distributions."""
    pip("uninstall", "--yes", PYTHON_DISTRIBUTION, TF2_MSGS_DISTRIBUTION)


def check_environment() -> None:
    """Raise InstallFault where this Python is not a virtual environment with the ROS wheels."""
    if sys.prefix == sys.base_prefix:
        raise InstallFault(f"python: expected a virtual environment's, got {sys.executable}")
    for package in ("rclpy", *TF2_MSGS.dependencies):
        if not Path(sys.prefix, "share", package, "package.xml").exists():
            raise InstallFault(
                f"{package}: expected the ROS wheels in {sys.prefix}, got none "
                "(pip install 'ros-jazzy-rclpy[fastrtps]' ros-geometry-msgs)"
            )


def python_packages() -> list[Path]:
    """The folders in src/ that are ROS packages: Python package and package.xml in one."""
    return sorted(path.parent for path in HERE.glob("src/*/package.xml"))


def check_not_foreign(names: list[str]) -> None:
    """Raise InstallFault where one of the names is importable from a package that is not ours."""
    own = set(installed_files(PYTHON_DISTRIBUTION)) | set(installed_files(TF2_MSGS_DISTRIBUTION))
    for name in names:
        spec = importlib.util.find_spec(name)
        origin = spec.origin if spec else None
        if origin and os.path.realpath(origin) not in own:
            raise InstallFault(f"{name}: expected no other package of this name, got {origin}")


def installed_files(distribution: str) -> Iterator[str]:
    """Absolute paths of the files that a distribution put into this environment."""
    try:
        files = metadata.files(distribution) or []
    except metadata.PackageNotFoundError:
        return
    for file in files:
        yield os.path.realpath(file.locate())


def python_wheel(packages: list[Path]) -> WheelContent:
    """The distribution with the pure Python packages, their ament index and the start-up hook."""
    modules: dict[str, Content] = {
        "semloc_ros_prefix.py": HERE / "semloc_ros_prefix.py",
        "semloc_ros_prefix.pth": "import semloc_ros_prefix\n",
    }
    prefix: dict[str, Content] = {}
    for package in packages:
        name = ElementTree.parse(package / "package.xml").findtext("name", package.name)
        prefix.update(ament_files(name, package / "package.xml"))
        for path in package.rglob("*"):
            if path.is_file() and path.suffix != ".pyc" and path != package / "package.xml":
                modules[path.relative_to(package.parent).as_posix()] = path
    scripts = {
        command: target
        for command, target in CONSOLE_SCRIPTS.items()
        if target.split(":")[0].replace(".", "/") + ".py" in modules
    }
    version = f"{VERSION}+{digest({**modules, **prefix, 'scripts': repr(scripts)})}"
    summary = "ROS 2 Python packages that PyPI does not carry: API-compatible subsets"
    return WheelContent(
        PYTHON_DISTRIBUTION, version, summary, modules=modules, prefix=prefix, scripts=scripts
    )


def ament_files(name: str, manifest: Path) -> dict[str, Content]:
    """What makes `name` a ROS package in a prefix: the index marker and the manifest."""
    marker = f"share/ament_index/resource_index/packages/{name}"
    return {marker: "", f"share/{name}/package.xml": manifest}


def tf2_msgs_wheel() -> WheelContent:
    """The distribution of tf2_msgs without its compiled part: cheap, the version is known."""
    prefix = ament_files(TF2_MSGS.name, TF2_MSGS.folder / "package.xml")
    for message in TF2_MSGS.messages:
        prefix[f"share/{TF2_MSGS.name}/msg/{message.name}"] = message
    listing = "\n".join(f"msg/{path.name}" for path in TF2_MSGS.messages)
    prefix[f"share/ament_index/resource_index/rosidl_interfaces/{TF2_MSGS.name}"] = listing
    recipe: dict[str, Content] = {
        "fingerprint": fingerprint(),
        "builder": HERE / "interface_builder.py",
    }
    version = f"{VERSION}+{digest({**prefix, **recipe})}"
    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    summary = "tf2_msgs for Python, generated and compiled on this machine"
    return WheelContent(
        TF2_MSGS_DISTRIBUTION, version, summary, f"{python}-{python}-{platform}", prefix=prefix
    )


def add_build(wheel: WheelContent, work: Path) -> None:
    """Generate and compile tf2_msgs below `work` and add the results to `wheel`."""
    python, libraries = build(TF2_MSGS, Path(sys.prefix), work)
    for path in python.rglob("*"):
        if path.is_file() and path.suffix != ".c":
            wheel.modules[path.relative_to(python.parent).as_posix()] = path
    for path in libraries.iterdir():
        wheel.prefix[f"lib/{path.name}"] = path
    for path in (work / "source" / "msg").glob("*.idl"):
        wheel.prefix[f"share/{TF2_MSGS.name}/msg/{path.name}"] = path


def is_current(wheel: WheelContent) -> bool:
    """Whether exactly this version is installed and none of its files is gone."""
    try:
        installed = metadata.version(wheel.name)
    except metadata.PackageNotFoundError:
        return False
    return installed == wheel.version and all(map(os.path.exists, installed_files(wheel.name)))


def pip(*arguments: str) -> None:
    """Run pip of this environment; raises InstallFault with its last line where it fails."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        last = (result.stderr.strip() or result.stdout.strip()).splitlines()[-1:]
        raise InstallFault(f"pip {arguments[0]} failed: {' '.join(last)}")


if __name__ == "__main__":
    sys.exit(main())
