"""Imports go one way: a room imports only from rooms above it, ROS stays in its rooms."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROWS = [
    {"types", "errors", "classes"},
    {"options"},
    {"config", "geometry"},
    {"maps", "networks", "retrieval"},
    {"perception"},
    {"localization"},
    {"datasets", "worlds"},
    {"learning", "evaluation"},
    {"nodes", "cli"},
]
ROW_OF = {room: number for number, rooms in enumerate(ROWS) for room in rooms}
FORBIDDEN = {("nodes", room) for room in ("learning", "datasets", "worlds")}
TORCH_ROOMS = {"networks", "perception", "learning"}
ROS = {
    "rclpy", "launch", "launch_ros", "cv_bridge", "message_filters", "tf2_ros", "tf2_py",
    "tf_transformations", "ament_index_python",
}  # fmt: skip
ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "semloc_ros").rglob("*.py"))


def is_ros(module: str) -> bool:
    top = module.split(".")[0]
    return top in ROS or top.endswith(("_msgs", "_srvs", "_interfaces"))


def room_of(path: Path) -> str:
    return path.relative_to(ROOT / "semloc_ros").parts[0].removesuffix(".py")


def imported(path: Path, *, top_level: bool = False) -> Iterator[str]:
    """Modules that a file imports, anywhere or only when it is imported itself."""
    tree = ast.parse(path.read_text())
    for node in tree.body if top_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            yield node.module or ""
            if node.module == "semloc_ros":
                yield from (f"semloc_ros.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    room = room_of(path)
    if room == "__init__":
        return
    for module in imported(path):
        other = module.split(".")[1] if module.startswith("semloc_ros.") else room
        if other == room or other.startswith("__"):
            continue
        assert ROW_OF[other] < ROW_OF[room], f"{room} imports {module}"
        assert (room, other) not in FORBIDDEN, f"{room} imports {module}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_ros_and_torch_stay_in_their_rooms(path: Path) -> None:
    room = room_of(path)
    if room != "nodes":
        assert not [module for module in imported(path) if is_ros(module)]
    if room not in TORCH_ROOMS:
        heavy = {"torch", "torchvision"}
        assert not heavy & {module.split(".")[0] for module in imported(path, top_level=True)}


def test_every_room_has_a_row() -> None:
    assert {room_of(path) for path in FILES} - {"__init__"} <= set(ROW_OF)


BLOCKED = """
import importlib, sys
class Block:
    def find_spec(self, name, path=None, target=None):
        top = name.split(".")[0]
        if top in blocked or top.endswith(("_msgs", "_srvs", "_interfaces")):
            raise ModuleNotFoundError(f"{name} is blocked in this test", name=name)
blocked = set(sys.argv[1].split(","))
sys.meta_path.insert(0, Block())
for name in sys.argv[2:]:
    importlib.import_module(name)
"""


def test_everything_but_the_nodes_imports_without_ros_and_torch() -> None:
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in FILES
        if room_of(path) not in {"nodes", "networks", "learning"}
    ]
    blocked = ",".join(ROS | {"torch", "torchvision"})
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED, blocked, *modules],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
