"""`semloc model`: what there is, and export."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from semloc_ros.cli.main import app
from semloc_ros.errors import ConfigError, ModelError

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a workspace is installed that has a model of random weights."""
    from semloc_ros.networks.model_files import ModelAbout, add_to_manifest, save_model
    from semloc_ros.networks.segmentation import make_network

    path = tmp_path_factory.mktemp("prefix") / "share/semloc_ros/models/noise.safetensors"
    about = ModelAbout(
        "noise", "mobile", 6, kind="clusters", data="no data", licence="Apache-2.0"
    )
    save_model(path, make_network("mobile", 6, torch.Generator().manual_seed(0)), about)
    add_to_manifest(path)
    return path.parents[3]


def semloc(*words: str, prefix: Path) -> str:
    done = CliRunner().invoke(app, ["model", *words], env={"AMENT_PREFIX_PATH": str(prefix)})
    if done.exception is not None:
        raise done.exception
    return done.output


def test_models_are_listed(prefix: Path) -> None:
    shown = semloc("list", prefix=prefix)
    for word in ("noise", "6 clusters", "mobile", "Apache-2.0"):
        assert word in shown


def test_a_model_is_exported_by_its_name(prefix: Path, tmp_path: Path) -> None:
    from semloc_ros.networks.graphs import open_graph

    pytest.importorskip("onnx")
    out = tmp_path / "small.onnx"
    words = ("export", "noise", "--out", str(out), "--size", "48", "32")
    shown = semloc(*words, prefix=prefix)
    assert "small.onnx" in shown.replace("\n", "") and "6 clusters" in shown
    assert open_graph(out, device="cpu", threads=1).size == (32, 48)


def test_faults_are_one_line(prefix: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--size of 1 or more"):
        semloc("export", "noise", "--size", "48", "0", prefix=prefix)
    with pytest.raises(ConfigError, match="a file .onnx"):
        semloc("export", "noise", "--out", "x.pt", prefix=prefix)
    with pytest.raises(ModelError, match="did you mean noise"):
        semloc("export", "nois", prefix=prefix)
