"""What the package says of itself agrees in all places, and with the code."""

from __future__ import annotations

import ast
import configparser
import importlib.util
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import yaml

import semloc_ros
from semloc_ros.cli.config import TRAINING, parameter_file, training_files
from semloc_ros.config import LocalizerNodeConfig
from semloc_ros.options import from_mapping, load_yaml

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = ElementTree.parse(ROOT / "package.xml").getroot()
SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg")

# import name: (rosdep key in package.xml or "" where there is none, name on PyPI)
LIBRARIES = {
    "captum": ("", "captum"),
    "cv2": ("python3-opencv", "opencv-python-headless"),
    "embreex": ("", "embreex"),
    "faiss": ("python3-faiss", "faiss-cpu"),
    "h5py": ("python3-h5py", "h5py"),
    "lightning_fabric": ("", "lightning-fabric"),
    "matplotlib": ("python3-matplotlib", "matplotlib"),
    "numba": ("python3-numba", "numba"),
    "numpy": ("python3-numpy", "numpy"),
    "onnx": ("", "onnx"),
    "onnxruntime": ("python3-onnxruntime-pip", "onnxruntime"),
    "poselib": ("", "poselib"),
    "pycocotools": ("", "pycocotools"),
    "pycolmap": ("", "pycolmap"),
    "rerun": ("", "rerun-sdk"),
    "rich": ("python3-rich", "rich"),
    "rosbags": ("python3-rosbags-pip", "rosbags"),
    "safetensors": ("", "safetensors"),
    "scipy": ("python3-scipy", "scipy"),
    "skimage": ("python3-skimage", "scikit-image"),
    "tensorrt": ("", ""),  # comes with JetPack, or from NVIDIA
    "timm": ("", "timm"),
    "torch": ("", "torch"),
    "torchvision": ("", "torchvision"),
    "trimesh": ("python3-trimesh-pip", "trimesh"),
    "typer": ("python3-typer", "typer"),
    "yaml": ("python3-yaml", "PyYAML"),
}
# what is needed to run, though no module of semloc_ros imports it by name
INDIRECT = {"ament_index_python", "launch", "launch_ros", "ros2launch", "lifecycle_msgs"}


def third_party() -> set[str]:
    """Top-level names of all foreign modules that the package imports."""
    names = set()
    for path in [*(ROOT / "semloc_ros").rglob("*.py"), *(ROOT / "launch").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - {"semloc_ros"}


def on_robots() -> set[str]:
    """Dependencies in package.xml."""
    return {tag.text or "" for tag in MANIFEST.findall("exec_depend")}


def on_pypi() -> set[str]:
    """Dependencies in setup.cfg, without versions, the extras for users included."""
    extras = dict(SETUP["options.extras_require"])
    extras.pop("test")
    lines = "\n".join([SETUP["options"]["install_requires"], *extras.values()]).split()
    return {re.split(r"[<>=!~]", line)[0] for line in lines}


def test_every_import_is_declared() -> None:
    for name in sorted(third_party()):
        key, project = LIBRARIES.get(name, (name, ""))
        assert not key or key in on_robots(), f"{name}: no <exec_depend>{key} in package.xml"
        assert not project or project in on_pypi(), f"{name}: no {project} in setup.cfg"


def test_every_dependency_is_imported() -> None:
    used = third_party()
    keys = {LIBRARIES.get(name, (name, ""))[0] for name in used} - {""}
    projects = {LIBRARIES[name][1] for name in used if name in LIBRARIES}
    assert on_robots() - INDIRECT <= keys
    assert on_pypi() <= projects


def test_every_dependency_has_a_tested_version() -> None:
    text = (ROOT / "constraints.txt").read_text()
    tested = {line.split("==")[0].lower() for line in text.splitlines() if "==" in line}
    assert {name.lower() for name in on_pypi()} <= tested


def test_versions_agree() -> None:
    version = semloc_ros.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert MANIFEST.findtext("version") == version
    assert SETUP["metadata"]["version"] == "attr: semloc_ros.__version__"
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(r"^## (\S+)", changelog, re.M).group(1) == version


def test_manifest_is_one_of_an_ament_python_package() -> None:
    assert MANIFEST.get("format") == "3"
    assert MANIFEST.findtext("name") == SETUP["metadata"]["name"] == "semloc_ros"
    assert MANIFEST.findtext("license") == SETUP["metadata"]["license"] == "Apache-2.0"
    assert MANIFEST.findtext("export/build_type") == "ament_python"
    assert MANIFEST.findtext("description")
    assert MANIFEST.find("maintainer").get("email")
    names = [tag.text for tag in MANIFEST.findall("exec_depend")]
    assert len(names) == len(set(names))


def test_licence_is_whole() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text and "END OF TERMS AND CONDITIONS" in text


def test_parameter_file_is_the_generated_one() -> None:
    written = (ROOT / "config" / "localize.yaml").read_text()
    assert written == parameter_file(), "run `make config`"
    values = yaml.safe_load(written)["/**"]["ros__parameters"]
    assert from_mapping(LocalizerNodeConfig, values) == LocalizerNodeConfig()


def test_training_files_are_the_generated_ones_and_say_what_the_presets_are() -> None:
    folder = ROOT / "config" / "training"
    assert {path.name: path.read_text() for path in folder.iterdir()} == training_files()
    for program, (kind, presets) in TRAINING.items():
        for preset, changes in presets.items():
            written = load_yaml(kind, folder / f"{program}_{preset}.yaml")
            assert written == from_mapping(kind, changes)


@pytest.mark.parametrize("path", sorted((ROOT / "scripts").iterdir()), ids=lambda path: path.name)
def test_node_executables_start_an_existing_module(path: Path) -> None:
    assert path.read_text().startswith("#!/usr/bin/env python3\n")
    assert path.stat().st_mode & 0o111
    assert (ROOT / "semloc_ros" / "nodes" / f"{path.name}.py").exists()
    assert f"from semloc_ros.nodes.{path.name} import main" in path.read_text()


def test_rviz_view_is_readable_and_shows_what_the_nodes_publish() -> None:
    view = yaml.safe_load((ROOT / "rviz" / "localize.rviz").read_text())["Visualization Manager"]
    topics = {one["Topic"]["Value"] for one in view["Displays"] if "Topic" in one}
    shown = ("pose", "hypotheses", "particles", "overlay")
    beside = {
        "/place_retriever/hypotheses", "/dynamic_segmenter/mask", "/fgsn_segmenter/label_colors",
        "/ooi_matcher/overlay", "/ooi_matcher/detections",
    }  # fmt: skip
    assert topics == {f"/localizer/{name}" for name in shown} | beside
    assert view["Global Options"]["Fixed Frame"] == LocalizerNodeConfig().map_frame


def test_package_is_typed() -> None:
    spec = importlib.util.find_spec("semloc_ros")
    assert Path(spec.origin).with_name("py.typed").exists()
