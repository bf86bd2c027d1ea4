"""`semloc map places` as a user types it, with networks of random weights."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from semloc_ros.cli.map import app
from semloc_ros.config import DescriberConfig, RetrieverConfig
from semloc_ros.errors import ConfigError, DatasetError, MapError, ModelError
from semloc_ros.maps.manifest import Manifest
from semloc_ros.maps.place_files import list_places, load_places
from semloc_ros.maps.semantic_map import ARRAYS, SemanticMap
from semloc_ros.maps.storage import load_map, save_map
from semloc_ros.perception.place_retriever import PlaceRetriever
from semloc_ros.types import Camera

torch = pytest.importorskip("torch")
VIEWS = 6
CAMERA = Camera("pinhole", 96, 72, 80.0, 80.0, 47.5, 35.5)
CPU = ("--set", "device=cpu", "--set", "threads=1")


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    """Six images as of the views of a map."""
    folder = tmp_path_factory.mktemp("images") / "left"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for view in range(VIEWS):
        coarse = rng.integers(0, 255, (9, 12, 3), np.uint8)
        cv2.imwrite(str(folder / f"{view}.png"), coarse.repeat(8, 0).repeat(8, 1))
    return folder.parent


@pytest.fixture()
def map_folder(tmp_path) -> Path:
    """A map of these views, without points."""
    counts = {"P+1": 1, "V": VIEWS, "V+1": VIEWS + 1, "D": 128}
    arrays = {
        name: np.zeros([one if isinstance(one, int) else counts.get(one, 0) for one in shape], kind)
        for name, ((kind, *_), shape) in ARRAYS.items()
    }
    poses = np.tile(np.eye(4), (VIEWS, 1, 1))
    poses[:, 0, 3] = np.arange(VIEWS)
    names = tuple(f"left/{view}.png" for view in range(VIEWS))
    made = SemanticMap(Manifest("none"), names, (CAMERA,), **{**arrays, "camera_from_map": poses})
    save_map(made, tmp_path / "map")
    return tmp_path / "map"


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    """places_rgb.safetensors, and places_labels.safetensors, which reads three labels."""
    from semloc_ros.networks.model_files import PlaceAbout, save_model
    from semloc_ros.networks.places import make_place_network

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("models")
    rgb = PlaceAbout("places_rgb", "small", pooling="gem", planes=3, dimensions=12, input="rgb",
                     width=64, height=64)  # fmt: skip
    semantic = PlaceAbout(
        "places_labels", "small", pooling="gem", planes=2, dimensions=10, input="labels", width=64,
        height=64, labels="three", num_labels=3, kept=(0, 2),
    )  # fmt: skip
    for about in (rgb, semantic):
        made = make_place_network(
            "small", "gem", about.planes, about.dimensions, torch.Generator().manual_seed(0)
        )
        save_model(folder / f"{about.name}.safetensors", made, about)
    return folder


@pytest.fixture()
def labels(images, tmp_path) -> Path:
    """Label maps of the images: three labels."""
    folder = tmp_path / "labels"
    (folder / "left").mkdir(parents=True)
    for view in range(VIEWS):
        image = cv2.imread(str(images / "left" / f"{view}.png"))
        cv2.imwrite(str(folder / "left" / f"{view}.png"), image[..., 0] % 3)
    return folder


def run(*arguments):
    return CliRunner().invoke(app, [str(one) for one in arguments])


def refused(kind, line, *arguments):
    with pytest.raises(kind, match=line) as caught:
        raise run("places", *arguments).exception
    assert "\n" not in str(caught.value)


def test_views_are_described_and_found_again(map_folder, images, models):
    model = models / "places_rgb.safetensors"
    result = run("places", map_folder, "--model", model, "--images", images, *CPU)
    assert result.exit_code == 0, result.output
    assert "6 views described by places_rgb (12 numbers each" in result.output
    config = RetrieverConfig(models=str(model), describer=DescriberConfig("auto", "cpu", 1))
    retriever = PlaceRetriever.open(map_folder, config)
    for view in (0, 4):
        image = cv2.imread(str(images / "left" / f"{view}.png"))[..., ::-1]
        places = retriever.retrieve(0, np.ascontiguousarray(image))
        assert places.views[0] == view and len(places) == VIEWS
        assert places.map_from_camera[0, 0, 3] == -view
    assert "places_rgb" in run("info", map_folder).output


def test_models_that_read_labels(map_folder, images, models, labels):
    model = models / "places_labels.safetensors"
    words = (map_folder, "--model", model, *CPU)
    refused(ConfigError, "--labels: expected label maps of three, which places_labels", *words)
    result = run("places", *words, "--labels", labels)
    assert result.exit_code == 0, result.output
    about = next(iter(list_places(map_folder).values()))
    places = load_places(map_folder, about.model, about.sha256)
    assert places.grids is not None and places.grids.shape == (VIEWS, 15, 20)
    assert places.counted is not None and places.counted.tolist() == [True, False, True]
    (labels / "labels.json").write_text(
        json.dumps({"names": ["a"], "stationary": [True], "parents": [0]})
    )
    line = "--labels: expected the 3 of three, which places_labels reads, got 1 labels"
    refused(ConfigError, line, *words, "--labels", labels)


def test_rgb_with_labels_for_reranking(map_folder, images, models, labels):
    model = models / "places_rgb.safetensors"
    words = (map_folder, "--model", model, "--images", images, *CPU)
    assert run("places", *words, "--labels", labels).exit_code == 0
    config = RetrieverConfig(
        models=str(model), rerank_weight=1.0, describer=DescriberConfig("auto", "cpu", 1)
    )
    assert PlaceRetriever.open(map_folder, config).needs == {"image", "labels"}
    assert run("places", *words).exit_code == 0  # without labels, over the older ones
    with pytest.raises(MapError, match="expected places with label grids"):
        PlaceRetriever.open(map_folder, config)


def test_both_models_of_a_hybrid_describe(map_folder, images, models, labels, tmp_path):
    from semloc_ros.networks.manifest import file_sha256
    from semloc_ros.perception.hybrids import Hybrid, write_hybrid

    files = [models / "places_labels.safetensors", models / "places_rgb.safetensors"]
    seals = (file_sha256(files[0]), file_sha256(files[1]))
    hybrid = tmp_path / "both.yaml"
    write_hybrid(hybrid, Hybrid(str(files[0]), str(files[1]), seals, 0.4, {}))
    words = ("--model", hybrid, "--images", images, "--labels", labels, *CPU)
    result = run("places", map_folder, *words)
    assert result.exit_code == 0, result.output
    assert len(list_places(map_folder)) == len(files)
    options = DescriberConfig("auto", "cpu", 1)
    config = RetrieverConfig(models=str(hybrid), rerank_weight=0.1, describer=options)
    retriever = PlaceRetriever.open(map_folder, config)
    image = cv2.imread(str(images / "left" / "2.png"))
    seen = np.ascontiguousarray(image[..., ::-1])
    assert retriever.retrieve(0, seen, image[..., 0] % 3).views[0] == 2
    write_hybrid(hybrid, Hybrid(str(files[0]), str(files[1]), ("0" * 64, seals[1]), 0.4, {}))
    refused(ModelError, "as in the hybrid", map_folder, *words)


def test_what_is_missing_is_one_line(map_folder, images, models, tmp_path):
    rgb = ("--model", models / "places_rgb.safetensors", *CPU)
    refused(ConfigError, "--images: expected the map's images, which places_rgb reads",
            map_folder, *rgb)  # fmt: skip
    refused(DatasetError, "expected images of the map's views", map_folder, *rgb,
            "--images", tmp_path)  # fmt: skip
    refused(MapError, "expected a map folder", tmp_path / "none", *rgb, "--images", images)
    refused(ModelError, "expected", map_folder, "--model", models / "none.onnx", "--images", images)
    refused(ConfigError, "--labels no_folder: expected a folder, or --images beside a model",
            map_folder, *rgb, "--labels", "no_folder")  # fmt: skip
    assert not list_places(map_folder)


def test_a_retriever_of_a_map_without_places(map_folder, models):
    config = RetrieverConfig(
        models=str(models / "places_rgb.safetensors"), describer=DescriberConfig("auto", "cpu", 1)
    )
    with pytest.raises(MapError, match=r"expected places of places_rgb .*semloc map places.* none"):
        PlaceRetriever.open(map_folder, config)


def test_places_of_the_views_before_are_refused(map_folder, images, models):
    model = models / "places_rgb.safetensors"
    run("places", map_folder, "--model", model, "--images", images, *CPU)
    kept = map_folder.with_name("kept")
    (map_folder / "places").rename(kept)
    before = load_map(map_folder)
    poses = np.array(before.camera_from_map)
    poses[0, 0, 3] = 0.5
    save_map(dataclasses.replace(before, camera_from_map=poses), map_folder)
    kept.rename(map_folder / "places")
    config = RetrieverConfig(models=str(model), describer=DescriberConfig("auto", "cpu", 1))
    line = "expected places of this map's views .* other views"
    with pytest.raises(MapError, match=line):
        PlaceRetriever.open(map_folder, config)
    with pytest.raises(MapError, match=line):
        raise run("info", map_folder).exception
    assert run("info", map_folder, "--no-verify").exit_code == 0


def test_two_models_describe_in_one_go(map_folder, images, models, labels):
    two = f"{models / 'places_labels.safetensors'},{models / 'places_rgb.safetensors'}"
    words = ("--model", two, "--images", images, "--labels", labels, *CPU)
    assert run("places", map_folder, *words).exit_code == 0
    found = {one.model for one in list_places(map_folder).values()}
    assert found == {"places_labels", "places_rgb"}
