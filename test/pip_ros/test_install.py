"""The installer of pip_ros: into an environment with the ROS wheels, and nowhere else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from importlib import metadata
from pathlib import Path

import pytest

DISTRIBUTIONS = ("semloc-pip-ros", "semloc-tf2-msgs")
CHECK = """
import importlib, json, os, subprocess, sys
from ament_index_python.packages import get_package_share_directory
names = sys.argv[1:]
child = subprocess.run(["printenv", "AMENT_PREFIX_PATH"], capture_output=True, text=True)
print(json.dumps({
    "files": [importlib.import_module(name).__file__ for name in names],
    "shares": [get_package_share_directory(name) for name in names],
    "prefix": os.environ.get("AMENT_PREFIX_PATH"),
    "child": child.stdout.strip(),
}))
"""


def link_all(
    source: Path, target: Path, left_out: frozenset[str], files_only: bool = False
) -> None:
    """Link each entry of a folder into another, but those of certain real paths."""
    target.mkdir(parents=True, exist_ok=True)
    for entry in source.iterdir():
        wanted = os.path.realpath(entry) not in left_out and not (files_only and entry.is_dir())
        if wanted and not (target / entry.name).exists():
            (target / entry.name).symlink_to(entry)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that shares this one's ROS wheels by links, without what pip_ros installs."""
    if any(not _installed(name) for name in DISTRIBUTIONS):
        pytest.skip("pip_ros is not installed here: a ROS distribution's packages are in use")
    own = frozenset(
        os.path.realpath(path)
        for name in DISTRIBUTIONS
        for file in metadata.files(name) or []
        for path in (file.locate(), Path(file.locate()).parent)
        if Path(path).name not in ("site-packages", "lib", "packages", "rosidl_interfaces", "bin")
    )
    folder, here = tmp_path_factory.mktemp("environment") / "venv", Path(sys.prefix)
    venv.create(folder, with_pip=False, symlinks=True)
    # Folders of its own here: the generators search share/ without following links.
    for below, _, _ in os.walk(here / "share"):
        if os.path.realpath(below) not in own:
            link_all(Path(below), folder / Path(below).relative_to(here), own, files_only=True)
    link_all(here / "include", folder / "include", own)
    packages = Path(sysconfig.get_paths()["purelib"]).relative_to(here)
    link_all(here / packages, folder / packages, own)
    link_all(here / "lib", folder / "lib", own)
    return folder


def _installed(name: str) -> bool:
    try:
        return bool(metadata.version(name))
    except metadata.PackageNotFoundError:
        return False


def clean_environment(**changes: str) -> dict[str, str]:
    """This process's variables without what an environment's Python sets for its children."""
    ours = ("_ROS_WHEELS_BOOTSTRAP_COMPLETE", "LD_LIBRARY_PATH", "AMENT_PREFIX_PATH", "PYTHONPATH")
    return {**{key: value for key, value in os.environ.items() if key not in ours}, **changes}


def run(command: list[str | Path], **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(map(str, command)), capture_output=True, text=True, env=clean_environment(**changes)
    )


@pytest.fixture(scope="module")
def installer(project_root: Path) -> Path:
    return project_root / "pip_ros" / "install.py"


def packages(project_root: Path) -> list[str]:
    return [path.parent.name for path in project_root.glob("pip_ros/src/*/package.xml")]


def files_below(folder: Path) -> set[Path]:
    return {
        path
        for path in folder.rglob("*")
        if not path.is_symlink() and path.is_file() and "__pycache__" not in path.parts
    }


def test_install_use_and_uninstall(environment: Path, installer: Path, project_root: Path):
    """One story, because each installation takes seconds."""
    python, before = environment / "bin" / "python", files_below(environment)
    result = run([python, installer])
    assert result.returncode == 0, result.stderr
    assert "compiling tf2_msgs" in result.stdout

    names = [*packages(project_root), "tf2_msgs"]
    script = environment / "bin" / "check"
    script.write_text(f"#!/usr/bin/env python3\n{CHECK}")
    script.chmod(0o755)
    path = f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"
    for command in ([python, "-c", CHECK], [script], [python, script]):
        answer = json.loads(run([*command, *names], PATH=path).stdout)
        assert all(file.startswith(f"{environment}/lib/") for file in answer["files"])
        assert answer["shares"] == [f"{environment}/share/{name}" for name in names]
        assert answer["prefix"] == answer["child"] == str(environment)
    script.unlink()
    answer = run([environment / "bin" / "ros2", "launch", "--help"], PATH=path)
    assert answer.returncode == 0, answer.stderr

    result = run([python, installer])
    assert "up to date" in result.stdout and "compiling" not in result.stdout
    (environment / "share" / "tf2_ros" / "package.xml").unlink()
    assert "installed" in run([python, installer]).stdout
    assert (environment / "share" / "tf2_ros" / "package.xml").exists()

    assert run([python, installer, "--uninstall"]).returncode == 0
    assert files_below(environment) == before


def distribution(folder: Path) -> str:
    """A prefix that looks like a sourced distribution."""
    marker = folder / "share" / "ament_index" / "resource_index" / "packages" / "rclpy"
    marker.parent.mkdir(parents=True)
    marker.touch()
    return str(folder)


def test_nothing_is_installed_beside_a_ros_distribution(environment, installer, tmp_path):
    before = files_below(environment)
    sourced = distribution(tmp_path / "jazzy")
    result = run([environment / "bin" / "python", installer], AMENT_PREFIX_PATH=sourced)
    assert result.returncode == 0
    assert result.stdout.count("\n") == 1 and sourced in result.stdout
    assert files_below(environment) == before


def test_another_package_of_the_name_is_not_replaced(environment, installer, tmp_path):
    (tmp_path / "cv_bridge").mkdir()
    (tmp_path / "cv_bridge" / "__init__.py").touch()
    result = run([environment / "bin" / "python", installer], PYTHONPATH=str(tmp_path))
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1 and "cv_bridge" in result.stderr
    assert str(tmp_path) in result.stderr


def test_a_missing_compiler_is_one_line(environment, installer):
    python = environment / "bin" / "python"
    result = run([python, installer], CXX="no-such-compiler")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "no-such-compiler" in result.stderr and "apt install" in result.stderr


def test_an_environment_without_the_wheels_is_refused(installer, tmp_path):
    venv.create(tmp_path / "bare", with_pip=False, symlinks=True)
    result = run([tmp_path / "bare" / "bin" / "python", installer])
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1 and "rclpy" in result.stderr


def test_python_outside_an_environment_is_refused(installer):
    version = sysconfig.get_python_version()
    python = Path(sys.base_prefix, "bin", f"python{version}")
    if not python.exists():
        pytest.skip(f"no {python}")
    result = run([python, installer])
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1 and "virtual environment" in result.stderr


@pytest.fixture
def prefix_module(project_root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(project_root / "pip_ros"))
    import semloc_ros_prefix

    return semloc_ros_prefix


def test_the_prefix_is_appended_once(prefix_module, tmp_path):
    own = distribution(tmp_path / "venv")
    variables = {"AMENT_PREFIX_PATH": "/workspace/install/mine"}
    for _ in range(2):
        prefix_module.join_prefix_path(variables, own)
        assert variables["AMENT_PREFIX_PATH"] == f"/workspace/install/mine{os.pathsep}{own}"


def test_the_prefix_is_not_mixed_with_a_distribution(prefix_module, tmp_path):
    own, other = distribution(tmp_path / "venv"), distribution(tmp_path / "jazzy")
    variables = {"AMENT_PREFIX_PATH": other}
    prefix_module.join_prefix_path(variables, own)
    assert variables == {"AMENT_PREFIX_PATH": other}
