"""`semloc evaluate --ablate`: which variants are meant, what each gets, and how they are shown."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from semloc_ros.cli.ablation import parse_variants
from semloc_ros.cli.main import app
from semloc_ros.errors import ConfigError, SemlocError
from semloc_ros.evaluation import running
from semloc_ros.evaluation.predictions import Truth, write_reference
from semloc_ros.geometry import se3
from semloc_ros.localization import parts
from semloc_ros.maps import storage

S = 1_000_000_000
FRAMES = 60
QUICK = ("--set", "evaluation.resamples=400")


def semloc(*words: str) -> Result:
    return CliRunner().invoke(app, ["evaluate", *words])


def write_run(folder: Path, error_m: float, step: int) -> None:
    """Frames once a second of a robot at x = t, every second one, say, with a fix so far off."""
    stamps = np.arange(FRAMES, dtype=np.int64) * S
    places = np.zeros((FRAMES, 3))
    places[:, 0] = np.arange(FRAMES)
    write_reference(folder, stamps, Truth(stamps, se3.make_pose(np.eye(3), places)))
    lines: list[dict[str, Any]] = []
    for second in range(0, FRAMES, step):
        both = {"stamp_ns": second * S, "received_ns": second * S}
        lines.append({
            "kind": "pose", **both, "position": [second, error_m, 0],
            "quaternion_xyzw": [0, 0, 0, 1], "covariance": np.eye(6).ravel().tolist(),
        })  # fmt: skip
        lines.append({"kind": "status", **both, "state": "TRACKING", "reason": "ok", "values": {}})
    (folder / "predictions.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))


def test_methods_and_parts_by_name_others_by_their_parameters() -> None:
    found = parse_variants(["pnp,no_masks", "narrow=matching.ratio=0.7,pnp.min_inliers=20"])
    assert found == {
        "pnp": {"method": "pnp"}, "no_masks": {"gets.mask": False},
        "narrow": {"matching.ratio": 0.7, "pnp.min_inliers": 20},
    }  # fmt: skip
    assert parse_variants([]) == {}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["pnp"], "two variants or more, got pnp"),
        (["pnp,nose"], "expected as_is, pnp, .*, got 'nose'"),
        (["pnp,auto", "auto=seed=1"], "different names, got 'auto'"),
        (["../x=seed=1"], "letters and digits, got '../x'"),
        (["x=seed"], "NAME=PARAMETER=VALUE,…, got x=seed"),
        (["x=seed=1,pnp"], "got x=seed=1,pnp"),
    ],
)
def test_wrong_variants_are_one_line(words: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse_variants(words)


@pytest.fixture
def predicted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
    """Map, method and folder of each prediction; localizing is replaced: `auto` is the best."""
    made: list[tuple[str, str, str]] = []

    def predict(job: Any, localizer: Any, options: Any, folder: Path) -> None:
        made.append((localizer, options.method, f"{folder.parent.name}/{folder.name}"))
        write_run(folder, 0.02, 1 if options.method == "auto" else 2)

    def load_map(path: Path, verify: bool = True) -> Any:
        return SimpleNamespace(name=path.name, view_stamps_ns=np.zeros(0), points_map=None)

    monkeypatch.setattr(running, "predict", predict)
    monkeypatch.setattr(storage, "load_map", load_map)
    monkeypatch.setattr(parts, "make_localizer", lambda semantic_map, _: semantic_map.name)
    return made


def test_each_variant_gets_each_bag_and_is_held_against_the_first(
    tmp_path: Path, predicted: list[Any]
) -> None:
    write_run(tmp_path / "out" / "predictions" / "dawn", 0.5, 1)  # of an earlier run
    done = semloc(
        "--bag", "day=x", "--bag", "night=y", "--map", "/maps/a", "--out", str(tmp_path / "out"),
        "--ablate", "pnp,auto", "--ablate", "other=map=/maps/b,method=auto", "--export", "tum",
        "--no-report", *QUICK,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert predicted == [
        ("a", "pnp", "pnp/day"), ("a", "pnp", "pnp/night"), ("a", "auto", "auto/day"),
        ("a", "auto", "auto/night"), ("b", "auto", "other/day"), ("b", "auto", "other/night"),
    ]  # fmt: skip
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["against"] == "pnp" and list(metrics["variants"]) == ["pnp", "auto", "other"]
    pnp, auto, other = metrics["variants"].values()
    assert (pnp["all"]["availability"], auto["all"]["availability"]) == (0.5, 1.0)
    assert list(pnp["conditions"]) == ["day", "night"] and pnp["changes"] == []
    assert other["settings"] == {"map": "/maps/b", "method": "auto"}
    gained = next(one for one in auto["changes"] if one["key"] == "availability")
    assert (gained["baseline"], gained["now"], gained["is_significant"]) == (0.5, 1.0, True)
    assert "auto: availability 0.5 → 1" in done.output
    assert (tmp_path / "out" / "export" / "auto" / "day_fixes.tum").exists()


def test_the_page_has_one_table_and_leads_to_the_reports(
    tmp_path: Path, predicted: list[Any]
) -> None:
    words = ["--bag", "day=x", "--map", "/maps/a", "--out", str(tmp_path), *QUICK]
    assert semloc(*words, "--ablate", "pnp,auto").exit_code == 0
    page = (tmp_path / "report.html").read_text()
    assert 'href="report_auto.html"' in page and "50 % fixes, 2 cm, none false" in page
    assert "method=pnp" in page and "Nothing that differs" in page, "six blocks say little"
    assert (tmp_path / "report_auto.html").stat().st_size > 10_000


def test_the_folder_of_an_ablation_is_judged_again(tmp_path: Path, predicted: list[Any]) -> None:
    out = ["--out", str(tmp_path / "out"), "--no-report", *QUICK]
    made = semloc("--bag", "day=x", "--map", "/maps/a", "--ablate", "auto,pnp", *out)
    assert made.exit_code == 0, made.output
    first = (tmp_path / "out" / "metrics.json").read_text()
    words = ["--predictions", str(tmp_path / "out"), "--out", str(tmp_path / "again")]
    assert semloc(*words, "--no-report", *QUICK).exit_code == 0
    assert (tmp_path / "again" / "metrics.json").read_text() == first
    plain = semloc("--bag", "day=x", "--map", "/maps/a", *out)
    assert plain.exit_code == 0
    again = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert "variants" not in again, "the ablation of before is forgotten"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--ablate", "auto,as_is"], "something else than auto, got as_is"),
        (["--ablate", "pnp", "--ablate", "x=evaluation.seed=1"], "of the localizer, got"),
        (["--ablate", "pnp", "--ablate", "x=pnp.max_eror_px=1"], "did you mean pnp.max_error_px"),
        (["--ablate", "pnp,auto", "--baseline", "m.json"], "no --baseline beside it"),
        (["--ablate", "pnp,no_places"], "--ablate no_places: expected a source of places, got no"),
        (["--ablate", "pnp,no_masks"], "--ablate no_masks: expected a source of mask, got none"),
        (["--ablate", "pnp,no_odometry", "--set", "odometry=none"], "expected odometry in another"),
        (["--ablate", "pnp,no_gravity", "--set", "gravity=none"], "expected gravity in another"),
        (["--ablate", "pnp,auto", "--predictions", "p"], "--inject or --ablate beside it"),
    ],
)
def test_what_cannot_be_compared_is_one_line(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bag = [] if "--predictions" in words else ["--bag", "x"]
    done = semloc(*bag, "--map", "m", *words)
    assert isinstance(done.exception, SemlocError)
    assert said in str(done.exception) and "\n" not in str(done.exception)


def test_a_broken_list_of_variants_is_one_line(
    tmp_path: Path, predicted: list[Any]
) -> None:
    (tmp_path / "ablation.json").write_text('{"pnp": 3}')
    done = semloc("--predictions", str(tmp_path), "--out", str(tmp_path / "out"))
    assert "ablation.json: expected variants by name" in str(done.exception)
