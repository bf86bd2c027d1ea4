"""Short trainings on pictures of bright boxes: that they learn, repeat, and heed what is unsure."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

from semloc_ros.config.dynamic_learning import (  # noqa: E402
    DynamicTrainingConfig,
    PicturesConfig,
    StageConfig,
)
from semloc_ros.errors import ConfigError, DatasetError  # noqa: E402
from semloc_ros.learning import dynamic_programs  # noqa: E402
from semloc_ros.learning.dynamic import DynamicProgram  # noqa: E402
from semloc_ros.learning.dynamic_programs import DynamicData, train_dynamic  # noqa: E402
from semloc_ros.learning.instance_losses import InstanceLosses, covered, targets  # noqa: E402
from semloc_ros.learning.instance_samples import (  # noqa: E402
    InstanceSamples,
    change,
    split_images,
)
from semloc_ros.learning.loop import train  # noqa: E402
from semloc_ros.networks.detection import make_instance_network  # noqa: E402
from semloc_ros.networks.model_files import load_model  # noqa: E402
from semloc_ros.types import UNSURE, InstanceImage  # noqa: E402

HEIGHT, WIDTH = 64, 80
PLAIN = PicturesConfig(
    width=WIDTH, height=HEIGHT, zoom_in=1.2, zoom_out=1.0, grey=0.0, noise=2.0, blur_px=0.0
)
STAGE = StageConfig(
    iterations=4, batch=2, learning_rate=0.003, validate_every=2, validation_samples=3, threads=1,
    accelerator="cpu",
)  # fmt: skip
CONFIG = DynamicTrainingConfig(
    short_side=HEIGHT, blocks=4, pictures=PLAIN, stage1=STAGE,
    stage2=dataclasses.replace(STAGE, iterations=2, freeze_backbone=False),
)  # fmt: skip


def scene(seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """A bright box of some 28 by 24 pixels before something dark and noisy."""
    rng = np.random.default_rng(seed)
    image = rng.integers(20, 60, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    row, column = rng.integers(4, 30), rng.integers(4, 46)
    box = np.s_[row : row + 28, column : column + 24]
    image[box] = (230, 200, 40)
    numbers = np.zeros((HEIGHT, WIDTH), np.uint16)
    numbers[box] = 1
    return image, numbers


def scenes(count: int, run: str = "a", first: int = 0) -> list[InstanceImage]:
    return [
        InstanceImage(
            f"{run}/{number}", lambda seed=number: scene(seed)[0],
            lambda seed=number: scene(seed)[1],
        )
        for number in range(first, first + count)
    ]  # fmt: skip


def network(seed: int = 0):
    return make_instance_network("mobile", 2, HEIGHT, torch.Generator().manual_seed(seed))


def test_losses_fall_and_boxes_are_found(tmp_path: Path) -> None:
    told: list[dict[str, float]] = []
    longer = dataclasses.replace(
        STAGE, iterations=20, batch=2, validate_every=5, learning_rate=0.004
    )
    program = DynamicProgram(network(), [scenes(40)], scenes(3, "b", 100), CONFIG, 3, 0)
    train(program, longer, tmp_path, 0, lambda done, total, numbers: told.append(numbers))
    assert told[-1]["loss"] < 0.5 * told[0]["loss"]
    assert told[0]["validation_f1"] < 0.4 < 0.8 < told[-1]["validation_f1"], told


def test_a_stopped_training_goes_on_to_the_same_weights(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(
        dynamic_programs, "read_instance_images", lambda source, split: scenes(8, source.name)
    )
    data = DynamicData((Path("made"),), (Path("real"),), "mix")
    whole = train_dynamic(data, CONFIG, tmp_path / "whole.safetensors", 0)

    class Stopped(Exception):
        """As if the process had been killed."""

    def stop(stage: int):
        def tell(done: int, total: int, numbers: dict[str, float]) -> None:
            if numbers["stage"] == stage:
                raise Stopped

        return tell

    for stage in (1, 2):
        with pytest.raises(Stopped):
            train_dynamic(data, CONFIG, tmp_path / "cut.safetensors", 0, tell=stop(stage))
    resumed = train_dynamic(data, CONFIG, tmp_path / "cut.safetensors", 0)
    assert resumed["best_score"] == whole["best_score"]
    networks = [load_model(tmp_path / f"{name}.safetensors") for name in ("whole", "cut")]
    for name, value in networks[0][0].state_dict().items():
        assert torch.equal(value, networks[1][0].state_dict()[name]), name
    about = networks[0][1]
    assert (about.data, about.short_side, about.names) == ("made, real", 64, ("static", "dynamic"))
    with pytest.raises(ConfigError, match="another --out, got --model mix, now real"):
        other = dataclasses.replace(data, model="real")
        train_dynamic(other, CONFIG, tmp_path / "cut.safetensors", 0)


def test_the_first_stage_serves_other_models(tmp_path: Path, monkeypatch) -> None:
    read: list[str] = []

    def images(source: Path, split: str) -> list[InstanceImage]:
        read.append(source.name)
        return scenes(8, source.name)

    monkeypatch.setattr(dynamic_programs, "read_instance_images", images)
    first = tmp_path / "first.safetensors"
    train_dynamic(DynamicData((Path("made"),)), CONFIG, first, 0)
    log = tmp_path / "first.training" / "stage1" / "log.jsonl"
    assert [json.loads(line)["iteration"] for line in log.read_text().splitlines()] == [2, 4]
    read.clear()
    second = tmp_path / "second.safetensors"
    stage1 = tmp_path / "first.training" / "stage1.safetensors"
    train_dynamic(DynamicData((), (Path("real"),), "real"), CONFIG, second, 0, stage1=stage1)
    assert read == ["real"]  # nothing synthetic is needed any more
    assert not (tmp_path / "second.training" / "stage1").exists()


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (DynamicData((), (Path("b"),), "real"), "--synthetic: expected images, for --model real"),
        (DynamicData((Path("a"),), (), "mix"), "--real: expected images, for --model mix, got"),
        (DynamicData((Path("a"),), (), "all"), "--model: expected synth or mix or real, got all"),
    ],
)
def test_what_is_missing_is_said(data: DynamicData, line: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=line):
        train_dynamic(data, CONFIG, tmp_path / "a.safetensors", 0)


def test_a_frozen_encoder_stays_and_so_do_its_statistics(tmp_path: Path) -> None:
    mine = network()
    mine.set_backbone_frozen(True)
    body = mine.detector.backbone.body
    before = {name: value.clone() for name, value in body.state_dict().items()}
    head = mine.detector.roi_heads.box_predictor.cls_score.weight.detach().clone()
    program = DynamicProgram(mine, [scenes(4)], scenes(2), CONFIG, 1, 0)
    train(program, dataclasses.replace(STAGE, iterations=1), tmp_path, 0)
    assert not torch.equal(head, mine.detector.roi_heads.box_predictor.cls_score.weight)
    for name, value in body.state_dict().items():
        assert torch.equal(value, before[name]), name


def numbers_of(seed: int) -> torch.Tensor:
    return torch.from_numpy(scene(seed)[1].astype(np.int32))


def test_targets_are_those_of_torchvision() -> None:
    numbers = torch.zeros(6, 8, dtype=torch.int32)
    numbers[1:3, 2:7], numbers[5, 0], numbers[4:, 6:] = 1, 2, UNSURE
    found = targets(numbers)
    assert found["boxes"].tolist() == [[2, 1, 7, 3], [0, 5, 1, 6]]
    assert found["labels"].tolist() == [1, 1]
    assert [int(one.sum()) for one in found["masks"]] == [10, 1, 4]
    nothing = targets(torch.zeros(6, 8, dtype=torch.int32))
    assert nothing["boxes"].shape == (0, 4) and nothing["masks"].shape == (1, 6, 8)


def test_shares_of_boxes() -> None:
    mask = torch.zeros(10, 20)
    mask[:, 10:] = 1
    boxes = torch.tensor([[0, 0, 10, 10], [5, 0, 15, 10], [15, -5, 40, 5], [25, 0, 30, 10]])
    assert covered(boxes.float(), mask).tolist() == [0, 0.5, 1, 1]


def test_losses_are_torchvisions_where_all_is_sure() -> None:
    mine = network().train()
    image = torch.from_numpy(scene(1)[0].transpose(2, 0, 1).astype(np.float32) / 255)
    aim = targets(numbers_of(1))
    torch.manual_seed(5)
    wanted = mine([image], [{**aim, "masks": aim["masks"][:-1]}])
    torch.manual_seed(5)
    found = InstanceLosses(mine, 0.3).train()([image], [aim])
    names = {
        "objectness": "loss_objectness", "proposals": "loss_rpn_box_reg",
        "class": "loss_classifier", "box": "loss_box_reg", "mask": "loss_mask",
    }  # fmt: skip
    for name, theirs in names.items():
        assert torch.allclose(found[name], wanted[theirs], rtol=1e-4, atol=1e-6), name


def test_what_is_unsure_teaches_nothing() -> None:
    losses = InstanceLosses(network(), 0.3).train()
    image = torch.from_numpy(scene(2)[0].transpose(2, 0, 1).astype(np.float32) / 255)
    every = losses([image], [targets(torch.full((HEIGHT, WIDTH), UNSURE, dtype=torch.int32))])
    assert {name: value.item() for name, value in every.items()} == dict.fromkeys(every, 0.0)
    sum(every.values()).backward()
    gradients = [one.grad for one in losses.parameters() if one.grad is not None]
    assert gradients and not any(one.any() for one in gradients)


def test_masks_do_not_learn_from_unsure_pixels() -> None:
    """The same loss whether half of the object is called static or object, if it is unsure."""
    mine = network().train()
    image = torch.from_numpy(scene(3)[0].transpose(2, 0, 1).astype(np.float32) / 255)
    aim = targets(numbers_of(3))
    x0, y0, x1, y1 = aim["boxes"][0].long().tolist()
    half = (slice(y0, (y0 + y1) // 2), slice(x0, x1))
    found = []
    for unsure in (True, False):
        for value in (0, 1):
            masks = aim["masks"].clone()
            masks[0][half], masks[1][half] = value, int(unsure)
            torch.manual_seed(5)
            losses = InstanceLosses(mine, 1.0)([image], [{**aim, "masks": masks}])
            found.append(losses["mask"].item())
    assert found[0] == pytest.approx(found[1], rel=0.02)
    assert abs(found[2] - found[3]) > 0.05 * found[2]


def test_parts_have_the_size_and_hold_what_is_aimed_at() -> None:
    image = np.full((100, 300, 3), 90, np.uint8)
    numbers = np.zeros((100, 300), np.uint16)
    numbers[10:20, 270:290], numbers[0, 0] = 7, 9
    image[10:20, 270:290] = 200
    config = PicturesConfig(
        width=80, height=64, aimed=1.0, zoom_in=1.0, zoom_out=1.0, brightness=0, contrast=0,
        gamma=0, tint=0, blur_px=0, noise=0, grey=0, least_px=4,
    )  # fmt: skip
    hits = 0
    for seed in range(20):
        picture, cut = change(image, numbers, config, np.random.default_rng(seed))
        assert picture.shape == (64, 80, 3) and cut.shape == (64, 80)
        assert set(np.unique(cut)) <= {0, 1, UNSURE}
        assert ((cut == 1) != (picture[..., 0] > 145)).sum() < 25  # cut alike, but for edges
        hits += bool((cut == 1).any())
    assert 5 <= hits < 20  # every other aim is the single pixel


def test_beyond_the_image_all_is_unsure() -> None:
    config = dataclasses.replace(PLAIN, width=160, height=64, zoom_in=1.0, zoom_out=2.0, noise=0)
    image, numbers = scene(4)
    shares = [
        float((change(image, numbers, config, np.random.default_rng(seed))[1] == UNSURE).mean())
        for seed in range(6)
    ]
    assert 0.1 < max(shares) < 0.8


def test_half_of_a_mixed_batch_is_of_each_kind() -> None:
    seen: list[str] = []

    def images(kind: str, count: int) -> list[InstanceImage]:
        def read(number: int) -> NDArray[np.uint8]:
            seen.append(f"{kind}{number}")
            return scene(number)[0]

        return [
            InstanceImage(f"{kind}/{one}", lambda one=one: read(one), lambda one=one: scene(one)[1])
            for one in range(count)
        ]

    samples = InstanceSamples([images("synthetic", 6), images("real", 2)], PLAIN, 0)
    for number in range(12):
        samples[number]
    assert [one.startswith("real") for one in seen] == [False, True] * 6
    assert sorted(seen[0::2]) == [f"synthetic{number}" for number in range(6)]
    assert sorted(seen[1::2]) == ["real0"] * 3 + ["real1"] * 3


def test_stretches_of_each_run_are_held_out() -> None:
    sources = [scenes(20, "a") + scenes(20, "b"), scenes(10, "c")]
    training, held = split_images(sources, 0.2, 10, np.random.default_rng(0))
    assert len(training) == 40 and len(held) == 10
    assert {one.name[0] for one in held} == {"a", "b", "c"}
    assert not {one.name for one in training} & {one.name for one in held}
    with pytest.raises(DatasetError, match="images: expected enough images to train on"):
        split_images([scenes(1)], 0.2, 10, np.random.default_rng(0))
