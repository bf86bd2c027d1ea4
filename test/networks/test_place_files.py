"""Files and manifests with models of several kinds; place networks under torch and onnxruntime."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from numpy.typing import NDArray

from semloc_ros.errors import ConfigError, ModelError
from semloc_ros.networks.backends import open_backend
from semloc_ros.networks.export import export_onnx
from semloc_ros.networks.manifest import FILE_NAME, entry_of, file_sha256, read_manifest
from semloc_ros.networks.model_about import about_class, from_json, to_json
from semloc_ros.networks.model_files import (
    ModelAbout,
    PlaceAbout,
    add_to_manifest,
    find_model,
    load_label_network,
    load_model,
    load_place_network,
    read_about,
    save_model,
)
from semloc_ros.networks.places import PlaceNetwork, make_place_network
from semloc_ros.networks.row_backends import open_row_backend
from semloc_ros.networks.segmentation import make_network

MOST_APART = 1e-5  # of descriptors of length 1
SEEN = PlaceAbout(
    "seen", "small", pooling="gem", planes=3, dimensions=16, input="rgb", width=96, height=72,
    contrast="local", training="semloc train places", data="a street", licence="Apache-2.0",
)  # fmt: skip
GRID = dataclasses.replace(SEEN, name="grid", pooling="grid", planes=8, contrast="gradients")
READ = PlaceAbout(
    "read", "small", pooling="netvlad", planes=2, dimensions=16, input="labels", width=64,
    height=48, labels="three", num_labels=3, kept=(0, 2),
)  # fmt: skip
SHALLOW = PlaceAbout(
    "shallow", "shallow", pooling="grid", planes=20, dimensions=16, input="labels", width=24,
    height=16, labels="many", num_labels=20, kept=tuple(range(20)),
)  # fmt: skip
LABELLER = ModelAbout("three", "mobile", 3, kind="clusters")
# as files of the first schema have it, before there were other kinds
OLD = (
    '{"schema": 1, "name": "old", "architecture": "mobile", "num_labels": 2, "kind": "clusters", '
    '"names": ["a", "b"], "stationary": [true, false], "normalization": {"mean": [0.5, 0.5, 0.5], '
    '"std": [0.2, 0.2, 0.2]}, "label_stride": 4, "training": "t", "data": "d", "licence": "l"}'
)


def network(about: PlaceAbout, seed: int = 0) -> PlaceNetwork:
    generator = torch.Generator().manual_seed(seed)
    return make_place_network(
        about.architecture, about.pooling, about.planes, about.dimensions, generator
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models of two kinds in one manifest; those of places with their ONNX files."""
    place = tmp_path_factory.mktemp("models")
    for about in (SEEN, READ, GRID):
        path = place / f"{about.name}.safetensors"
        save_model(path, network(about), about)
        export_onnx(network(about), about, path.with_suffix(".onnx"), None, file_sha256(path))
        add_to_manifest(path)
    labeller = make_network("mobile", 3, torch.Generator().manual_seed(0))
    save_model(place / "three.safetensors", labeller, LABELLER)
    add_to_manifest(place / "three.safetensors")
    return place


def planes(about: PlaceAbout, batch: int = 1) -> NDArray[np.float32]:
    shape = (batch, about.planes, about.height, about.width)
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def test_models_of_several_kinds_share_a_manifest(folder: Path) -> None:
    entries = read_manifest(folder)
    assert [entry["kind"] for entry in entries.values()] == [*["places"] * 3, "clusters"]
    for name, about in (("seen", SEEN), ("read", READ), ("three", LABELLER)):
        path = folder / f"{name}.safetensors"
        found, said = load_model(path)
        assert said == about == read_about(path) and not found.training
        assert find_model(path) == path and entries[name] == entry_of(about, path)
        assert set(about.entry()) == set(about.entry_fields)
    weights = load_place_network(folder / "read.safetensors")[0].state_dict()
    wanted = network(READ).state_dict()
    assert all(torch.equal(one, weights[name]) for name, one in wanted.items())


def test_a_manifest_says_what_models_give(folder: Path) -> None:
    said = {
        name: about_class(entry["kind"]).summary(entry)
        for name, entry in read_manifest(folder).items()
    }
    assert said == {
        "seen": "places from rgb, 16 numbers", "grid": "places from rgb, 16 numbers",
        "read": "places from labels of three, 16 numbers", "three": "3 clusters",
    }  # fmt: skip


def test_files_from_before_there_were_other_kinds_are_read() -> None:
    about = from_json(OLD)
    assert isinstance(about, ModelAbout) and about.stationary == (True, False)
    assert json.loads(to_json(about)) == json.loads(OLD)


def test_a_field_that_came_later_has_its_default() -> None:
    said = json.loads(to_json(READ))
    assert said.pop("contrast") == "none"
    assert from_json(json.dumps(said)) == READ
    del said["width"]
    with pytest.raises(ModelError, match="width missing or unknown"):
        from_json(json.dumps(said))


def test_one_kind_is_not_taken_for_another(folder: Path) -> None:
    places, labels = folder / "seen.safetensors", folder / "three.safetensors"
    for load in (load_label_network, lambda path: open_backend(path, device="cpu")):
        with pytest.raises(ModelError, match="expected a model of labels, got one of places"):
            load(places)
    for load in (load_place_network, lambda path: open_row_backend(path, PlaceAbout, device="cpu")):
        with pytest.raises(ModelError, match="expected a model of places, got one of labels"):
            load(labels)
    with pytest.raises(ModelError, match="seen.onnx: expected a model of labels"):
        open_backend(folder / "seen.onnx", device="cpu", threads=1)


@pytest.mark.parametrize(
    ("about", "change", "words"),
    [
        (SEEN, {"pooling": "max"}, "pooling: expected gem or netvlad"),
        (SEEN, {"input": "depth"}, "input: expected rgb or labels"),
        (SEEN, {"contrast": "global"}, "contrast: expected none or local"),
        (SEEN, {"planes": 4}, "planes: expected 3 of rgb, got 4"),
        (GRID, {"contrast": "none"}, "planes: expected 3 of rgb, got 8"),
        (SEEN, {"width": 8}, "width: expected 16 or more, got 8"),
        (SEEN, {"architecture": "alexnet", "width": 30}, "width: expected 31 or more, got 30"),
        (SEEN, {"labels": "three"}, "none for rgb"),
        (SEEN, {"kind": "clusters"}, "kind: expected places"),
        (READ, {"kept": (2, 0)}, "kept: expected ascending numbers below 3"),
        (READ, {"kept": (0, 3)}, "kept: expected ascending numbers below 3"),
        (READ, {"kept": ()}, "kept: expected ascending numbers below 3"),
        (READ, {"labels": ""}, "labels: expected the name"),
        (READ, {"planes": 3}, "planes: expected 2 of labels, got 3"),
        (SEEN, {"dimensions": 17}, r"'gem', 3, 16\) as the network, got .*17"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_what_does_not_agree_is_not_saved(
    about: PlaceAbout, change: dict[str, object], words: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=words):
        save_model(
            tmp_path / "x.safetensors", network(about), dataclasses.replace(about, **change)
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "poses"}, "kind: expected clusters or classes or places or .*, got 'poses'"),
        ({"kind": ["places"]}, "kind: expected clusters or classes or places or .*, got"),
        ({"width": "wide"}, "about: width: expected its type"),
        ({"kept": [None]}, "about: kept: expected its type"),
        ({"name": 3}, "about: name: expected its type"),
        ({"normalization": {}}, "about: normalization: expected its type"),
        ({"extra": 1}, "extra missing or unknown"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_odd_words_are_one_line(change: dict[str, object], words: str) -> None:
    text = json.dumps(json.loads(to_json(SEEN)) | change)
    with pytest.raises(ModelError, match=words) as error:
        from_json(text)
    assert "\n" not in str(error.value)


def test_an_entry_must_fit_its_kind(folder: Path, tmp_path: Path) -> None:
    entries = read_manifest(folder)
    for change, words in (
        ({"labels": 3}, "seen: expected the fields .* got labels"),
        ({"kind": "poses"}, "seen: kind: expected clusters"),
    ):
        (tmp_path / FILE_NAME).write_text(yaml.safe_dump({"seen": entries["seen"] | change}))
        with pytest.raises(ModelError, match=words):
            read_manifest(tmp_path)


@pytest.mark.parametrize("about", [SEEN, READ, GRID], ids=["gem", "netvlad", "grid"])
def test_the_exported_network_describes_as_the_trained_one(
    about: PlaceAbout, folder: Path
) -> None:
    path = folder / f"{about.name}.safetensors"
    ours = open_row_backend(path, PlaceAbout, "torch", "cpu", threads=1)
    theirs = open_row_backend(path, PlaceAbout, "onnxruntime", "cpu", threads=1)
    for batch in (1, 3):
        given = planes(about, batch)
        wanted, found = ours.rows(given), theirs.rows(given)
        assert wanted.shape == found.shape == (batch, 16) and found.dtype == np.float32
        assert np.abs(wanted - found).max() < MOST_APART
        assert np.allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-5)
    larger = np.concatenate([given, given], 3)
    assert np.abs(ours.rows(larger) - theirs.rows(larger)).max() < MOST_APART
    assert np.abs(ours.rows(larger) - wanted).max() > 1e-4
    assert theirs.about == ours.about == about
    assert ours.sha256 == theirs.sha256 == file_sha256(path)
    assert [one.computed_by for one in (ours, theirs)] == [
        "torch on the CPU", "onnxruntime on the CPU",
    ]  # fmt: skip


@pytest.mark.parametrize("pooling", ["gem", "netvlad", "grid"])
def test_alexnet_is_exported_too(pooling: str, tmp_path: Path) -> None:
    about = dataclasses.replace(SEEN, architecture="alexnet", pooling=pooling)
    large = network(about)
    large.encoder.eval()
    modes = [one.training for one in large.modules()]
    export_onnx(large, about, tmp_path / "large.onnx", size=(72, 96))
    assert [one.training for one in large.modules()] == modes  # as they were
    found = open_row_backend(tmp_path / "large.onnx", PlaceAbout, device="cpu", threads=1)
    with torch.inference_mode():
        wanted = large.eval()(torch.from_numpy(planes(about))).numpy()
    assert np.abs(found.rows(planes(about)) - wanted).max() < MOST_APART
    assert found.sha256 == file_sha256(tmp_path / "large.onnx")
    with pytest.raises(ConfigError, match="96 x 72, got 48 x 72"):
        found.rows(planes(about)[..., :48])


@pytest.mark.parametrize("pooling", ["gem", "netvlad", "grid"])
@pytest.mark.parametrize("count", [8, 20])
def test_shallow_ones_are_exported_too(pooling: str, count: int, tmp_path: Path) -> None:
    about = dataclasses.replace(SHALLOW, pooling=pooling, planes=count, kept=tuple(range(count)))
    ours = network(about)
    torch.nn.init.normal_(ours.encoder.second.weight, generator=torch.Generator().manual_seed(2))
    export_onnx(ours, about, tmp_path / "shallow.onnx")
    found = open_row_backend(tmp_path / "shallow.onnx", PlaceAbout, device="cpu", threads=1)
    given = planes(about, 5)  # as many as an image is looked up by
    with torch.inference_mode():
        wanted = ours.eval()(torch.from_numpy(given)).numpy()
    assert np.abs(found.rows(given) - wanted).max() < MOST_APART


def test_an_export_of_older_weights_is_refused(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "seen.safetensors"
    save_model(path, network(SEEN, seed=1), SEEN)  # trained again, under the same name
    path.with_suffix(".onnx").write_bytes((folder / "seen.onnx").read_bytes())
    with pytest.raises(ModelError, match=r"seen.onnx: .*export it again"):
        open_row_backend(path, PlaceAbout, "onnxruntime", "cpu", threads=1)
    with pytest.raises(ConfigError, match="a .safetensors file, for torch"):
        open_row_backend(path.with_suffix(".onnx"), PlaceAbout, "torch", "cpu")
