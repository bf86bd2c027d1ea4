"""`semloc model`: what there is, and export."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from semloc_ros.cli.main import app
from semloc_ros.errors import ConfigError, ModelError

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a workspace is installed that has models of random weights, one of each kind."""
    from semloc_ros.networks.model_files import (
        ModelAbout,
        PlaceAbout,
        add_to_manifest,
        save_model,
    )
    from semloc_ros.networks.places import make_place_network
    from semloc_ros.networks.segmentation import make_network

    path = tmp_path_factory.mktemp("prefix") / "share/semloc_ros/models/noise.safetensors"
    about = ModelAbout(
        "noise", "mobile", 6, kind="clusters", data="no data", licence="Apache-2.0"
    )
    save_model(path, make_network("mobile", 6, torch.Generator().manual_seed(0)), about)
    add_to_manifest(path)
    places = path.with_name("spots.safetensors")
    of_places = PlaceAbout(
        "spots", "small", pooling="gem", planes=2, dimensions=16, input="labels", width=64,
        height=48, labels="noise", num_labels=6, kept=(1, 4), data="no places",
    )  # fmt: skip
    untrained = make_place_network("small", "gem", 2, 16, torch.Generator().manual_seed(0))
    save_model(places, untrained, of_places)
    add_to_manifest(places)
    return path.parents[3]


def semloc(*words: str, prefix: Path) -> str:
    done = CliRunner().invoke(app, ["model", *words], env={"AMENT_PREFIX_PATH": str(prefix)})
    if done.exception is not None:
        raise done.exception
    return done.output


def test_models_are_listed(prefix: Path) -> None:
    shown = " ".join(semloc("list", prefix=prefix).replace("│", " ").split())
    for word in ("noise", "6 clusters", "mobile", "Apache-2.0", "spots", "places from", "small"):
        assert word in shown


def test_hybrids_are_listed_and_shown_like_models(prefix: Path) -> None:
    from semloc_ros.perception.hybrids import Hybrid, write_hybrid

    name = "hybrid_of_spots_and_edges_and_more"
    folder = prefix / "share/semloc_ros/models"
    hybrid = Hybrid("spots", "edges", ("a" * 64, "b" * 64), 0.25, {"data": "no places"})
    write_hybrid(folder / f"{name}.yaml", hybrid)
    assert name in semloc("list", prefix=prefix)  # whole, also where the terminal is narrow
    for known in (name, str(folder / f"{name}.yaml")):
        shown = yaml.safe_load(semloc("info", known, prefix=prefix))[name]
        assert shown["semantic"]["model"] == "spots" and shown["weight"] == 0.25


def test_what_a_model_is_is_shown_as_yaml(prefix: Path) -> None:
    said = semloc("info", "spots", prefix=prefix)
    assert "kept: [1, 4]" in said, "a list is a line"
    shown = yaml.safe_load(said)["spots"]
    assert shown["kind"] == "places" and shown["dimensions"] == 16
    assert shown["input"] == {
        "planes": "labels", "width": 64, "height": 48, "labels": "noise", "num_labels": 6,
        "kept": [1, 4],
    }  # fmt: skip
    assert yaml.safe_load(semloc("info", "noise", prefix=prefix))["noise"]["labels"] == 6


def test_a_model_is_exported_by_its_name(prefix: Path, tmp_path: Path) -> None:
    from semloc_ros.networks.graphs import open_graph

    pytest.importorskip("onnx")
    out = tmp_path / "small.onnx"
    words = ("export", "noise", "--out", str(out), "--size", "48", "32")
    shown = semloc(*words, prefix=prefix)
    assert "small.onnx" in shown.replace("\n", "") and "6 clusters" in shown
    assert open_graph(out, device="cpu", threads=1).size == (32, 48)


def test_a_model_of_places_is_exported_too(prefix: Path, tmp_path: Path) -> None:
    from semloc_ros.networks.place_about import PlaceAbout
    from semloc_ros.networks.row_backends import open_row_backend

    pytest.importorskip("onnx")
    out = tmp_path / "spots.onnx"
    shown = semloc("export", "spots", "--out", str(out), prefix=prefix)
    assert "places from labels of noise, 16 numbers" in shown
    weights = prefix / "share/semloc_ros/models/spots.safetensors"
    found = [
        open_row_backend(path, PlaceAbout, device="cpu", threads=1) for path in (out, weights)
    ]
    assert found[0].sha256 == found[1].sha256 and found[0].about == found[1].about


def test_a_model_of_dynamic_objects_is_exported_too(tmp_path: Path) -> None:
    from semloc_ros.networks.detection import make_instance_network
    from semloc_ros.networks.graphs import open_graph
    from semloc_ros.networks.model_files import InstanceAbout, save_model

    pytest.importorskip("onnx")
    network = make_instance_network("mobile", 2, 64, torch.Generator().manual_seed(0))
    save_model(tmp_path / "walkers.safetensors", network, InstanceAbout("walkers", "mobile", 64))
    words = (str(tmp_path / "walkers.safetensors"), "--size", "160", "120")
    shown = semloc("export", *words, prefix=tmp_path)
    assert "walkers.onnx" in shown.replace("\n", "") and "dynamic objects" in shown
    found = open_graph(tmp_path / "walkers.onnx", device="cpu", threads=1)
    assert found.size == (64, 85), "the network's own size for such images"
    assert found.outputs[:4] == ("boxes", "labels", "scores", "masks")


def test_faults_are_one_line(prefix: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--size of 1 or more"):
        semloc("export", "noise", "--size", "48", "0", prefix=prefix)
    with pytest.raises(ConfigError, match="a file .onnx"):
        semloc("export", "noise", "--out", "x.pt", prefix=prefix)
    with pytest.raises(ModelError, match="did you mean noise"):
        semloc("export", "nois", prefix=prefix)
    onnx = tmp_path / "x.onnx"
    onnx.touch()
    for command in ("info", "export"):
        with pytest.raises(ConfigError, match="a .safetensors file, got x.onnx"):
            semloc(command, str(onnx), prefix=prefix)
