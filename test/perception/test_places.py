"""Describers: images or label maps to descriptors, whatever computes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from semloc_ros.config import DescriberConfig
from semloc_ros.errors import ConfigError, InputError, ModelError
from semloc_ros.perception.places import load_describer

torch = pytest.importorskip("torch")
CPU = DescriberConfig(device="cpu", threads=1)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model that reads images, and one that reads labels, of random weights."""
    from semloc_ros.networks.export import export_onnx
    from semloc_ros.networks.manifest import file_sha256
    from semloc_ros.networks.model_files import PlaceAbout, add_to_manifest, save_model
    from semloc_ros.networks.places import make_place_network

    folder = tmp_path_factory.mktemp("prefix") / "share/semloc_ros/models"
    for about in (
        PlaceAbout("noise_rgb", "small", pooling="gem", planes=3, dimensions=12, input="rgb",
                   width=64, height=64, contrast="local"),
        PlaceAbout("noise_labels", "small", pooling="netvlad", planes=2, dimensions=10,
                   input="labels", width=64, height=64, labels="some", num_labels=3, kept=(0, 2)),
    ):  # fmt: skip
        path = folder / f"{about.name}.safetensors"
        made = make_place_network(
            about.architecture, about.pooling, about.planes, about.dimensions,
            torch.Generator().manual_seed(0),
        )  # fmt: skip
        save_model(path, made, about)
        export_onnx(made, about, path.with_suffix(".onnx"), None, file_sha256(path))
        add_to_manifest(path)
    return folder


def scene(height: int = 90, width: int = 120, seed: int = 0) -> NDArray[np.uint8]:
    shape = (height // 10, width // 10, 3)
    coarse = np.random.default_rng(seed).integers(0, 255, shape, np.uint8)
    return coarse.repeat(10, 0).repeat(10, 1)


def labels_of(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(image[..., 0] % 3, np.uint8)


def test_a_model_is_found_by_its_name(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(models.parents[2]))
    found = load_describer("noise_rgb", CPU)
    assert (found.name, found.needs, found.dimensions) == ("noise_rgb", "image", 12)
    assert found.computed_by == "torch on the CPU" and len(found.sha256) == 64
    descriptor = found.describe(scene())
    assert descriptor.shape == (12,) and descriptor.dtype == np.float32
    assert abs(np.linalg.norm(descriptor) - 1.0) < 1e-5
    assert np.array_equal(descriptor, found.describe(scene(), labels_of(scene())))
    with pytest.raises(ModelError, match="did you mean noise_rgb"):
        load_describer("noise_rbg", CPU)


@pytest.mark.parametrize("name", ["noise_rgb", "noise_labels"])
def test_torch_and_onnxruntime_describe_alike(name: str, models: Path) -> None:
    ours = load_describer(models / f"{name}.safetensors", CPU)
    theirs = load_describer(models / f"{name}.onnx", CPU)
    assert ours.sha256 == theirs.sha256 and ours.about == theirs.about
    assert theirs.computed_by == "onnxruntime on the CPU"
    for image in (scene(), scene(seed=1), scene(200, 150, seed=2)):
        given = (image, labels_of(image))
        assert np.abs(ours.describe(*given) - theirs.describe(*given)).max() < 1e-5


def test_labels_are_read_without_an_image(models: Path) -> None:
    found = load_describer(models / "noise_labels.safetensors", CPU)
    assert found.needs == "labels" and found.dimensions == 10
    labels = labels_of(scene())
    descriptor = found.describe(None, labels)
    assert np.array_equal(descriptor, found.describe(scene(seed=5), labels))
    assert np.abs(descriptor - found.describe(None, labels_of(scene(seed=1)))).max() > 1e-3
    other = np.where(labels == 1, 255, labels).astype(np.uint8)  # 1 is not kept: as unknown
    assert np.array_equal(descriptor, found.describe(None, other))


@pytest.mark.parametrize("name", ["noise_rgb", "noise_labels"])
def test_what_is_masked_does_not_count(name: str, models: Path) -> None:
    found = load_describer(models / f"{name}.safetensors", CPU)
    image, mask = scene(), np.zeros((90, 120), np.uint8)
    mask[20:60, 30:80] = 255
    other = image.copy()
    other[mask == 255] = scene(seed=1)[mask == 255]
    one, two = (found.describe(each, labels_of(each), mask) for each in (image, other))
    assert np.abs(one - two).max() < 1e-5
    assert np.abs(one - found.describe(image, labels_of(image))).max() > 1e-4


def test_faults_are_one_line(models: Path, tmp_path: Path) -> None:
    read = load_describer(models / "noise_labels.safetensors", CPU)
    seen = load_describer(models / "noise_rgb.safetensors", CPU)
    wrong = np.full((90, 120), 18, np.uint8)
    for call, kind, words in (
        (lambda: read.describe(scene()), InputError, "a label map of some, which noise_labels"),
        (lambda: read.describe(scene(), wrong), InputError, "below 3 .* got 18, as of another"),
        (lambda: seen.describe(None, wrong), InputError, "one, which noise_rgb reads, got none"),
        (lambda: seen.describe(scene()[..., :2]), InputError, r"image: expected \(H, W, 3\)"),
        (lambda: load_describer(""), ConfigError, "a model of places"),
        (lambda: load_describer(tmp_path / "x.onnx"), ModelError, "no such file"),
    ):
        with pytest.raises(kind, match=words) as error:
            call()
        assert "\n" not in str(error.value)


def test_a_shallow_model_looks_an_image_up_turned_too(tmp_path: Path) -> None:
    from semloc_ros.networks.model_files import PlaceAbout, save_model
    from semloc_ros.networks.places import make_place_network

    about = PlaceAbout(
        "turned", "shallow", pooling="grid", planes=2, dimensions=64, input="labels",
        width=24, height=16, labels="some", num_labels=3, kept=(0, 2),
    )  # fmt: skip
    made = make_place_network("shallow", "grid", 2, 64, torch.Generator().manual_seed(0))
    path = tmp_path / "turned.safetensors"
    save_model(path, made, about)
    wide = labels_of(scene(160, 280, seed=4))  # a panorama, 10 pixels to a cell
    stored = load_describer(path, CPU).describe(None, wide[:, 20:260])
    best = {}
    for shifts in (0, 2):
        found = load_describer(path, DescriberConfig(device="cpu", threads=1, shifts=shifts))
        queries = found.queries(None, wide[:, 40:280])
        assert queries.shape == (2 * shifts + 1, 64)
        assert np.allclose(queries[0], found.describe(None, wide[:, 40:280]), atol=1e-6)
        assert np.allclose(np.linalg.norm(queries, axis=1), 1.0, atol=1e-5)
        best[shifts] = float((queries @ stored).max())
    assert best[2] > 0.85 > 0.5 > best[0]
