"""`semloc evaluate pose` and `semloc pose saliency`: images to a report; faults are said first."""

import json
from pathlib import Path

import pytest
from pose_room import write_world
from typer.testing import CliRunner

pytest.importorskip("lightning_fabric")
pytest.importorskip("captum")

from semloc_ros.cli.main import app
from semloc_ros.errors import ConfigError, DatasetError, ModelError, SemlocError
from semloc_ros.networks.manifest import find_model

TRAINING = [
    "short_side=68", "width=64", "height=64", "training.iterations=2", "training.batch=4",
    "training.validate_every=2", "training.threads=1", "training.accelerator=cpu",
]  # fmt: skip
STUDY = ("evaluate", "pose")
QUICK = ["saliency.steps=2", "saliency.samples=1", "pictures=1", "resamples=100"]


def run(*words):
    done = CliRunner().invoke(app, [*map(str, words)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def settings(name, values):
    return [word for value in values for word in (name, value)]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return write_world(tmp_path_factory.mktemp("pose") / "room", 16)


@pytest.fixture(scope="module")
def done(world, tmp_path_factory):
    out = tmp_path_factory.mktemp("study") / "out"
    told = run(
        *STUDY, world / "frames" / "evening", "--train", world / "frames" / "mapping",
        "--masks", "truth", "--seeds", "0 3", "--out", out, *settings("--train-set", TRAINING),
        *settings("--set", QUICK),
    )  # fmt: skip
    return out, told


def test_networks_are_trained_tested_and_reported_by_one_command(done):
    out, told = done
    models = sorted(path.stem for path in (out / "models").glob("*.safetensors"))
    assert models == ["masked_0", "masked_3", "unmasked_0", "unmasked_3"]
    numbers = json.loads((out / "metrics.json").read_text())
    assert numbers["images"] == 4
    assert len(numbers["all"]["MT/UT"]["position"]["by_model"]) == 2
    rows = (out / "errors.csv").read_text().splitlines()
    assert len(rows) == 1 + 4 * 2 * 4 + 4, "and those of one guess"
    page = (out / "report.html").read_text()
    assert "masked_0, position" in page and page.count("<img") == 4
    said = ["training: unmasked_0", "\ntest images: 4", "UT/UT", "UT/MT", "MT/UT", "MT/MT",
            "one guess", "Masks in training and test", "saliency: 4 maps",
            "report.html"]  # fmt: skip
    places = [told.index(name) for name in said]
    assert places == sorted(places), "the table comes before saliency is drawn"
    assert "4 test images are fewer than 5 blocks of 10" in told
    assert "saliency.steps=40" in told


def test_errors_and_models_are_judged_again_without_training(done, world, tmp_path):
    out, _ = done
    first = json.loads((out / "metrics.json").read_text())
    run(*STUDY, "--errors", out / "errors.csv", "--out", tmp_path / "a", "--set", "resamples=100")
    assert json.loads((tmp_path / "a" / "metrics.json").read_text())["all"]["MT/MT"]["position"][
        "by_model"
    ] == pytest.approx(first["all"]["MT/MT"]["position"]["by_model"])
    models = settings("--model", [out / "models" / f"{one}.safetensors"
                                  for one in ("unmasked_0", "masked_3")])  # fmt: skip
    run(*STUDY, world / "frames" / "evening", "--masks", "truth", *models, "--out", tmp_path / "b",
        "--set", "pictures=0", "--set", "resamples=100")  # fmt: skip
    again = json.loads((tmp_path / "b" / "metrics.json").read_text())["all"]
    assert again["UT/MT"]["rotation"]["by_model"] == pytest.approx(
        first["all"]["UT/MT"]["rotation"]["by_model"][:1], rel=1e-4
    )


def test_saliency_of_an_image_is_drawn(done, world, tmp_path):
    out, _ = done
    models = settings("--model", [out / "models" / f"{one}.safetensors"
                                  for one in ("unmasked_0", "masked_0")])  # fmt: skip
    base = ["pose", "saliency", world / "frames" / "evening", "--masks", "truth", *models,
            *settings("--set", ["steps=2", "samples=1"])]  # fmt: skip
    told = run(*base, "--image", "left/000002.png", "--out", tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert "left/000002.png" in told and "left/000001.png" not in told
    with pytest.raises(ConfigError, match="--image: expected a name like left/000000.png"):
        run(*base, "--image", "x.png", "--out", tmp_path / "b.png")
    assert "% of the change" in told and "movers" in told


def test_saliency_of_networks_without_masks_needs_no_masks(done, world, tmp_path):
    model = done[0] / "models" / "unmasked_0.safetensors"
    told = run(
        "pose", "saliency", world / "frames" / "evening", "--model", model, "--images", 1,
        *settings("--set", ["steps=2", "samples=1"]), "--out", tmp_path / "new" / "a.svg",
    )  # fmt: skip
    assert (tmp_path / "new" / "a.svg").is_file()
    assert "saliency: 2 maps" in told and "movers" not in told and "of all contrib" in told


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--model: expected one or more, got none"),
        (["--model", "{masked}"], "--masks: expected truth, .* as masked_0.safetensors was"),
        (["--model", "{onnx}", "--masks", "truth"], "odd.onnx: expected a .safetensors"),
        (["--model", "{plain}", "--out", "x.what"], "--out x.what: expected a picture, .png or"),
        (["--model", "{plain}", "--set", "saliency.steps=80"], "saliency"),
    ],
)
def test_what_saliency_misses_is_said_before_it_is_computed(
    done, world, tmp_path, monkeypatch, words, said
):
    models = done[0] / "models"
    monkeypatch.setattr("semloc_ros.evaluation.pose_runs.look", None)
    places = {
        "masked": models / "masked_0.safetensors", "plain": models / "unmasked_0.safetensors",
        "onnx": exported(models / "unmasked_0.safetensors", tmp_path / "odd.onnx"),
    }  # fmt: skip
    with pytest.raises(SemlocError, match=said) as error:
        run("pose", "saliency", world / "frames" / "evening",
            *(word.format(**places) for word in words))  # fmt: skip
    assert "\n" not in str(error.value)


def exported(path, to):
    pytest.importorskip("onnxruntime")
    run("model", "export", path, "--out", to)
    return to


def test_a_study_of_graphs_says_that_it_has_no_saliency(done, world, tmp_path):
    models = done[0] / "models"
    graph = exported(models / "unmasked_0.safetensors", tmp_path / "odd.onnx")
    told = run(
        *STUDY, world / "frames" / "evening", "--masks", "truth", "--out", tmp_path / "out",
        *settings("--model", [graph, models / "masked_0.safetensors"]), "--set", "resamples=100",
    )  # fmt: skip
    assert "No saliency: it needs a .safetensors of each training" in told
    assert "maps" not in told


def test_help_names_the_options_of_each_command(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    study, look = run(*STUDY, "--help"), run("pose", "saliency", "--help")
    assert "pictures=0" in study and "saliency.samples=140" in study
    assert "samples=140" in look and "saliency.samples" not in look and "saliency.steps" not in look


@pytest.mark.parametrize(
    ("words", "fault", "said"),
    [
        ([], ConfigError, "TEST: expected folders of test images"),
        (["{evening}"], ConfigError, "--masks: expected truth, a folder or a model"),
        (["{evening}", "--masks", "truth"], ModelError, "some without, got none"),
        (["{evening}", "--errors", "x.csv"], ConfigError, "--errors: expected no images"),
        (["{evening}", "--masks", "truth", "--train", "{world}"], DatasetError, "no images that"),
        (["{evening}", "--masks", "truth", "--train", "{mapping}", "--seeds", "1 1"], ConfigError,
         "--seeds: expected different numbers"),
        (["{evening}", "--masks", "truth", "--preset", "big"], ConfigError, "--preset: expected"),
        (["{evening}", "--masks", "truth", "--set", "masked_shares=0.5 0.2"], ConfigError,
         "rising"),
        (["{evening}", "--masks", "truth", "--train", "{mapping}", "--model", "gone.safetensors"],
         ModelError, "gone.safetensors: expected a file"),
        (["{evening}", "--masks", "truth", "--train", "{mapping}", "--model",
          "{places}"], ModelError, "expected a model of a pose, got another"),
        (["--errors", "nowhere.csv"], DatasetError, "nowhere.csv: expected a readable table"),
    ],
)  # fmt: skip
def test_faults_are_said_in_one_line_before_anything_is_trained(
    world, tmp_path, words, fault, said
):
    places = {
        "evening": world / "frames" / "evening", "mapping": world / "frames" / "mapping",
        "world": world, "places": find_model(Path("places_edges_street")),
    }  # fmt: skip
    out = tmp_path / "out"
    with pytest.raises(SemlocError, match=said) as error:
        run(*STUDY, *(word.format(**places) for word in words), "--out", out)
    assert type(error.value) is fault and "\n" not in str(error.value)
    assert not (out / "models").exists()


def test_a_model_of_the_name_of_one_to_be_trained_is_refused_before(done, world, tmp_path):
    out, _ = done
    given = out / "models" / "unmasked_0.safetensors"
    with pytest.raises(ModelError, match="--model: expected files of different names, got two unm"):
        run(*STUDY, world / "frames" / "evening", "--train", world / "frames" / "mapping",
            "--masks", "truth", "--model", given, "--out", tmp_path / "out")  # fmt: skip
    assert not (tmp_path / "out" / "models").exists()


def test_results_that_cannot_be_written_are_one_line(done, world, tmp_path):
    errors = done[0] / "errors.csv"
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="--out .*: expected a folder that can be written"):
        run(*STUDY, "--errors", errors, "--out", tmp_path / "file")
    (tmp_path / "out" / "metrics.json").mkdir(parents=True)
    with pytest.raises(ConfigError, match="--out .*: expected a folder that can be written"):
        run(*STUDY, "--errors", errors, "--out", tmp_path / "out", "--set", "resamples=100")


def test_options_of_another_command_before_it_are_refused():
    with pytest.raises(ConfigError, match="options behind pose, got --map before it"):
        run("evaluate", "--map", "somewhere", "pose", "--errors", "x.csv")
