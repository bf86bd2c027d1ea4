"""Networks for objects: torch and onnxruntime find the same; torchvision's weights as they are."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torchvision.models._meta import _COCO_CATEGORIES
from torchvision.models.detection.roi_heads import paste_masks_in_image, project_masks_on_boxes

from semloc_ros.config import DynamicConfig
from semloc_ros.errors import ConfigError, InputError, ModelError, SemlocError
from semloc_ros.networks import coco
from semloc_ros.networks.detection import InstanceNetwork, make_instance_network
from semloc_ros.networks.export import export_onnx
from semloc_ros.networks.graphs import open_graph
from semloc_ros.networks.images import IMAGENET
from semloc_ros.networks.instance_backends import as_detections, open_instance_backend
from semloc_ros.networks.instance_inputs import Detections, network_size, resized_planes
from semloc_ros.networks.model_files import InstanceAbout, save_model
from semloc_ros.perception import foreign_model
from semloc_ros.perception.dynamic_masks import load_dynamic
from semloc_ros.perception.foreign_instances import ForeignDetector
from semloc_ros.perception.instance_segmenter import placed_mask

ABOUT = InstanceAbout("things", "mobile", 64, ("static", "car", "cat"), (False, True, False))


@pytest.fixture(scope="module")
def network() -> InstanceNetwork:
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(3)
    made = make_instance_network("mobile", 3, 64, generator)
    with torch.no_grad():  # scores and masks that differ from object to object
        for name in ("box_predictor.cls_score", "box_predictor.bbox_pred", "mask_predictor."
                     "mask_fcn_logits"):  # fmt: skip
            weight = made.detector.roi_heads.get_parameter(f"{name}.weight")
            weight.copy_(torch.randn(weight.shape, generator=generator) * weight.std() * 20)
    return made.eval()


@pytest.fixture(scope="module")
def model(network: InstanceNetwork, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of random weights, with its ONNX file beside it."""
    path = tmp_path_factory.mktemp("models") / "things.safetensors"
    save_model(path, network, ABOUT)
    export_onnx(network, ABOUT, path.with_suffix(".onnx"))
    return path


def noise(height: int, width: int, seed: int = 1) -> NDArray[np.uint8]:
    small = np.random.default_rng(seed).integers(0, 255, (height // 8 + 1, width // 8 + 1, 3))
    return small.astype(np.uint8).repeat(8, 0).repeat(8, 1)[:height, :width]


@pytest.mark.parametrize("size", [(64, 96), (90, 131), (300, 90)])
def test_the_exported_network_finds_what_the_trained_one_does(
    model: Path, size: tuple[int, int]
) -> None:
    ours, theirs = (
        open_instance_backend(path, device="cpu", threads=1)
        for path in (model, model.with_suffix(".onnx"))
    )
    assert ours.about == theirs.about == ABOUT
    assert (ours.computed_by, theirs.computed_by) == ("torch on the CPU", "onnxruntime on the CPU")
    given = resized_planes(noise(*size), network_size(size, ABOUT.short_side), IMAGENET)
    wanted, found = ours.detect(given), theirs.detect(given)
    assert len(wanted) > 5 and len(np.unique(wanted.scores)) > 3
    np.testing.assert_array_equal(found.labels, wanted.labels)
    np.testing.assert_allclose(found.boxes, wanted.boxes, atol=0.01)
    np.testing.assert_allclose(found.scores, wanted.scores, atol=1e-4)
    np.testing.assert_allclose(found.masks, wanted.masks, atol=1e-3)
    assert found.pixels is not None and wanted.pixels is not None
    assert np.ptp(wanted.pixels) > 0
    np.testing.assert_allclose(found.pixels, wanted.pixels, atol=1e-4)


def test_it_is_what_torchvision_finds_in_an_image_of_that_size(
    network: InstanceNetwork, model: Path
) -> None:
    image = noise(64, 100)
    with torch.inference_mode():
        wanted = network([torch.from_numpy(image).permute(2, 0, 1) / 255])[0]  # type: ignore
    planes = resized_planes(image, (64, 100), IMAGENET)
    found = open_instance_backend(model, threads=1).detect(planes)
    np.testing.assert_array_equal(found.labels, wanted["labels"])
    np.testing.assert_allclose(found.boxes, wanted["boxes"], atol=0.01)
    np.testing.assert_allclose(found.scores, wanted["scores"], atol=1e-4)


def test_masks_lie_where_torchvision_puts_them() -> None:
    middles = (np.arange(28) - 13.5) / 14
    round_ = 1 / (1 + np.exp(20 * (np.hypot(*np.meshgrid(middles, middles)) - 0.8)))
    boxes = np.array([[5.3, 7.8, 45.1, 31.6], [30.2, 20.5, 79.9, 58.8]], np.float32)
    masks = np.repeat(round_[None].astype(np.float32), 2, 0)
    found = Detections(boxes, np.ones(2, np.int64), np.ones(2, np.float32), masks)
    tensors = (torch.from_numpy(masks)[:, None], torch.from_numpy(boxes))
    theirs = paste_masks_in_image(*tensors, (60, 80))
    for number in range(2):
        ours = np.zeros((60, 80), np.bool_)
        placed = placed_mask(found, number, (60, 80), 0.5)
        assert placed is not None
        ours[placed[1]] = placed[2]
        wanted = theirs[number, 0].numpy() >= 0.5
        assert (ours & wanted).sum() > 0.9 * (ours | wanted).sum()  # theirs rounds the box
        width, height = np.diff(boxes[number].reshape(2, 2), axis=0)[0]
        assert abs(ours.sum() / (np.pi / 4 * 0.64 * width * height) - 1) < 0.02


def test_what_a_network_learns_as_the_mask_of_an_object_lies_on_the_object() -> None:
    """Also where the network saw the image at half its size."""
    rows, columns = np.mgrid[:60, :80]
    true = np.hypot((rows - 24) / 16, (columns - 40) / 25) <= 1
    small = np.hypot((rows[:30, :40] - 11.75) / 8, (columns[:30, :40] - 19.75) / 12.5) <= 1
    for mask, size in ((true, (60, 80)), (small, (30, 40))):
        down, across = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
        box = torch.tensor([[across[0], down[0], across[-1] + 1, down[-1] + 1]]).float()
        goal = project_masks_on_boxes(
            torch.from_numpy(mask[None]).to(torch.uint8), box, torch.tensor([0]), 28
        )
        one = np.ones(1, np.float32)
        found = as_detections([box.numpy(), one, one, goal.numpy()]).scaled(size, (60, 80))
        placed = placed_mask(found, 0, (60, 80), 0.5)
        assert placed is not None
        ours = np.zeros((60, 80), np.bool_)
        ours[placed[1]] = placed[2]
        away = np.argwhere(ours).mean(0) - np.argwhere(true).mean(0)
        assert np.abs(away).max() < 0.25


def test_the_door_finds_the_same_by_either(model: Path) -> None:
    image = noise(90, 131)
    config = DynamicConfig(threads=1, device="cpu", score=0.2, min_area=0.0)
    one, other = (load_dynamic(path, config) for path in (model, model.with_suffix(".onnx")))
    assert one.classes == other.classes == ("car",) and one.name == "things"
    wanted, found = one.segment(image), other.segment(image)
    assert len(wanted) == len(found) > 0
    assert (wanted.numbers != found.numbers).mean() < 0.002
    coarse = load_dynamic(model, DynamicConfig(threads=1, score=0.2, short_side=96))
    assert (coarse.segment(image).numbers != wanted.numbers).any(), "images of another size"
    with pytest.raises(ConfigError, match="classes: expected names of classes of things"):
        load_dynamic(model, DynamicConfig(classes="static"))


def test_what_torchvision_exports_by_itself_is_a_network_of_others(
    network: InstanceNetwork, model: Path, tmp_path: Path
) -> None:
    image = noise(64, 100)
    given = torch.from_numpy(image).permute(2, 0, 1) / 255
    names = ["boxes", "labels", "scores", "masks"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network.detector, ([given],), str(tmp_path / "theirs.onnx"), dynamo=False,
            opset_version=17, input_names=["image"], output_names=names,
        )  # fmt: skip
    about = "kind: instances\nclasses: [static, car, cat]\nmean: [0, 0, 0]\nstd: [1, 1, 1]\n"
    (tmp_path / "theirs.yaml").write_text(about + "dynamic: [car]\n")
    theirs = foreign_model.read_about(tmp_path / "theirs.yaml")
    graph = open_graph(tmp_path / "theirs.onnx", device="cpu", threads=1)
    found = ForeignDetector(graph, theirs).detect(image)
    planes = resized_planes(image, (64, 100), IMAGENET)
    wanted = open_instance_backend(model, threads=1).detect(planes)
    assert found.whole and found.masks.shape[1:] == (64, 100)
    np.testing.assert_array_equal(found.labels, wanted.labels)
    np.testing.assert_allclose(found.boxes, wanted.boxes, atol=0.01)
    np.testing.assert_allclose(found.scores, wanted.scores, atol=1e-4)
    assert len(load_dynamic(tmp_path / "theirs.onnx").segment(image)) > 0


def test_an_image_without_any_object_has_none_by_onnx_too(
    network: InstanceNetwork, tmp_path: Path
) -> None:
    heads = network.detector.roi_heads
    before, heads.score_thresh = heads.score_thresh, 2.0
    try:
        export_onnx(network, ABOUT, tmp_path / "none.onnx")
    finally:
        heads.score_thresh = before
    backend = open_instance_backend(tmp_path / "none.onnx", device="cpu", threads=1)
    found = backend.detect(resized_planes(noise(64, 96), (64, 96), IMAGENET))
    assert len(found) == 0
    assert found.pixels is not None
    assert found.pixels.shape == (16, 24)


def test_what_is_below_the_score_need_not_be_computed(model: Path) -> None:
    given = resized_planes(noise(64, 64), (64, 64), IMAGENET)
    all_, best = (open_instance_backend(model, threads=1, score=score) for score in (0.0, 0.6))
    wanted = all_.detect(given)
    found = best.detect(given)
    assert 0 < len(found) < len(wanted) and found.scores.min() >= 0.6
    np.testing.assert_allclose(found.boxes, wanted.boxes[: len(found)], atol=1e-3)


def test_an_export_for_one_size_of_images(network: InstanceNetwork, tmp_path: Path) -> None:
    path = tmp_path / "one.onnx"
    export_onnx(network, ABOUT, path, size=(120, 160))
    config = DynamicConfig(threads=1, device="cpu", score=0.0)
    assert load_dynamic(path, config).segment(noise(120, 160)).numbers.shape == (120, 160)
    with pytest.raises(ConfigError, match="one.onnx: images: expected 85 x 64, got 64 x 64"):
        load_dynamic(path, config).segment(noise(160, 160))


@pytest.mark.parametrize(
    ("size", "wanted"),
    [((480, 640), (64, 85)), ((64, 64), (64, 64)), ((100, 1000), (14, 140)), ((30, 20), (96, 64))],
)
def test_images_are_resized_to_the_shorter_side(
    size: tuple[int, int], wanted: tuple[int, int]
) -> None:
    assert network_size(size, 64) == wanted


def test_grey_images_have_three_equal_channels_and_others_are_refused() -> None:
    grey = noise(20, 30)[..., 0]
    planes = resized_planes(grey, (40, 60), IMAGENET)
    assert planes.shape == (1, 3, 40, 60) and planes.dtype == np.float32
    levels = planes[0] * np.reshape(IMAGENET.std, (3, 1, 1)) + np.reshape(IMAGENET.mean, (3, 1, 1))
    np.testing.assert_allclose(levels[0], levels[2], atol=1e-6)
    with pytest.raises(InputError, match="image: expected"):
        resized_planes(np.zeros((4, 4, 2), np.uint8), (4, 4), IMAGENET)


def test_names_of_coco_are_torchvisions() -> None:
    assert len(coco.NAMES) == len(_COCO_CATEGORIES) == len(set(coco.NAMES)) == 91
    for ours, theirs in zip(coco.NAMES[1:], _COCO_CATEGORIES[1:], strict=True):
        assert (ours in coco.EMPTY) if theirs == "N/A" else ours == theirs
    assert len(coco.NAMES_80) == 80 and set(coco.DYNAMIC) < set(coco.NAMES_80)


def test_torchvisions_file_of_coco_is_taken_as_it_is(tmp_path: Path) -> None:
    network = make_instance_network("resnet50_fpn", 91, 800, torch.Generator().manual_seed(0))
    weights = network.detector.state_dict()
    path = tmp_path / "maskrcnn.pth"
    torch.save({name: one.half() for name, one in weights.items()}, path)  # a smaller file
    segmenter = load_dynamic(path, DynamicConfig(threads=1, short_side=64, score=0.9))
    assert segmenter.name == "maskrcnn" and set(segmenter.classes) == set(coco.DYNAMIC)
    assert segmenter.segment(noise(48, 64)).numbers.shape == (48, 64)
    with pytest.raises(ConfigError, match="backend: expected torch for .pth"):
        open_instance_backend(path, "onnxruntime")
    torch.save({"backbone.body.conv1.weight": weights["backbone.body.conv1.weight"]}, path)
    with pytest.raises(ModelError, match="91 classes, got Missing key") as refused:
        load_dynamic(path)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 400
    path.write_bytes(b"torn")
    with pytest.raises(ModelError, match="maskrcnn.pth: expected torchvision's Mask R-CNN"):
        load_dynamic(path)


@pytest.mark.parametrize(
    ("suffix", "backend", "kind", "said"),
    [
        (".safetensors", "tensorrt", ConfigError, "for objects torch or onnxruntime, got tensorrt"),
        (".onnx", "torch", ConfigError, "a .safetensors file, for torch"),
        (".safetensors", "keras", ConfigError, "backend: expected auto or torch"),
    ],
)
def test_wrong_backends_are_one_line(
    model: Path, suffix: str, backend: str, kind: type[SemlocError], said: str
) -> None:
    with pytest.raises(kind, match=said) as refused:
        open_instance_backend(model.with_suffix(suffix), backend)
    assert "\n" not in str(refused.value)


def test_models_of_other_kinds_are_refused(model: Path) -> None:
    from semloc_ros.perception.label_model import load_labeller

    for path in (model, model.with_suffix(".onnx")):
        with pytest.raises(ModelError, match="a model of labels, got one of dynamic objects"):
            load_labeller(path)
