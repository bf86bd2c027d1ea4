"""One door to networks and clusters: what comes out is a label map, or one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from semloc_ros.config import ClusterLabelsConfig, LabellerConfig
from semloc_ros.errors import ConfigError, InputError, MapError, ModelError
from semloc_ros.perception.cluster_labels import fit
from semloc_ros.perception.label_colors import colorize, palette
from semloc_ros.perception.label_model import is_model, load_labeller

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    small = np.random.default_rng(2).integers(0, 255, (9, 12, 3), np.uint8)
    return small.repeat(7, axis=0).repeat(7, axis=1)[:61, :83]


@pytest.fixture(scope="module")
def make_model(tmp_path_factory: pytest.TempPathFactory):
    """`make_model(num_labels, …)`: the file of an untrained network."""
    from semloc_ros.networks.model_files import ModelAbout, save_model
    from semloc_ros.networks.segmentation import make_network

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("models")

    def make(num_labels: int, kind: str = "clusters", **about: object) -> Path:
        path = folder / f"{kind}{num_labels}.safetensors"
        if not path.exists():
            network = make_network("mobile", num_labels, torch.Generator().manual_seed(4))
            save_model(path, network, ModelAbout("tiny", "mobile", num_labels, kind=kind, **about))
        return path

    return make


def labeller(path: Path, **options: object):
    return load_labeller(path, LabellerConfig(device="cpu", threads=1, **options))


def test_a_network_labels_every_pixel_by_its_largest_score(make_model, image):
    from semloc_ros.networks.backends import open_backend
    from semloc_ros.networks.images import to_planes
    from semloc_ros.networks.pyramid import upsampled

    path = make_model(20)
    found = labeller(path, label_stride=1).label(image)
    backend = open_backend(path, "torch", "cpu", 1)
    scores = backend.scores(to_planes(image, backend.about.normalization)[None])
    wanted = upsampled(scores, image.shape[:2])[0].argmax(0).numpy()
    assert found.dtype == np.uint8 and len(np.unique(found)) > 1
    assert (found == wanted).mean() > 0.999  # ties may fall either way


def test_cells_of_the_models_stride_have_one_label(make_model, image):
    found = labeller(make_model(20)).label(image)  # 4 pixels
    assert found.shape == image.shape[:2]
    np.testing.assert_array_equal(found, found[::4, ::4].repeat(4, 0).repeat(4, 1)[:61, :83])


def test_one_patch_over_the_image_is_the_whole_image(make_model, image):
    square = image[:56, :56]
    whole = labeller(make_model(20)).label(square)
    options = {"inference": "patches", "patch_px": 56, "step_px": 40, "centre_px": 20}
    patch = labeller(make_model(20), **options).label(square)
    assert (whole == patch).mean() > 0.995


def test_patches_tile_larger_images(make_model, image):
    options = {"inference": "patches", "patch_px": 40, "step_px": 24, "centre_px": 8}
    found = labeller(make_model(20), **options).label(image)
    assert found.shape == image.shape[:2] and len(np.unique(found)) > 1
    whole = labeller(make_model(20)).label(image)
    assert not np.array_equal(found, whole), "a patch sees less"


@pytest.mark.parametrize(("count", "kind"), [(255, np.uint8), (256, np.uint16), (300, np.uint16)])
def test_many_labels_take_two_bytes(make_model, image, count, kind):
    opened = labeller(make_model(count))
    assert opened.count == count == len(opened.about)
    assert opened.label(image).dtype == kind
    assert opened.about.stationary is None and opened.about.names[-1] == f"cluster {count - 1}"


def test_classes_keep_what_the_model_knows_of_them(make_model):
    names = ("road", "tree", "car")
    flags = (True, True, False)
    opened = labeller(make_model(3, "classes", names=names, stationary=flags))
    assert (opened.name, opened.about.names) == ("tiny", names)
    assert opened.about.stationary.tolist() == list(flags)
    assert opened.computed_by == "torch on the CPU"


def test_clusters_without_a_network_come_through_the_same_door(tmp_path, image):
    model = fit([image], 5, seed=0, config=ClusterLabelsConfig(scales=1))
    model.save(tmp_path / "room.npz")
    opened = labeller(tmp_path / "room.npz")
    assert (opened.name, opened.count) == ("room", 5)
    np.testing.assert_array_equal(opened.label(image), model.label(image))


def test_an_exported_network_gives_the_same_labels(make_model, image):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from semloc_ros.networks.export import export_onnx
    from semloc_ros.networks.model_files import load_model

    path = make_model(20)
    export_onnx(*load_model(path), path.with_suffix(".onnx"))
    opened = labeller(path.with_suffix(".onnx"))
    assert opened.computed_by.startswith("onnxruntime")
    assert (opened.label(image) == labeller(path).label(image)).mean() > 0.995
    fine = [labeller(one, label_stride=2).label(image) for one in (path, path.with_suffix(".onnx"))]
    assert (fine[0] == fine[1]).mean() > 0.995
    patches = {"inference": "patches", "patch_px": 40, "step_px": 24, "centre_px": 8}
    both = [labeller(one, **patches).label(image) for one in (path, path.with_suffix(".onnx"))]
    assert (both[0] == both[1]).mean() > 0.995


def test_images_that_are_none_are_refused(make_model, image):
    opened = labeller(make_model(20))
    assert opened.label(image[..., 0]).shape == image.shape[:2], "grey is fine"
    for wrong in (image.astype(np.float32), image[..., :2], image[:0]):
        with pytest.raises(InputError, match="^image: expected"):
            opened.label(wrong)


@pytest.mark.parametrize(
    ("name", "options", "error", "said"),
    [
        ("", {}, ConfigError, "model: expected the name or the file of a model, got ''"),
        ("no_such_model", {}, ModelError, "model: expected a name in"),
        ("absent.safetensors", {}, ModelError, "absent.safetensors: expected a file of weights"),
        ("absent.npz", {}, MapError, "absent.npz: expected a label model"),
        ("torn.safetensors", {}, ModelError, "torn.safetensors: expected"),
        ("good", {"label_stride": 3}, ConfigError, "label_stride: expected one of"),
        ("good", {"inference": "patches", "step_px": 800}, ConfigError, "step_px: expected 4 to"),
        ("good", {"backend": "onnxruntime"}, ModelError, "expected an ONNX file"),
    ],
)
def test_faults_are_one_line(make_model, tmp_path, name, options, error, said):
    path = tmp_path / name if "." in name else name
    if name.startswith("torn"):
        Path(path).write_bytes(b"torn")
    if name == "good":
        path = make_model(21)
    with pytest.raises(error, match=said) as refused:
        load_labeller(path, LabellerConfig(**options))
    assert "\n" not in str(refused.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_said(make_model):
    with pytest.raises(ConfigError, match="device: expected a GPU"):
        load_labeller(make_model(20), LabellerConfig(device="cuda"))


def test_files_of_models_are_known_by_their_endings():
    assert all(is_model(f"some/where.{end}") for end in ("safetensors", "onnx", "npz"))
    assert not is_model("frames/winter") and not is_model("/labels")


def test_colours_tell_labels_apart_and_unknown_is_black(make_model):
    about = labeller(make_model(300)).about
    colors = palette(about)
    assert len(np.unique(colors, axis=0)) > 250
    drawn = colorize(np.array([[7, 65535]], np.uint16), colors)
    assert drawn[0, 0].tolist() == colors[7].tolist() and not drawn[0, 1].any()
    four = make_model(4, "classes", names=("road", "hedge", "sky", "x"))
    known = palette(labeller(four).about)
    assert known[0].tolist() == [128, 64, 128] and known[2].tolist() == [70, 130, 180]
