"""Files of weights: what is written is read back, and every fault is one line."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from torchvision.models import mobilenet_v3_small

from semloc_ros.errors import ModelError
from semloc_ros.networks.images import Normalization
from semloc_ros.networks.manifest import FILE_NAME, entry_of, read_manifest
from semloc_ros.networks.model_about import to_json
from semloc_ros.networks.model_files import (
    ModelAbout,
    add_to_manifest,
    find_model,
    load_model,
    read_about,
    save_model,
    start_from,
)
from semloc_ros.networks.segmentation import SegmentationNetwork, make_network

MODELS = Path(__file__).resolve().parents[2] / "models"
ABOUT = ModelAbout(
    name="three", architecture="mobile", num_labels=3, kind="classes", names=("a", "b", "c"),
    stationary=(True, True, False), normalization=Normalization((0.5, 0.4, 0.3), (0.2, 0.2, 0.1)),
    label_stride=4, training="semloc train", data="a world", licence="Apache-2.0",
)  # fmt: skip

FOUR = {"num_labels": 4, "names": tuple("abcd"), "stationary": ()}


def network(labels: int = 3, seed: int = 0) -> SegmentationNetwork:
    return make_network("mobile", labels, torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "three.safetensors"
    save_model(path, network(), ABOUT)
    return path


def one_line(error: pytest.ExceptionInfo[ModelError], *words: str) -> None:
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


def test_what_is_saved_is_loaded(saved: Path) -> None:
    again, about = load_model(saved)
    assert about == ABOUT and not again.training
    for name, tensor in network().state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
    assert [path.name for path in saved.parent.iterdir()] == ["three.safetensors"]


def test_a_network_that_is_not_what_it_is_called_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as error:
        save_model(tmp_path / "x.safetensors", network(4), ABOUT)
    one_line(error, "('mobile', 4)", "('mobile', 3)")
    sick = network()
    sick.classifier.weight.data[0] = torch.nan
    with pytest.raises(ModelError) as error:
        save_model(tmp_path / "x.safetensors", sick, ABOUT)
    one_line(error, "classifier.weight", "finite")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"kind": "things"}, "kind"),
        ({"names": ("a",)}, "names"),
        ({"names": ()}, "names"),
        ({"stationary": (True,)}, "stationary"),
        ({"label_stride": 3}, "label_stride"),
        ({"normalization": Normalization((0, 0, 0), (1, 1, 0))}, "std"),
        ({"normalization": Normalization((0, 0, float("nan")), (1, 1, 1))}, "mean"),
    ],
)
def test_what_a_model_says_of_itself_is_checked(
    change: dict[str, object], word: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError) as error:
        save_model(tmp_path / "x.safetensors", network(), dataclasses.replace(ABOUT, **change))
    one_line(error, word)


def test_damaged_files_are_one_line(saved: Path, tmp_path: Path) -> None:
    whole = saved.read_bytes()
    contents = {
        "half": whole[: len(whole) // 2], "empty": b"", "text": b"no weights at all",
        "long header": b"\xff" * 8 + whole[8:], "short": whole[:5],
    }  # fmt: skip
    for name, content in contents.items():
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(content)
        for read in (load_model, read_about, lambda one: start_from(network(), one)):
            with pytest.raises(ModelError) as error:
                read(path)
            one_line(error, path.name)
    with pytest.raises(ModelError) as error:
        load_model(tmp_path / "none.safetensors")
    one_line(error, "no such file")


def test_files_of_others_and_of_other_shapes_are_one_line(saved: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    tensors = load_file(saved)
    save_file(tensors, path)
    with pytest.raises(ModelError) as error:
        load_model(path)
    one_line(error, "one of others")
    save_file(tensors, path, {"semloc_model": "{"})
    with pytest.raises(ModelError) as error:
        load_model(path)
    one_line(error, path.name, "JSON")
    save_file(tensors, path, {"semloc_model": to_json(dataclasses.replace(ABOUT, **FOUR))})
    with pytest.raises(ModelError) as error:
        load_model(path)
    one_line(error, path.name, "auxiliary_classifier.bias", "(4,)", "(3,)")
    odd = dataclasses.replace(ABOUT, architecture="huge")
    save_file(tensors, path, {"semloc_model": to_json(odd)})
    with pytest.raises(ModelError) as error:
        load_model(path)
    one_line(error, path.name, "architecture", "'huge'")


def test_start_from_our_own_takes_all_but_the_labels(saved: Path) -> None:
    other = network(7, seed=1)
    names = start_from(other, saved)
    left = set(other.state_dict()) - set(names)
    assert left == {
        "classifier.weight", "classifier.bias",
        "auxiliary_classifier.weight", "auxiliary_classifier.bias",
    }  # fmt: skip
    assert torch.equal(other.trunk.join[0].weight, network().trunk.join[0].weight)
    assert set(start_from(network(3, seed=1), saved)) == set(other.state_dict())


@pytest.mark.parametrize("style", ["classifier", "segmentation", "nested"])
def test_start_from_torchvision(style: str, tmp_path: Path) -> None:
    theirs = mobilenet_v3_small(weights=None).state_dict()
    encoder = {name: one for name, one in theirs.items() if name.startswith("features.")}
    found: dict[str, object] = dict(theirs)
    if style != "classifier":
        found = {name.replace("features", "backbone", 1): one for name, one in encoder.items()}
    if style == "nested":
        found = {"model": {f"module.{name}": one for name, one in found.items()}, "epoch": 3}
    torch.save(found, tmp_path / "theirs.pth")
    ours = network(seed=5)
    assert len(start_from(ours, tmp_path / "theirs.pth")) == len(encoder)
    last = "12.1.running_var"
    assert torch.equal(ours.trunk.encoder.state_dict()[last], theirs[f"features.{last}"])


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save({"classifier.weight": torch.zeros(3, 512, 1, 1)}, path)  # fits, but means nothing
    ours = network()
    before = ours.classifier.weight.clone()
    with pytest.raises(ModelError) as error:
        start_from(ours, path)
    one_line(error, "encoder of mobile", "none among 1")
    assert torch.equal(ours.classifier.weight, before)


class _Code:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("this ran",))


def test_code_in_a_pickle_does_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "code.pth"
    torch.save({"weight": _Code()}, path)
    with pytest.raises(ModelError) as error:
        start_from(network(), path)
    one_line(error, "code.pth")
    assert "this ran" not in capsys.readouterr().out


def test_manifest_names_a_file_and_seals_it(saved: Path, tmp_path: Path) -> None:
    path = tmp_path / saved.name
    path.write_bytes(saved.read_bytes())
    add_to_manifest(path)
    add_to_manifest(path)  # an entry is replaced
    assert list(read_manifest(tmp_path)) == ["three"]
    assert find_model(path) == path
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(ModelError) as error:
        find_model(path)
    one_line(error, "sha256")


def test_names_are_found_in_a_workspace_without_ros(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "share" / "semloc_ros" / "models"
    folder.mkdir(parents=True)
    (folder / saved.name).write_bytes(saved.read_bytes())
    add_to_manifest(folder / saved.name)
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"/nowhere:{tmp_path}")
    assert find_model("three") == folder / saved.name
    with pytest.raises(ModelError) as error:
        find_model("thre")
    one_line(error, "did you mean three?")


@pytest.mark.parametrize(
    "text", ["- a\n", "a: 1\n", "a: {file: x}\n", "{", "a: " + "[" * 3], ids=range(5)
)
def test_a_broken_manifest_is_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(ModelError) as error:
        read_manifest(tmp_path)
    one_line(error, FILE_NAME)


def test_a_manifest_stays_in_its_folder(saved: Path, tmp_path: Path) -> None:
    entry = {**entry_of(ABOUT, saved), "file": "../three.safetensors"}
    (tmp_path / FILE_NAME).write_text(yaml.safe_dump({"three": entry}))
    with pytest.raises(ModelError) as error:
        read_manifest(tmp_path)
    one_line(error, "a file beside it")


def test_what_comes_with_the_package_is_what_its_manifest_says() -> None:
    entries = read_manifest(MODELS)
    files = {path.name for path in MODELS.glob("*.safetensors")}
    assert {entry["file"] for entry in entries.values()} == files
    for name, entry in entries.items():
        path = find_model(name)
        about = load_model(path)[1]
        assert about.name == name and entry == entry_of(about, path)
        assert about.training and about.data and about.licence
        assert path.stat().st_size <= 15e6
