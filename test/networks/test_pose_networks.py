"""Pose networks: their shapes, what they see of an image, their files, torch and onnxruntime."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn
from torchvision import models

from semloc_ros.errors import ConfigError, EnvironmentFault, InputError, ModelError
from semloc_ros.networks.export import export_onnx
from semloc_ros.networks.images import Normalization
from semloc_ros.networks.manifest import add_to_manifest, entry_of, file_sha256, read_manifest
from semloc_ros.networks.model_about import about_class, from_json, to_json
from semloc_ros.networks.model_files import (
    load_place_network,
    load_pose_network,
    save_model,
    start_from,
)
from semloc_ros.networks.pose_about import PoseAbout
from semloc_ros.networks.pose_inputs import cut, pose_planes, resized, whole_planes
from semloc_ros.networks.pose_regression import PoseNetwork, make_pose_network
from semloc_ros.networks.row_backends import open_row_backend

ABOUT = PoseAbout(
    "here", "mobile", 80, 96, 72, (10.0, -4.0, 1.5), (0.3, 0.4, 0.05, 0.01, 0.02, 0.03), True,
    normalization=Normalization((0.4, 0.5, 0.6), (0.2, 0.25, 0.3)), training="semloc train pose",
    data="a street", licence="Apache-2.0",
)  # fmt: skip
PAPER = dataclasses.replace(ABOUT, architecture="googlenet", short_side=256, width=224, height=224)


def network(architecture: str = "mobile", seed: int = 0) -> PoseNetwork:
    return make_pose_network(architecture, torch.Generator().manual_seed(seed)).eval()


def noise(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    path = tmp_path_factory.mktemp("models") / "here.safetensors"
    save_model(path, network(), ABOUT)
    add_to_manifest(path)
    return path


def test_googlenet_of_the_paper() -> None:
    torch.set_num_threads(1)
    made = network("googlenet")
    with torch.inference_mode():
        assert made(torch.zeros(1, 3, 224, 224)).shape == (1, 7)
    assert (made.hidden.in_features, made.hidden.out_features) == (1024, 2048)
    assert made.dropout.p == 0.12
    made.set_momentum(0.99)
    normed = [one for one in made.modules() if isinstance(one, nn.BatchNorm2d | nn.BatchNorm1d)]
    assert len(normed) == 58 and all(one.momentum == pytest.approx(0.01) for one in normed)
    # He et al.: a variance of 2 / inputs; no biases
    assert made.hidden.weight.std().item() == pytest.approx((2 / 1024) ** 0.5, rel=0.01)
    assert not made.hidden.bias.detach().any() and not made.regress.bias.detach().any()
    assert not [name for name in made.state_dict() if "fc" in name or "aux" in name]


@pytest.mark.parametrize("architecture", ["resnet152", "resnet152v2"])
def test_resnet_152_of_both_versions(architecture: str) -> None:
    if architecture == "resnet152v2":
        pytest.importorskip("timm")
    with torch.device("meta"):  # shapes without numbers
        made = PoseNetwork(architecture)
        found = made.eval()(torch.empty(2, 3, 224, 224))
    assert found.shape == (2, 7)
    convolutions = [one for one in made.encoder.modules() if isinstance(one, nn.Conv2d)]
    assert len(convolutions) == 155  # 151 and four shortcuts; the 152nd was the classifier
    # the second version normalizes before each convolution, and once more in the end
    first = next(iter(made.encoder.layer1)) if architecture == "resnet152" else None
    assert (first is None) == hasattr(made.encoder, "norm")


def test_without_timm_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(EnvironmentFault, match=r"timm is not installed: pip install 'semloc_ros\["):
        network("resnet152v2")
    with pytest.raises(ConfigError, match="architecture: expected mobile or googlenet or resnet"):
        network("vgg")


def test_the_same_seed_draws_the_same_weights() -> None:
    one, same, other = (network(seed=seed).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["encoder.0.0.weight"], other["encoder.0.0.weight"])


def test_weights_of_classifiers_fit(tmp_path: Path) -> None:
    pretrained = models.mobilenet_v3_small()
    torch.save(pretrained.state_dict(), tmp_path / "mobile.pth")
    made = network()
    taken = start_from(made, tmp_path / "mobile.pth")
    encoder = {name for name in made.state_dict() if name.startswith("encoder.")}
    assert set(taken) == encoder
    assert torch.equal(made.encoder[0][0].weight, pretrained.features[0][0].weight)


def test_masked_pixels_are_zero_after_standardization() -> None:
    """Also with the paper's sizes: what is hidden there changes no number of the input."""
    for about, size in ((ABOUT, (160, 213)), (PAPER, (300, 400)), (PAPER, (180, 200))):
        image, mask = noise(*size), np.zeros(size, np.uint8)
        mask[size[0] // 4 : size[0] // 2, size[1] // 3 : 2 * size[1] // 3] = 255
        other = image.copy()
        other[mask > 0] = 7
        planes, changed = (pose_planes(one, mask, about) for one in (image, other))
        assert planes.shape == (3, about.height, about.width) and planes.dtype == np.float32
        np.testing.assert_array_equal(planes, changed)
        zero = (planes == 0).all(0)
        assert 0.03 < zero.mean() < 0.3  # about a twelfth
        assert np.abs(planes[:, ~zero]).max() > 0.5
        assert not np.array_equal(planes, pose_planes(image, None, about))


def test_the_middle_is_standardized_pixel_by_pixel() -> None:
    image = noise(90, 120)
    about = dataclasses.replace(ABOUT, short_side=0)
    mean, std = (np.array(one, np.float32) for one in ((0.4, 0.5, 0.6), (0.2, 0.25, 0.3)))
    wanted = ((image / np.float32(255) - mean) / std)[9:81, 12:108].transpose(2, 0, 1)
    np.testing.assert_allclose(pose_planes(image, None, about), wanted, atol=1e-5)
    grey = image[..., 0]
    repeated = np.repeat(grey[..., None], 3, 2)
    np.testing.assert_array_equal(
        pose_planes(grey, None, about), pose_planes(repeated, None, about)
    )


@pytest.mark.parametrize(
    ("size", "wanted"),
    [((1920, 1080), (455, 256)), ((480, 640), (256, 341)), ((100, 100), (256, 256))],
)
def test_images_are_brought_to_a_short_side(
    size: tuple[int, int], wanted: tuple[int, int]
) -> None:
    assert resized(size, PAPER) == wanted
    whole = whole_planes(noise(size[1], size[0]), None, PAPER)
    assert whole.shape == (4, wanted[1], wanted[0])
    np.testing.assert_allclose(whole[3], 1, atol=1e-5)  # all of it is static


def test_parts_are_cut_from_corner_to_corner() -> None:
    planes = np.arange(2 * 80 * 100, dtype=np.float32).reshape(2, 80, 100)
    for where, (top, left) in (((0, 0), (0, 0)), ((1, 1), (8, 4)), ((0.5, 0.5), (4, 2))):
        part = cut(planes, ABOUT, where)
        np.testing.assert_array_equal(part, planes[:, top : top + 72, left : left + 96])
    assert resized((50, 100), ABOUT) == (96, 192)  # a narrow image still holds the part


def test_odd_images_and_masks_are_one_line() -> None:
    with pytest.raises(InputError, match="mask: expected"):
        pose_planes(noise(90, 120), np.zeros((90, 121), np.uint8), ABOUT)
    with pytest.raises(InputError, match="image: expected"):
        pose_planes(np.zeros((90, 120, 4), np.uint8), None, ABOUT)


def test_files_keep_what_the_model_is(model: Path) -> None:
    found, about = load_pose_network(model)
    assert about == ABOUT == from_json(to_json(ABOUT))
    planes = torch.from_numpy(pose_planes(noise(90, 120), None, ABOUT))[None]
    with torch.inference_mode():
        torch.testing.assert_close(found(planes), network()(planes))
    entry = read_manifest(model.parent)["here"]
    assert entry == entry_of(ABOUT, model) and set(ABOUT.entry()) == set(ABOUT.entry_fields)
    said = about_class(entry["kind"]).summary(entry)
    assert said == "a pose from masked images, 0.5 m"
    with pytest.raises(ModelError, match="expected a model of places, got one of a pose"):
        load_place_network(model)


@pytest.mark.parametrize("architecture", ["mobile", "googlenet"])
def test_exported_and_torch_agree(architecture: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    torch.set_num_threads(1)
    about = dataclasses.replace(ABOUT, architecture=architecture)
    path = tmp_path / f"{architecture}.safetensors"
    made = network(architecture)
    with torch.no_grad():  # statistics as of a network that has learned
        for one in made.modules():
            if isinstance(one, nn.BatchNorm2d | nn.BatchNorm1d):
                one.running_mean.uniform_(-0.2, 0.2)
                one.running_var.uniform_(0.5, 1.5)
    save_model(path, made, about)
    export_onnx(made, about, path.with_suffix(".onnx"), None, file_sha256(path))
    planes = np.stack([pose_planes(noise(90, width), None, about) for width in (120, 140)])
    with torch.inference_mode():
        wanted = made(torch.from_numpy(planes)).numpy()
    for file in (path, path.with_suffix(".onnx")):
        backend = open_row_backend(file, PoseAbout, device="cpu", threads=1)
        assert backend.about == about
        assert ("torch" in backend.computed_by) == (file.suffix == ".safetensors")
        found = backend.rows(planes)
        assert found.shape == (2, 7) and np.abs(found).max() > 0.01
        np.testing.assert_allclose(found, wanted, atol=1e-4 * np.abs(wanted).max())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"spread": [1.0] * 5}, "spread: expected 6 finite numbers"),
        ({"spread": [1.0] * 5 + [0.0]}, "spread: expected numbers above 0"),
        ({"position_offset": [1.0]}, "position_offset: expected 3 finite numbers"),
        ({"position_offset": "far"}, "about: position_offset: expected its type"),
        ({"width": 32}, "width: expected 64 or more"),
        ({"short_side": -1}, "short_side: expected 0 or more"),
        ({"masked": 1}, "about: masked: expected its type"),
    ],
)
def test_odd_words_are_one_line(change: dict[str, object], words: str) -> None:
    text = json.dumps(json.loads(to_json(ABOUT)) | change)
    with pytest.raises(ModelError, match=words) as error:
        from_json(text)
    assert "\n" not in str(error.value)
