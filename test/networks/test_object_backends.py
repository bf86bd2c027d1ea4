"""Networks of objects of interest as files: torch and ONNX find the same; matches at pixels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from semloc_ros.errors import ConfigError, ModelError
from semloc_ros.networks import object_detection
from semloc_ros.networks.export import export_onnx
from semloc_ros.networks.images import IMAGENET
from semloc_ros.networks.instance_inputs import network_size, resized_planes
from semloc_ros.networks.model_files import ObjectAbout, save_model
from semloc_ros.networks.object_backends import as_finds, open_object_backend
from semloc_ros.networks.object_detection import ObjectNetwork, make_object_network
from semloc_ros.networks.object_inputs import ObjectFinds, pixel_matches

NAMES = ("vase", "boat", "queen")
ABOUT = ObjectAbout("hall", "mobile", head="dense", short_side=64, names=NAMES)


def lively(head: str) -> ObjectNetwork:
    """A network of random weights whose scores and cells differ from object to object."""
    generator = torch.Generator().manual_seed(3)
    network = make_object_network("mobile", head, 3, 64, True, generator)
    with torch.no_grad():
        weight = network.detector.roi_heads.box_predictor.cls_score.weight
        weight.copy_(torch.randn(weight.shape, generator=generator) * 0.4)
        for layer in (network.matches.last, network.matches.homography):
            last = getattr(layer, "last", layer)
            if last is not None:
                last.weight.copy_(torch.randn(last.weight.shape, generator=generator) * 0.05)
    return network.eval()


@pytest.fixture(scope="module", params=["dense", "homography"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights, with their ONNX file beside them."""
    torch.set_num_threads(1)
    about = replace(ABOUT, head=request.param)
    path = tmp_path_factory.mktemp("models") / "hall.safetensors"
    save_model(path, lively(request.param), about)
    export_onnx(lively(request.param), about, path.with_suffix(".onnx"))
    return path


def noise(height: int, width: int) -> NDArray[np.uint8]:
    small = np.random.default_rng(1).integers(0, 255, (height // 8 + 1, width // 8 + 1, 3))
    return small.astype(np.uint8).repeat(8, 0).repeat(8, 1)[:height, :width]


@pytest.mark.parametrize("size", [(64, 96), (90, 131)])
def test_the_exported_network_finds_what_the_trained_one_does(
    model: Path, size: tuple[int, int]
) -> None:
    ours, theirs = (
        open_object_backend(path, device="cpu", threads=1)
        for path in (model, model.with_suffix(".onnx"))
    )
    assert ours.about == theirs.about and ours.about.names == NAMES
    assert (ours.computed_by, theirs.computed_by) == ("torch on the CPU", "onnxruntime on the CPU")
    given = resized_planes(noise(*size), network_size(size, 64), IMAGENET)
    wanted, found = ours.find(given), theirs.find(given)
    assert len(wanted) > 2 and (size[0] > 64 or len(np.unique(wanted.labels)) > 1)
    np.testing.assert_array_equal(found.labels, wanted.labels)
    np.testing.assert_allclose(found.boxes, wanted.boxes, atol=0.01)
    np.testing.assert_allclose(found.windows, wanted.windows, atol=0.02)
    np.testing.assert_allclose(found.scores, wanted.scores, atol=1e-4)
    np.testing.assert_allclose(found.masks, wanted.masks, atol=2e-3)
    np.testing.assert_allclose(found.values, wanted.values, atol=5e-3)
    np.testing.assert_allclose(found.sigmas, wanted.sigmas, rtol=5e-3)
    assert np.ptp(wanted.values[:, 0]) > 0.1 and wanted.masks.shape[1:] == (56, 56)


def test_points_of_the_map_are_put_where_they_belong() -> None:
    about = replace(ABOUT, head="points3d", offset=(1.0, -2.0, 3.0), scale=4.0)
    ones = np.ones((1, 3, 2, 2), np.float32)
    rest = [np.zeros((1, 4)), np.ones(1), np.ones(1), np.zeros((1, 4)), np.ones((1, 2, 2))]
    found = as_finds([*rest, 0.5 * ones, 0.1 * ones[:, 0]], about)
    np.testing.assert_allclose(found.values[0, :, 1, 0], [3.0, 0.0, 5.0])
    np.testing.assert_allclose(found.sigmas, 0.4)
    assert found.labels.dtype == np.int64 and found.values.dtype == np.float32


def test_an_image_without_any_object_has_none_by_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_detection, "LEAST_SCORE", 2.0)
    path = tmp_path / "none.safetensors"
    save_model(path, lively("dense"), ABOUT)
    export_onnx(lively("dense"), ABOUT, path.with_suffix(".onnx"))
    given = resized_planes(noise(64, 96), (64, 96), IMAGENET)
    for one in (path, path.with_suffix(".onnx")):
        found = open_object_backend(one, device="cpu", threads=1).find(given)
        assert len(found) == 0
        assert found.boxes.shape == found.windows.shape == (0, 4)
        assert found.values.shape == (0, 2, 56, 56) and found.masks.shape == (0, 56, 56)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"names": ()}, "names: expected 1 or more, got 0"),
        ({"names": ("a", "b", "a")}, "names: expected each object once, by a name, got 'a'"),
        ({"head": "corners"}, "head: expected dense or homography or points3d, got 'corners'"),
        ({"architecture": "vgg"}, "architecture: expected mobile or"),
        ({"short_side": 32}, "short_side: expected 64 or more, got 32"),
        ({"offset": (0.0, 1.0)}, "offset: expected three finite numbers"),
        ({"scale": 0.0}, "scale: expected a number above 0"),
        ({"names": ("a", "b")}, "about: expected .* as the network"),
    ],
)
def test_words_that_do_not_fit_are_one_line(
    change: dict[str, object], said: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=said) as refused:
        save_model(tmp_path / "x.safetensors", lively("dense"), replace(ABOUT, **change))  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)


def test_tensorrt_does_not_run_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="torch or onnxruntime, for objects, got tensorrt"):
        open_object_backend(tmp_path / "x.safetensors", "tensorrt")


def made(homography: NDArray[np.float64], window: tuple[float, ...], sigma: float) -> ObjectFinds:
    """One find whose cells have (u, v) ~ homography @ (x, y, 1) of pixel centres."""
    side = 56
    steps = (np.arange(side) + 0.5) / side
    x, y = np.meshgrid(
        window[0] + steps * (window[2] - window[0]) - 0.5,
        window[1] + steps * (window[3] - window[1]) - 0.5,
    )
    moved = np.stack([x, y, np.ones_like(x)], -1) @ homography.T
    uv = (moved[..., :2] / moved[..., 2:]).transpose(2, 0, 1)[None].astype(np.float32)
    mask = np.all((uv > 0) & (uv < 1), axis=1).astype(np.float32)
    box = np.array([window], np.float32)
    one = np.ones(1, np.float32)
    sigmas = np.full((1, side, side), sigma, np.float32)
    return ObjectFinds(box, np.ones(1, np.int64), one, box, mask, uv, sigmas)


def test_matches_lie_at_the_centres_of_pixels() -> None:
    homography = np.array([[0.01, 0.001, -0.3], [0.0005, 0.012, -0.2], [0.0004, 0.0002, 1.0]])
    finds = made(homography, (20.25, 10.5, 140.75, 105.0), 0.01)
    for most, least in ((100_000, 5000), (300, 200)):
        found = pixel_matches(finds, 0, (120, 160), most)
        assert least < len(found.values) <= max(most, least)
        assert (found.points_image == np.round(found.points_image)).all()
        moved = np.c_[found.points_image, np.ones(len(found.values))] @ homography.T
        np.testing.assert_allclose(found.values, moved[:, :2] / moved[:, 2:], atol=2e-4)


def test_they_are_the_same_in_an_image_of_another_size() -> None:
    half = np.diag([0.01, 0.01, 1.0])
    found = pixel_matches(made(half, (10.0, 10.0, 90.0, 90.0), 0.01), 0, (100, 100), 10_000)
    larger = made(half, (10.0, 10.0, 90.0, 90.0), 0.01).scaled((100, 100), (200, 300))
    other = pixel_matches(larger, 0, (200, 300), 100_000)
    # (u, v) of a place measured from the image's edge, half a pixel from the first centre
    for one, size in ((found, (100, 100)), (other, (300, 200))):
        wanted = (one.points_image + 0.5) / size - 0.005
        np.testing.assert_allclose(one.values, wanted, atol=1e-5)


def test_a_sigma_in_pixels_is_that_of_the_places_it_makes() -> None:
    """u grows by 1 / 100 in a pixel, v by 1 / 50: so do errors."""
    found = pixel_matches(
        made(np.diag([0.01, 0.02, 1.0]), (5.0, 5.0, 45.0, 45.0), 0.03), 0, (60, 60), 10_000
    )
    np.testing.assert_allclose(found.sigmas_px, np.sqrt((3.0**2 + 1.5**2) / 2), rtol=1e-3)


@pytest.mark.parametrize("slant", [0.0, 0.004])
def test_noise_from_cell_to_cell_makes_no_sigma_small_or_large(slant: float) -> None:
    """Cells are 1.4 pixels apart, and u and v grow by 0.012 between them: noise is as large."""
    homography = np.array([[0.01, 0.0, -0.1], [0.0, 0.01, -0.1], [slant, 0.0, 1.0]])
    clean = made(homography, (10.0, 10.0, 90.0, 90.0), 0.02)
    noise = np.random.default_rng(3).normal(0.0, 0.01, clean.values.shape)
    noise[:, :, :8, :8] += 0.3
    noisy = replace(clean, values=(clean.values + noise).astype(np.float32))
    wanted, found = (
        pixel_matches(one, 0, (120, 160), 400).sigmas_px for one in (clean, noisy)
    )
    assert len(found) == len(wanted) > 100
    np.testing.assert_allclose(found, wanted, rtol=0.25)
    assert np.median(np.abs(found / wanted - 1)) < 0.06


def test_a_mask_that_shows_nothing_has_no_matches() -> None:
    finds = made(np.diag([0.01, 0.01, 1.0]), (5.0, 5.0, 45.0, 45.0), 0.03)
    empty = replace(finds, masks=np.zeros_like(finds.masks))
    assert len(pixel_matches(empty, 0, (60, 60), 100).values) == 0


def sparse(finds: ObjectFinds, cells: tuple[tuple[int, int], ...]) -> ObjectFinds:
    """Of the find only these cells (row, column) are seen."""
    masks = np.zeros_like(finds.masks)
    masks[0][tuple(np.transpose(cells))] = 1.0
    return replace(finds, masks=masks)


@pytest.mark.parametrize("cells", [((20, 20),), ((20, 20), (20, 30), (20, 41))])
def test_too_few_pixels_tell_no_place(cells: tuple[tuple[int, int], ...]) -> None:
    """A pixel to a cell: a single one, and three on a line; with no slopes, or along it alone."""
    finds = sparse(made(np.diag([0.02, 0.02, 1.0]), (0.0, 0.0, 56.0, 56.0), 0.003), cells)
    found = pixel_matches(finds, 0, (60, 80), 10_000)
    assert len(found.values) == len(cells)
    np.testing.assert_allclose(found.sigmas_px, 100.0)


@pytest.mark.parametrize("change", [0.0, 1e-8])
def test_values_that_hardly_change_tell_no_place(change: float) -> None:
    finds = made(np.diag([0.01, 0.02, 1.0]), (5.0, 5.0, 45.0, 45.0), 0.0004)
    collapsed = replace(finds, values=(0.4 + change * finds.values).astype(np.float32))
    found = pixel_matches(collapsed, 0, (60, 80), 10_000)
    assert len(found.values) > 100
    np.testing.assert_allclose(found.sigmas_px, 100.0)


def test_a_sigma_of_nothing_is_more_than_nothing_in_pixels() -> None:
    finds = made(np.diag([0.01, 0.02, 1.0]), (5.0, 5.0, 45.0, 45.0), 0.0)
    assert pixel_matches(finds, 0, (60, 60), 10_000).sigmas_px.min() > 0
