"""One tree, two installs: pip and colcon put everything where ROS looks for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NODES = sorted(path.name for path in (ROOT / "scripts").iterdir())
# what colcon needs beside itself: its Python support is older than setuptools 70
COLCON = ["setuptools<70", "colcon-common-extensions"]


def check_prefix(prefix: Path) -> None:
    """What `ros2 launch` and `ros2 run` need of a prefix."""
    assert (prefix / "share/ament_index/resource_index/packages/semloc_ros").exists()
    share = prefix / "share" / "semloc_ros"
    assert (share / "package.xml").read_text() == (ROOT / "package.xml").read_text()
    for folder, pattern in (
        ("launch", "*.launch.py"), ("config", "*.yaml"), ("models", "*"), ("rviz", "*.rviz"),
    ):  # fmt: skip
        expected = {path.name for path in (ROOT / folder).glob(pattern)}
        assert expected and {path.name for path in (share / folder).glob(pattern)} == expected
    for node in NODES:
        executable = prefix / "lib" / "semloc_ros" / node
        assert os.access(executable, os.X_OK), executable
    assert os.access(prefix / "bin" / "semloc", os.X_OK)


def check_modules(site_packages: Path) -> None:
    """Every module of the source is there, and nothing but the package."""
    expected = {path.relative_to(ROOT) for path in (ROOT / "semloc_ros").rglob("*.py")}
    installed = {
        path.relative_to(site_packages) for path in (site_packages / "semloc_ros").rglob("*.py")
    }
    assert installed == expected
    assert (site_packages / "semloc_ros" / "py.typed").exists()
    assert not {"test", "launch", "scripts"} & {path.name for path in site_packages.iterdir()}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is under version control or new, so that no build leaves traces here."""
    copy = tmp_path_factory.mktemp("source") / "semloc_ros"
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    if names.returncode != 0:
        pytest.skip("not a git checkout")
    for name in filter(None, names.stdout.splitlines()):
        if (ROOT / name).exists():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
            (copy / name).chmod((ROOT / name).stat().st_mode)
    return copy


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """What a command printed; fails the test where it fails."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PIP_NO_INPUT": "1"}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


def site_packages(prefix: Path) -> Path:
    return next(prefix.glob("lib/python3*/site-packages"))


@pytest.mark.slow
def test_pip_install(source: Path, tmp_path: Path) -> None:
    run(
        sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation",
        "--no-warn-script-location", "--ignore-installed", "--prefix", tmp_path, source,
    )  # fmt: skip
    check_prefix(tmp_path)
    check_modules(site_packages(tmp_path))


@pytest.fixture
def colcon(tmp_path: Path) -> Path:
    """The machine's colcon, or one in an environment inside of this one, for later runs too."""
    present = shutil.which("colcon")
    if present is not None:
        return Path(present)
    tools = (tmp_path if sys.prefix == sys.base_prefix else Path(sys.prefix)) / "colcon"
    if not (tools / "bin" / "colcon").exists():
        venv.create(tools, with_pip=True)
        run(tools / "bin" / "pip", "install", "--quiet", *COLCON)
    return tools / "bin" / "colcon"


@pytest.mark.slow
def test_colcon_build(source: Path, colcon: Path, tmp_path: Path) -> None:
    shown = run(
        colcon, "--log-base", tmp_path / "log", "build", "--base-paths", source,
        "--build-base", tmp_path / "build", "--install-base", tmp_path / "install",
        cwd=tmp_path,
    )  # fmt: skip
    assert "1 package finished" in shown
    prefix = tmp_path / "install" / "semloc_ros"
    check_prefix(prefix)
    check_modules(site_packages(prefix))
    assert "AMENT_PREFIX_PATH" in (
        prefix / "share/semloc_ros/hook/ament_prefix_path.dsv"
    ).read_text()


def test_this_environment_is_complete() -> None:
    """`make setup` installs the tree editable: the code from here, the rest into the prefix."""
    found = metadata.distributions(name="semloc_ros", path=[sysconfig.get_path("purelib")])
    if not list(found):
        pytest.skip("semloc_ros is not installed by pip, only on the path")
    check_prefix(Path(sys.prefix))
