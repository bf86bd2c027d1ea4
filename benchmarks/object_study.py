"""The comparisons of Weinzaepfel et al. (CVPR 2019), section 5.1, on the galleries of
`object_worlds.py`: networks are trained alike but for one thing, and judged by `objects.py`.

    python3 benchmarks/object_study.py --worlds out/objects --out out/study [--start FILE]
        [--train "--set training.iterations=3000"] [--only variants,amount]
        [--what train,judge,tell] [--judge "--most 100 --score 0.3"]

Networks are OUT/NAME.safetensors; one that is there is not trained again. Each finding leaves
OUT/NAME/table.json and its curves; `tell` writes the tables of all that are there to OUT/study.md.
What has no network or no views yet is left out, and told. Each network is judged by its own matches
with and without refinement, by features in what it finds, and by its matches where it is told which
objects are where (`given`): briefly trained ones find few, but how they match can be compared.

    variants   homography augmentation on and off; dense against homography and 3D regression
    amount     1 of 1, 2, 4, 8, 15 stops of the training loop
    lights     one light against all six, with and without colour jitter, on views in all six
    crowds     the network of all six lights on no, few, many and very many visitors, in all lights
    copies     three posters hang in every room: the same network cannot tell them apart
    moved      paintings that hang elsewhere, by where they hung (moved_before), and by where they
               hang now (moved_after)
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from object_worlds import CROWDS, LIGHTS, THIN

HERE = Path(__file__).resolve().parent
KINDS = (
    "regression:none", "regression:photometric", "features:photometric", "given:none",
    "given:photometric",
)  # fmt: skip
JUDGE = ("--matcher", ",".join(KINDS), "--most", "40")
TOLD = ("<3 cm", "<10 cm", "<25 cm", "recall", "false", "match px", "match uv", "sigma")


@dataclass(frozen=True, slots=True)
class Variant:
    """What a network is trained on, from the folder of the galleries, and with what options."""

    images: str = "train_day/frames/mapping"
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """Networks, and `tests`: name → folders of views; `objects`: the run whose objects count."""

    networks: tuple[str, ...]
    tests: dict[str, tuple[str, ...]]
    objects: str = "train_day/frames/mapping"


VARIANTS = {
    "dense": Variant(),
    "no_homography": Variant(options=("pictures.homography=0",)),
    "homography_head": Variant(options=("head=homography",)),
    "points3d_head": Variant(options=("head=points3d",)),
    **{f"of_{every}": Variant(f"train_day_of_{every}/frames/mapping") for every in THIN},
    "no_jitter": Variant(options=("pictures.jitter=false",)),
    "six_lights": Variant("train_lights"),
    "six_lights_no_jitter": Variant("train_lights", ("pictures.jitter=false",)),
    "copies": Variant("copies/frames/mapping"),
}


def views(light: str, crowd: int) -> str:
    """A folder of views."""
    return f"views_{light}_{crowd}/frames/views"


DAY = {"day": (views("day", 0),)}
EMPTY = {"six lights": tuple(views(light, 0) for light in LIGHTS)}
FINDINGS = {
    "variants": Finding(("dense", "no_homography", "homography_head", "points3d_head"), DAY),
    "amount": Finding(("dense", *(f"of_{every}" for every in THIN)), DAY),
    "lights": Finding(("dense", "no_jitter", "six_lights", "six_lights_no_jitter"), EMPTY),
    "crowds": Finding(
        ("six_lights",),
        {f"crowd {crowd}": tuple(views(light, crowd) for light in LIGHTS) for crowd in CROWDS},
    ),
    "copies": Finding(
        ("copies",), {"copies": ("copies/frames/views",)}, "copies/frames/mapping"
    ),
    "moved_before": Finding(("dense",), {"moved": ("moved/frames/views",)}),
    "moved_after": Finding(("dense",), {"moved": ("moved/frames/views",)}, "moved/frames/query"),
}


def main() -> None:
    """Train what is missing, then judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="weights that all begin with")
    parser.add_argument("--train", default="", help="further options of `semloc train objects`")
    parser.add_argument("--judge", default="", help="further options of objects.py")
    parser.add_argument("--only", default="", help="findings, by commas")
    parser.add_argument("--what", default="train,judge,tell")
    options = parser.parse_args()
    wanted = options.only.split(",")
    findings = {
        name: one for name, one in FINDINGS.items()
        if not options.only or name in wanted or name.split("_")[0] in wanted
    }  # fmt: skip
    if "train" in options.what:
        networks = dict.fromkeys(name for one in findings.values() for name in one.networks)
        for name in networks:
            if not model(options.out, name).exists():
                run(training(options, name, VARIANTS[name]))
    if "judge" in options.what:
        for name, finding in findings.items():
            there = what_is_there(options, name, finding)
            if there.networks and there.tests:
                run(judging(options, name, there))
    if "tell" in options.what:
        told(options.out, list(findings))


def training(options: argparse.Namespace, name: str, variant: Variant) -> list[str]:
    """The command for a network."""
    command = [sys.executable, "-m", "semloc_ros.cli.main", "train", "objects"]
    command += ["--world", str(options.worlds / variant.images)]
    command += ["--out", str(model(options.out, name))]
    command += ["--start", str(options.start)] if options.start else []
    for one in variant.options:
        command += ["--set", one]
    return command + shlex.split(options.train)


def judging(options: argparse.Namespace, name: str, finding: Finding) -> list[str]:
    """The command for a table."""
    out = options.out / name
    command = [sys.executable, str(HERE / "objects.py")]
    command += ["--true-objects", str(options.worlds / finding.objects)]
    for network in finding.networks:
        command += ["--model", f"{network}={model(options.out, network)}"]
    for title, folders in finding.tests.items():
        whole = ",".join(str(options.worlds / folder) for folder in folders)
        command += ["--test", f"{title}={whole}"]
    command += ["--figures", str(out), "--json", str(out / "table.json")]
    return [*command, *JUDGE, *shlex.split(options.judge)]


def what_is_there(options: argparse.Namespace, name: str, finding: Finding) -> Finding:
    """The networks that are trained, and the views that are rendered; a line for all others."""
    missing = [one for one in finding.networks if not model(options.out, one).exists()]
    tests = {}
    for title, folders in finding.tests.items():
        rendered = tuple(one for one in folders if (options.worlds / one / "sensors").is_dir())
        missing += [one for one in folders if one not in rendered]
        if rendered:
            tests[title] = rendered
    if missing:
        print(f"{name}: without {', '.join(missing)}", flush=True)
    networks = tuple(one for one in finding.networks if one not in missing)
    return replace(finding, networks=networks, tests=tests)


def told(out: Path, findings: list[str]) -> None:
    """OUT/study.md: the tables of all findings, in short."""
    lines = ["| finding | images | method | " + " | ".join(TOLD) + " |", "|---" * 11 + "|"]
    for name in findings:
        path = out / name / "table.json"
        for row in json.loads(path.read_text())["rows"] if path.exists() else ():
            values = [short(row[column]) for column in TOLD]
            lines.append(f"| {name} | {row['images']} | {row['method']} | {' | '.join(values)} |")
    (out / "study.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines), flush=True)


def short(value: str | float) -> str:
    """As it stands in a table."""
    return value if isinstance(value, str) else f"{value:.3g}"


def model(out: Path, name: str) -> Path:
    """The file of a network."""
    return out / f"{name}.safetensors"


def run(command: list[str]) -> None:
    """A program that must end well."""
    print(shlex.join(command), flush=True)
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
