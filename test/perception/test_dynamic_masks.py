"""One door to what finds dynamic objects: label networks, networks for objects, and faults."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from instance_networks import write_instances_onnx
from label_networks import write_onnx

from semloc_ros.config import DynamicConfig
from semloc_ros.errors import ConfigError, InputError, ModelError, SemlocError
from semloc_ros.perception.dynamic_masks import load_dynamic

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

PLAIN = "mean: [0, 0, 0]\nstd: [1, 1, 1]\n"
LABELS = PLAIN + "classes: [night, dusk, day]\n"
OBJECTS = PLAIN + "kind: instances\nclasses: [nothing, car, tree, cat]\ndynamic: [car, cat]\n"
BOXES = np.array([[2, 1, 6, 5], [8, 2, 10, 6]], np.float32)  # in an image of 12 x 8
CELLS = np.ones((2, 4, 4), np.float32)
FOUND = {"boxes": BOXES, "labels": np.array([1, 3]), "scores": np.array([0.6, 0.9], np.float32)}


def segment(path: Path, image: np.ndarray, **options: object):
    config = DynamicConfig(device="cpu", threads=1, **{"min_area": 0.0, **options})
    return load_dynamic(path, config).segment(image)


def blank(height: int = 8, width: int = 12) -> np.ndarray:
    return np.zeros((height, width, 3), np.uint8)


@pytest.fixture
def objects(tmp_path: Path):
    def make(text: str = OBJECTS, **changed: object) -> Path:
        (tmp_path / "mine.yaml").write_text(text)
        options = {key: changed.pop(key) for key in ("size", "batched") if key in changed}
        return write_instances_onnx(
            tmp_path / "mine.onnx", {**FOUND, "masks": CELLS, **changed}, **options
        )

    return make


@pytest.fixture
def labels(tmp_path: Path):
    def make(text: str = LABELS + "dynamic: [day]\n") -> Path:
        write_onnx(tmp_path / "mine.onnx")
        (tmp_path / "mine.yaml").write_text(text)
        return tmp_path / "mine.onnx"

    return make


def test_of_a_label_network_each_connected_part_is_an_object(labels) -> None:
    image = blank(24, 40)
    image[:8, :12, 0] = image[16:, 20:, 0] = 255
    image[12:16, 4:8, 0] = 128  # dusk, which stays
    found = segment(labels(), image)
    assert len(found) == 2 and (found.scores == 1).all()
    assert (found.numbers[16:, 20:] == 1).all() and (found.numbers[:8, :12] == 2).all()
    assert (found.mask > 0).sum() == 8 * 20 + 8 * 12


def test_what_is_dynamic_can_be_said_at_run_time(labels) -> None:
    image = blank(24, 40)
    image[12:16, 4:8, 0] = 128
    path = labels()
    assert not segment(path, image).mask.any()
    assert (segment(path, image, classes="dusk, day").mask > 0).sum() == 16
    segmenter = load_dynamic(path, DynamicConfig(threads=1, classes="dusk,day"))
    assert segmenter.classes == ("dusk", "day")
    assert segmenter.computed_by.startswith("onnxruntime")


def test_masks_in_boxes_are_put_where_the_boxes_are(objects) -> None:
    found = segment(objects(), blank())
    np.testing.assert_allclose(found.scores, [0.9, 0.6])
    wanted = np.zeros((8, 12))
    wanted[2:6, 8:10], wanted[1:5, 2:6] = 1, 2
    np.testing.assert_array_equal(found.numbers, wanted)


def test_a_box_that_leaves_the_image_is_cut_and_half_pixels_are_counted_by_their_middles(
    objects,
) -> None:
    boxes = np.array([[-3, 5.4, 2.6, 20], [5, 5, 5, 9]], np.float32)
    found = segment(objects(boxes=boxes), blank())
    assert len(found) == 1, "a box without a width is none"
    wanted = np.zeros((8, 12))
    wanted[5:, :3] = 1
    np.testing.assert_array_equal(found.numbers, wanted)


def test_cells_of_a_mask_are_cells_of_the_box(objects) -> None:
    left_half = np.zeros((2, 4, 4), np.float32)
    left_half[:, :, :2] = 1.0
    boxes = np.array([[0, 0, 12, 8], [0, 0, 0, 0]], np.float32)
    found = segment(objects(boxes=boxes, masks=left_half), blank())
    wanted = np.zeros((8, 12))
    wanted[:, :6] = 1
    np.testing.assert_array_equal(found.numbers, wanted)


@pytest.mark.parametrize("masks", ["planes", "planes4"])
@pytest.mark.parametrize("batched", [True, False])
def test_masks_may_be_of_the_image(objects, masks: str, batched: bool) -> None:
    image = blank()
    image[1:3, 1:5, 0] = image[2:7, 4:9, 1] = 255
    found = segment(objects(masks=masks, batched=batched), image)
    wanted = np.zeros((8, 12))
    wanted[1:3, 1:5] = 2  # red: 0.6
    wanted[2:7, 4:9] = 1  # green: 0.9
    np.testing.assert_array_equal(found.numbers, wanted)


def test_boxes_of_a_resized_image_are_boxes_of_the_image(objects) -> None:
    found = segment(objects(OBJECTS + "size: [8, 12]\n"), blank(16, 36))
    wanted = np.zeros((16, 36))
    wanted[4:12, 24:30], wanted[2:10, 6:18] = 1, 2
    np.testing.assert_array_equal(found.numbers, wanted)
    fixed = objects(size=(8, 12))  # the file says it, the yaml does not
    np.testing.assert_array_equal(segment(fixed, blank(16, 36)).numbers, wanted)


def test_only_dynamic_classes_from_the_score_on_count(objects) -> None:
    path = objects()
    assert len(segment(path, blank(), score=0.7)) == 1
    assert len(segment(path, blank(), classes="tree")) == 0
    assert len(segment(path, blank(), classes="cat")) == 1


def test_outputs_of_other_names_and_with_the_score_in_the_box(objects, tmp_path: Path) -> None:
    scored = np.concatenate([BOXES, FOUND["scores"][:, None]], 1)[None]
    found = {"dets": scored, "labels": FOUND["labels"][None], "segments": CELLS[None]}
    path = write_instances_onnx(tmp_path / "mine.onnx", found)
    text = OBJECTS + "outputs: {boxes: dets, masks: segments}\n"
    path.with_suffix(".yaml").write_text(text)
    np.testing.assert_array_equal(
        segment(path, blank()).numbers, segment(objects(), blank()).numbers
    )


def test_a_network_that_finds_nothing(objects) -> None:
    nothing = {name: one[:0] for name, one in {**FOUND, "masks": CELLS}.items()}
    found = segment(objects(**nothing), blank())
    assert len(found) == 0 and not found.numbers.any()


def test_names_of_coco_bring_the_list_of_the_literature(objects) -> None:
    text = PLAIN + "kind: instances\nclasses: coco\n"
    segmenter = load_dynamic(objects(text), DynamicConfig(threads=1))
    assert segmenter.classes[:3] == ("person", "bicycle", "car")
    assert "dog" in segmenter.classes and "chair" not in segmenter.classes
    assert len(segmenter.classes) == 16
    assert len(segmenter.segment(blank())) == 2, "1 is a person, 3 a car"
    eighty = load_dynamic(objects(text.replace("coco", "coco80")), DynamicConfig(threads=1))
    assert len(eighty.segment(blank())) == 2, "1 is a bicycle, 3 a motorcycle"
    assert eighty.classes == segmenter.classes


@pytest.mark.parametrize(
    ("text", "changed", "said"),
    [
        (OBJECTS.replace("[car, cat]", "[dog]"), {}, "dynamic: expected names that classes has"),
        (OBJECTS.replace("instances", "boxes"), {}, "kind: expected classes or instances"),
        (OBJECTS + "outputs: [a]", {}, "outputs: expected names of outputs by boxes, labels"),
        (OBJECTS + "outputs: {box: a}", {}, "outputs: expected names of outputs by boxes, labels"),
        (OBJECTS + "outputs: {masks: a}", {}, "mine.onnx: outputs: expected one called a"),
        (OBJECTS.replace("dynamic: [car, cat]\n", ""), {}, "knows which classes are dynamic"),
        (OBJECTS, {"labels": np.array([1])}, r"mine.onnx: outputs: expected boxes \(N, 4\)"),
        (OBJECTS, {"masks": np.ones((2, 4), np.float32)}, "mine.onnx: masks: expected 3 axes"),
        (OBJECTS, {"boxes": np.ones((2, 7), np.float32)}, r"outputs: expected boxes \(N, 4\)"),
    ],
)
def test_what_does_not_fit_of_a_foreign_network_is_one_line(objects, text, changed, said) -> None:
    with pytest.raises(ModelError, match=said) as refused:
        segment(objects(text, **changed), blank())
    assert "\n" not in str(refused.value)


def test_a_network_for_objects_is_no_labeller(objects) -> None:
    from semloc_ros.perception.label_model import load_labeller

    with pytest.raises(ModelError, match="a network that gives labels, got one of instances"):
        load_labeller(objects())


@pytest.mark.parametrize(
    ("model", "options", "kind", "said"),
    [
        ("", {}, ConfigError, "model: expected the name or the file"),
        ("classes_stret", {}, ModelError, "did you mean classes_street"),
        ("none.onnx", {}, ModelError, "none.onnx: expected a file of weights, got no such file"),
        ("none.pth", {}, ModelError, "none.pth: expected torchvision's Mask R-CNN of 91 classes"),
        ("room.npz", {}, ModelError, "room.npz: expected a model that knows what is dynamic"),
        ("places_edges_street", {}, ModelError, "expected a model of labels"),
        ("classes_street", {"classes": "cars"}, ConfigError, "'cars' .did you mean car.."),
    ],
)
def test_faults_are_one_line(
    model: str, options: dict[str, str], kind: type[SemlocError], said: str
) -> None:
    with pytest.raises(kind, match=said) as refused:
        load_dynamic(model, DynamicConfig(threads=1, **options))
    assert "\n" not in str(refused.value)


def test_images_are_checked(objects) -> None:
    with pytest.raises(InputError, match="image: expected"):
        segment(objects(), np.zeros((4, 4, 4), np.uint8))


def test_classes_street_knows_what_moves() -> None:
    segmenter = load_dynamic("classes_street", DynamicConfig(threads=1))
    assert segmenter.classes == (
        "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle",
    )  # fmt: skip
    grey = np.random.default_rng(0).integers(0, 255, (60, 81), np.uint8)
    assert segmenter.segment(grey).numbers.shape == (60, 81)
