"""What the benchmark of objects compares, with a network of chance."""

from __future__ import annotations

import argparse
import json
from importlib import import_module

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from object_scenes import HEIGHT, NAMES, scenes  # noqa: E402

from semloc_ros.evaluation.object_quality import JudgedFind, JudgedImage  # noqa: E402
from semloc_ros.maps.objects import MapObjects, ObjectInstance, ObjectOfInterest  # noqa: E402
from semloc_ros.networks.model_files import ObjectAbout, save_model  # noqa: E402
from semloc_ros.networks.object_detection import make_object_network  # noqa: E402
from semloc_ros.networks.torch_objects import TorchObjectBackend  # noqa: E402
from semloc_ros.types import Camera, PosedImage  # noqa: E402

CAMERA = Camera("radtan", 96, HEIGHT, 90.0, 90.0, 47.5, 35.5, (-0.2, 0.0, 0.0, 0.0))


@pytest.fixture(scope="module")
def methods():
    return import_module("object_methods")


@pytest.fixture(scope="module", params=["dense", "homography", "points3d"])
def model(request, tmp_path_factory):
    network = make_object_network(
        "mobile", request.param, 2, HEIGHT, True, torch.Generator().manual_seed(0)
    )
    path = tmp_path_factory.mktemp("model") / "made.safetensors"
    about = ObjectAbout("made", "mobile", head=request.param, short_side=HEIGHT, names=NAMES)
    save_model(path, network, about)
    return path


def shown(methods):
    (scene,) = scenes(1)
    posed = PosedImage("a", 1, CAMERA, np.eye(4), scene.read)
    return methods.TestImage(posed, scene.read_objects())


def hung():
    """Both pictures somewhere."""
    place = ObjectInstance(np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 2], [0, 0, 1]]))
    blank = np.zeros((8, 8, 3), np.uint8)
    return MapObjects(
        tuple(ObjectOfInterest(name, blank, blank[..., 0] + 255, (place,)) for name in NAMES)
    )


def test_given_objects_are_found_where_they_are(methods, model):
    image = shown(methods)
    find = methods.networks(model, hung(), [("given", "none")], 0.5)["given none"]
    found, spent = find(image)
    assert {one.name for one in found} == set(NAMES)
    for _, name, box in methods.true_boxes(image.truth):
        (one,) = [one for one in found if one.name == name]
        np.testing.assert_allclose(one.box, box - 0.5, atol=1e-4)
        columns, rows = np.rint(one.points_image).astype(int).T
        numbers = image.truth.numbers[rows, columns]
        assert np.mean(numbers == 1 + image.truth.names.index(name)) > 0.97
    assert spent["network"] > 0
    without = methods.TestImage(image.posed, None)
    assert find(without)[0] == [], "nothing is known of it"


def test_a_network_that_says_where_in_the_box_is_judged_by_that(methods, tmp_path):
    """One of chance does: seen from the front, its (u, v) are right."""
    network = make_object_network("mobile", "dense", 2, 64, True, torch.Generator())
    with torch.no_grad():
        network.matches.last.bias[:, 0] = 5.0
        network.matches.last.weight.zero_()
        network.matches.last.shared.zero_()
        network.matches.last.bias[:, 2:] = 0.0
    about = ObjectAbout("made", "mobile", head="dense", short_side=64, names=NAMES)
    save_model(tmp_path / "made.safetensors", network, about)
    backend = TorchObjectBackend(tmp_path / "made.safetensors", "cpu", 1)
    box = np.array([[10, 20, 50, 60]], np.float32)
    found = backend.matched(np.zeros((1, 3, 64, 96), np.float32), box, np.array([2]))
    assert found.labels.tolist() == [2] and found.scores.tolist() == [1.0]
    cells = found.windows[0, 0] + (np.arange(56) + 0.5) / 56 * np.ptp(found.windows[0, ::2])
    np.testing.assert_allclose(found.values[0, 0, 0], (cells - 10) / 40, atol=1e-5)


def test_a_network_looks_once_at_an_image(methods):
    class Network:
        about, computed_by, asked = None, "", 0

        def find(self, images):
            self.asked += 1
            return self.asked

    network = Network()
    once = methods.Once(network)
    image, other = np.zeros((1, 3, 2, 2), np.float32), np.ones((1, 3, 2, 2), np.float32)
    assert [once.find(one) for one in (image, image.copy(), other, other, image)] == [1, 1, 2, 2, 3]
    once.find(image)
    assert once.saved_ms > 0


def test_matchers_know_the_camera_of_an_image(methods, monkeypatch):
    """Without it nobody takes the distortion of the worlds' robots out."""
    told = []

    class Matcher:
        names, stage_ms = ("rings",), {"network": 1.0}

        def __init__(self, *given):
            pass

        def find(self, image, mask=None, camera=None):
            told.append(camera)
            return []

    monkeypatch.setattr(methods, "ObjectMatcher", Matcher)
    network = argparse.Namespace(about=argparse.Namespace(names=NAMES), computed_by="")
    find = methods.finder(network, methods.Once(network), hung(), "features", "none", 0.5)
    assert find(shown(methods)) == ([], {"network": 1.0}) and told == [CAMERA]


def test_kinds_are_all_pairs_or_named(methods):
    assert methods.kinds_of("regression,features", "none,photometric") == [
        ("regression", "none"), ("regression", "photometric"),
        ("features", "none"), ("features", "photometric"),
    ]  # fmt: skip
    assert methods.kinds_of("regression:none,given", "homography") == [
        ("regression", "none"), ("given", "homography"),
    ]  # fmt: skip


def test_figures_put_side_by_side_what_is_compared():
    benchmark = import_module("objects")
    methods = {
        f"{network} {kind}": benchmark.Method(None, None, network, kind)
        for network in ("one", "two") for kind in ("plain", "refined")
    }  # fmt: skip
    images = [JudgedImage("a", 0.01, 0.1)]
    judged = {test: dict.fromkeys(methods, images) for test in ("day", "night")}
    drawn = {title: list(lines) for title, lines in benchmark.panels(judged, methods).items()}
    assert drawn["day, plain"] == ["one", "two"] and len(drawn) == 4
    alone = {label: one for label, one in methods.items() if one.network == "one"}
    some = {test: dict.fromkeys(alone, images) for test in judged}
    drawn = {title: list(lines) for title, lines in benchmark.panels(some, alone).items()}
    assert drawn == {"plain": ["day", "night"], "refined": ["day", "night"]}
    only = {"day": dict.fromkeys(alone, images)}
    assert list(benchmark.panels(only, alone)["day"]) == ["one plain", "one refined"]


def test_sigmas_are_told_in_parts():
    benchmark = import_module("objects")
    errors = np.repeat([[1.0], [4.0]], 50, 0) * np.ones((100, 2))
    finds = (JudgedFind("a", True, errors, np.repeat([1.0, 2.0], 50)),)
    judged = {"day": {"it": [JudgedImage("a", 0.1, 0.1, finds=finds)]}}
    rows = benchmark.grouped({"it": benchmark.said(judged, "it")})
    assert [row[1] for row in rows] == [f"{number} of 5" for number in range(1, 6)]
    assert rows[0][2:] == [1.0, 1.0, 1.0] and rows[-1][2:] == [2.0, 4.0, 2.0]


def test_the_study_judges_what_is_there_and_tells_it(tmp_path, monkeypatch, capsys):
    study, ran = import_module("object_study"), []
    out, worlds = tmp_path / "out", tmp_path / "worlds"
    out.mkdir()
    (out / "dense.safetensors").touch()
    for light in ("day", "night"):
        (worlds / study.views(light, 0) / "sensors").mkdir(parents=True)
    monkeypatch.setattr(study, "run", ran.append)
    arguments = ["--worlds", str(worlds), "--out", str(out), "--what", "judge,tell"]
    monkeypatch.setattr("sys.argv", ["study", *arguments, "--only", "lights,copies"])
    row = {"images": "day", "method": "dense given none", **dict.fromkeys(study.TOLD, 0.123456)}
    (out / "lights").mkdir()
    table = json.dumps({"rows": [{**row, "<3 cm": "7 %"}]})
    (out / "lights" / "table.json").write_text(table)
    study.main()
    (command,) = ran
    assert [one for one in command if "safetensors" in one] == [f"dense={out}/dense.safetensors"]
    (test,) = [one for one in command if one.startswith("six lights=")]
    assert [one.split("/")[-3] for one in test.split(",")] == ["views_day_0", "views_night_0"]
    assert "lights: without no_jitter, six_lights" in capsys.readouterr().out
    last = (out / "study.md").read_text().splitlines()[-1]
    assert last.startswith("| lights | day | dense given none | 7 % | 0.123 |")
