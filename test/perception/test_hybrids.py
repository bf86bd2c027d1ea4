"""Files of hybrids: two models, and the weight of the semantic one."""

from __future__ import annotations

from pathlib import Path

import pytest

from semloc_ros.errors import ModelError
from semloc_ros.networks import manifest
from semloc_ros.perception import hybrids
from semloc_ros.perception.hybrids import Hybrid, load_hybrid, write_hybrid

SEALS = ("a" * 64, "b" * 64)


def test_what_is_written_is_read_and_files_are_found_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "rgb.safetensors").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    told = {"data": "street", "recall": {"hybrid": 0.9}}
    path = Path("out/both.yaml")
    write_hybrid(path, Hybrid("places_classes", "models/rgb.safetensors", SEALS, 0.44, told))
    monkeypatch.chdir(tmp_path / "models")
    found = load_hybrid(str(tmp_path / path))
    assert found is not None
    assert Path(found.rgb).resolve() == tmp_path / "models" / "rgb.safetensors"
    assert (found.semantic, found.sha256, found.weight) == ("places_classes", SEALS, 0.44)
    assert found.learned == told


def test_a_name_is_sought_in_the_folders_of_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_hybrid(tmp_path / "both.yaml", Hybrid("one", "other", SEALS, 0.5, {}))
    (tmp_path / manifest.FILE_NAME).write_text("{}")
    monkeypatch.setattr(hybrids, "model_folders", lambda: iter([tmp_path]))
    assert load_hybrid("both") == load_hybrid(str(tmp_path / "both.yaml"))
    assert load_hybrid("one") is load_hybrid("manifest") is load_hybrid("one.safetensors") is None


def test_other_weights_are_refused() -> None:
    hybrid = Hybrid("one", "other", SEALS, 0.5, {})
    hybrid.check(*SEALS)
    with pytest.raises(ModelError, match="other: expected sha256 bbbbbbbbbbbb… as in the hybrid"):
        hybrid.check(SEALS[0], SEALS[0])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (None, "expected semantic and rgb .* and weight, got no such file"),
        ("", "expected semantic and rgb .* and weight, got .* an empty file"),
        ("semantic: 1", "expected semantic and rgb .* and weight"),
        ("semantic: {model: a}", "expected semantic and rgb .* and weight, got no sha256"),
        ("{", "expected semantic and rgb .* and weight"),
        ("semantic: {model: a, sha256: b}\nrgb: {model: a, sha256: b}\nweight: 1.5",
         "weight: expected 0 to 1, got 1.5"),
    ],
)  # fmt: skip
def test_a_broken_file_is_one_line(tmp_path: Path, text: str | None, line: str) -> None:
    path = tmp_path / "both.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ModelError, match=line) as caught:
        load_hybrid(str(path))
    assert "\n" not in str(caught.value)
