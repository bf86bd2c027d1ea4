"""torch and onnxruntime say the same; what cannot run is one line."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper

from semloc_ros.errors import ConfigError, EnvironmentFault, ModelError, SemlocError
from semloc_ros.networks import graphs
from semloc_ros.networks.backends import open_backend
from semloc_ros.networks.export import export_onnx
from semloc_ros.networks.graphs import open_graph
from semloc_ros.networks.model_files import ModelAbout, load_model, save_model
from semloc_ros.networks.pyramid import upsampled
from semloc_ros.networks.segmentation import make_network

ABOUT = ModelAbout(name="many", architecture="mobile", num_labels=300, kind="clusters")
MOST_THAT_DIFFER = 0.005  # of the pixels


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of random weights, with its ONNX file beside it."""
    path = tmp_path_factory.mktemp("models") / "many.safetensors"
    network = make_network("mobile", ABOUT.num_labels, torch.Generator().manual_seed(0))
    save_model(path, network, ABOUT)
    export_onnx(network, ABOUT, path.with_suffix(".onnx"))
    return path


def images(height: int, width: int, batch: int = 1) -> NDArray[np.float32]:
    noise = np.random.default_rng(1).normal(size=(batch, 3, height, width))
    return noise.astype(np.float32)


@pytest.mark.parametrize("size", [(96, 128), (121, 83)])
@pytest.mark.parametrize("batch", [1, 2])
def test_the_exported_network_labels_as_the_trained_one(
    model: Path, size: tuple[int, int], batch: int
) -> None:
    ours = open_backend(model, "torch", "cpu", threads=1)
    theirs = open_backend(model, "onnxruntime", "cpu", threads=1)
    given = images(*size, batch)
    wanted, found = ours.labels(given, 4), theirs.labels(given, 4)
    assert wanted.dtype == found.dtype == np.uint16
    assert wanted.shape == found.shape == (batch, -(-size[0] // 4), -(-size[1] // 4))
    assert (wanted != found).mean() <= MOST_THAT_DIFFER
    assert len(np.unique(wanted)) > 10  # random weights, but not one label everywhere
    assert np.allclose(ours.scores(given).numpy(), theirs.scores(given), atol=1e-4)
    assert theirs.about == ours.about == ABOUT


def test_labels_are_the_argmax_of_interpolated_scores_of_the_network(model: Path) -> None:
    given = images(72, 100)
    with torch.inference_mode():
        scores = upsampled(load_model(model)[0](torch.from_numpy(given)).logits, (72, 100))
    backend = open_backend(model, "torch", "cpu", threads=1)
    fine = backend.labels(given, 1)
    assert (fine != scores.argmax(1).numpy()).mean() <= MOST_THAT_DIFFER
    coarse = backend.labels(given, 8)
    assert (coarse != backend.scores(given).argmax(1).numpy()).mean() == 0
    assert coarse.shape == (1, 9, 13)


def test_pspnet_is_exported_too(tmp_path: Path) -> None:
    about = dataclasses.replace(ABOUT, architecture="pspnet_resnet101", num_labels=7)
    network = make_network("pspnet_resnet101", 7, torch.Generator().manual_seed(2))
    export_onnx(network, about, tmp_path / "large.onnx", size=(40, 56))
    assert network.training  # as it was
    found = open_backend(tmp_path / "large.onnx", device="cpu", threads=1)
    with torch.inference_mode():
        wanted = network.eval()(torch.from_numpy(images(40, 56))).logits.numpy()
    assert np.allclose(found.scores(images(40, 56)), wanted, atol=1e-3 * np.abs(wanted).max())
    labels = found.labels(images(40, 56), 4)
    assert labels.dtype == np.uint8 and labels.shape == (1, 10, 14)
    with pytest.raises(ConfigError, match="56 x 40, got 64 x 40"):
        found.labels(images(40, 64), 4)


def test_auto_takes_what_the_file_is_for(model: Path) -> None:
    assert open_backend(model).computed_by.startswith("torch on the ")
    found = open_backend(model.with_suffix(".onnx"), device="cpu")
    assert found.computed_by == "onnxruntime on the CPU"


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"backend": "keras"}, ConfigError, "backend: expected auto or torch"),
        ({"device": "tpu"}, ConfigError, "device: expected auto or cpu"),
        ({"backend": "tensorrt"}, EnvironmentFault, "tensorrt is not installed"),
    ],
)
def test_wrong_options_are_one_line(
    model: Path, options: dict[str, str], kind: type[SemlocError], words: str
) -> None:
    pytest.importorskip("onnxruntime")
    if options.get("backend") == "tensorrt" and _installed("tensorrt"):
        pytest.skip("TensorRT is installed")
    with pytest.raises(kind, match=words) as error:
        open_backend(model, **options)
    assert "\n" not in str(error.value)


def _installed(name: str) -> bool:
    from importlib.util import find_spec

    return find_spec(name) is not None


@pytest.mark.parametrize("backend", ["torch", "onnxruntime"])
def test_a_gpu_that_is_not_there_is_one_line(model: Path, backend: str) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(ConfigError, match="device: expected"):
        open_backend(model, backend, "cuda")


def test_files_that_do_not_fit_are_one_line(model: Path, tmp_path: Path) -> None:
    whole = model.with_suffix(".onnx").read_bytes()
    (tmp_path / "half.onnx").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.onnx").write_text("not a network")
    for path in (tmp_path / "half.onnx", tmp_path / "text.onnx", tmp_path / "none.onnx"):
        with pytest.raises(ModelError, match=path.name) as error:
            open_backend(path)
        assert "\n" not in str(error.value)
    (tmp_path / "alone.safetensors").write_bytes(model.read_bytes())
    with pytest.raises(ModelError, match="alone.onnx: expected an ONNX file"):
        open_backend(tmp_path / "alone.safetensors", "onnxruntime")
    with pytest.raises(ConfigError, match="a .safetensors file, for torch"):
        open_backend(model.with_suffix(".onnx"), "torch")
    with pytest.raises(ConfigError, match="label_stride: expected 4"):
        open_backend(model, "onnxruntime").labels(images(32, 32), 2)


def test_an_onnx_file_of_other_weights_is_refused(model: Path, tmp_path: Path) -> None:
    network, about = load_model(model)
    path = tmp_path / "many.safetensors"
    save_model(path, network, dataclasses.replace(about, training="again"))
    path.with_suffix(".onnx").write_bytes(model.with_suffix(".onnx").read_bytes())
    with pytest.raises(ModelError, match="export it again"):
        open_backend(path, "onnxruntime")


def foreign(path: Path, shape: list[object], kind: int = TensorProto.FLOAT) -> Path:
    """An ONNX file of somebody else: it negates its input."""
    values = [helper.make_tensor_value_info(name, kind, shape) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g", values[:1], values[1:])
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


def test_networks_of_others_run_too(tmp_path: Path) -> None:
    graph = open_graph(foreign(tmp_path / "fixed.onnx", [1, 3, 8, 16]), device="cpu", threads=1)
    assert graph.size == (8, 16) and graph.outputs == ("y",) and not graph.metadata
    assert np.array_equal(graph.run(images(8, 16))[0], -images(8, 16))
    with pytest.raises(ConfigError, match="16 x 8, got 8 x 16"):
        graph.run(images(16, 8))
    with pytest.raises(ConfigError, match="what the network takes") as error:
        graph.run(images(8, 16, batch=2))
    assert "\n" not in str(error.value)
    free = open_graph(foreign(tmp_path / "free.onnx", ["b", 3, "h", None]), device="cpu")
    assert free.size == (None, None)
    assert free.run(images(5, 6), ("y",))[0].shape == (1, 3, 5, 6)
    with pytest.raises(ModelError, match="or free.yaml beside it"):
        open_backend(tmp_path / "free.onnx")


@pytest.mark.parametrize(
    ("shape", "kind"),
    [([1, 4, 8, 8], TensorProto.FLOAT), ([8, 8], TensorProto.FLOAT),
     ([1, 3, 8, 8], TensorProto.FLOAT16)],
)  # fmt: skip
def test_networks_that_take_no_images_are_refused(
    shape: list[object], kind: int, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="expected (one of images|float32)"):
        open_graph(foreign(tmp_path / "odd.onnx", shape, kind), device="cpu")


@pytest.mark.parametrize(
    ("name", "words"),
    [("onnxruntime.capi", "semloc_ros[onnx]"), ("torch", "semloc_ros[torch]"),
     ("safetensors", "semloc_ros[torch]"), ("tensorrt", "JetPack")],
)  # fmt: skip
def test_what_is_missing_is_named(name: str, words: str) -> None:
    assert words in str(graphs.not_installed(ModuleNotFoundError(name=name)))
