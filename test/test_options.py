"""One declaration of an option serves yaml, ROS and the command line alike."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from semloc_ros.config import LocalizerConfig
from semloc_ros.errors import ConfigError
from semloc_ros.options import (
    commented_yaml,
    describe,
    flatten,
    from_mapping,
    load_yaml,
    option,
    section,
    to_mapping,
)


@dataclass(frozen=True, slots=True)
class Inner:
    rate_hz: float = option(20.0, "how often", unit="Hz", low=1.0, high=100.0)
    mode: str = option("fast", "how", choices=("fast", "exact"))


@dataclass(frozen=True, slots=True)
class Outer:
    seed: int = option(0, "seed of every random choice", low=0)
    enabled: bool = option(True, "whether at all")
    inner: Inner = section(Inner)


def test_leaves_are_described_with_dotted_names_and_ranges() -> None:
    leaves = {one.name: one for one in describe(Outer)}
    assert list(leaves) == ["seed", "enabled", "inner.rate_hz", "inner.mode"]
    assert (leaves["inner.rate_hz"].unit, leaves["inner.rate_hz"].high) == ("Hz", 100.0)


def test_dotted_and_nested_keys_mean_the_same() -> None:
    nested = from_mapping(Outer, {"inner": {"rate_hz": 5.0}})
    assert nested == from_mapping(Outer, {"inner.rate_hz": 5.0})
    assert nested.inner.rate_hz == 5.0 and nested.inner.mode == "fast"


def test_an_integer_is_taken_for_a_float_but_not_the_reverse() -> None:
    assert from_mapping(Outer, {"inner.rate_hz": 5}).inner.rate_hz == 5.0
    with pytest.raises(ConfigError, match="seed: expected an? int"):
        from_mapping(Outer, {"seed": 1.5})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"inner": {"rate_hx": 5.0}},
            "inner.rate_hx: unknown parameter, did you mean inner.rate_hz",
        ),
        ({"seed": -1}, "seed: expected 0 to any, got -1"),
        ({"inner.rate_hz": float("nan")}, "inner.rate_hz: expected 1 to 100, got nan"),
        ({"inner.mode": "slow"}, "inner.mode: expected fast or exact, got 'slow'"),
        ({"enabled": 1}, "enabled: expected a bool, got 1"),
        ({"inner": 3}, "inner: expected a section"),
        ({"nonsense": {}}, "nonsense: unknown parameter"),
        ({"inner": {"nonsense": {}}}, "inner.nonsense: unknown parameter"),
        ({"seed": {}}, "seed: expected an int, got {}"),
        ({"inner.rate_hz": 10**400}, "inner.rate_hz: expected a value of 64 bits, got an integer"),
        ({"seed": 10**5000}, "seed: expected a value of 64 bits, got an integer of 16610"),
        (
            {"inner": {"rate_hz": 5.0}, "inner.rate_hz": 6.0},
            "inner.rate_hz: expected one value, got nested and dotted keys",
        ),
    ],
)
def test_a_wrong_value_is_one_clear_line(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_mapping(Outer, values)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_yaml_of_the_defaults_reads_back_as_the_defaults() -> None:
    for kind in (Outer, LocalizerConfig):
        assert from_mapping(kind, yaml.safe_load(commented_yaml(kind))) == kind()
        assert from_mapping(kind, flatten(kind())) == kind()
        assert from_mapping(kind, to_mapping(kind())) == kind()


def test_an_empty_section_means_its_defaults() -> None:
    assert from_mapping(Outer, {"inner": {}}) == Outer()
    assert from_mapping(Outer, {"inner": {}, "inner.rate_hz": 5.0}).inner.rate_hz == 5.0


@pytest.mark.parametrize("text", ["{", "- 1\n- 2\n", "\x00", "seed: " + "9" * 5000])
def test_a_broken_yaml_file_is_one_clear_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_yaml(Outer, path)
    assert "bad.yaml" in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match="missing.yaml"):
        load_yaml(Outer, tmp_path / "missing.yaml")


def test_an_empty_yaml_file_means_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "empty.yaml"
    path.write_text("# nothing\n")
    assert load_yaml(Outer, path) == Outer()
