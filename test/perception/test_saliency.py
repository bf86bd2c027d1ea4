"""Integrated gradients and SmoothGrad against the equations of the paper, computed here."""

import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("captum")

from semloc_ros.config.pose_study import SaliencyConfig  # noqa: E402
from semloc_ros.errors import EnvironmentFault, InputError  # noqa: E402
from semloc_ros.networks.images import IMAGENET  # noqa: E402
from semloc_ros.perception.saliency import Saliency, baseline_planes, saliency  # noqa: E402

SHAPE = (3, 4, 5)
STILL = SaliencyConfig(samples=1, noise=0.0)


def planes():
    return np.random.default_rng(3).normal(size=SHAPE).astype(np.float32)


class Net(torch.nn.Module):
    """Seven numbers of an image, by weights; bent if told so."""

    def __init__(self, bent):
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.weights = 0.1 * torch.randn(60, 7, generator=generator)
        self.bent = bent

    def forward(self, images):
        found = images.flatten(1) @ self.weights + 0.3
        return torch.tanh(found) if self.bent else found


def test_a_straight_network_gives_each_pixel_its_weight_times_its_value():
    net, image = Net(False), planes()
    found = saliency(net, image, "position", IMAGENET, STILL)
    black = -np.array(IMAGENET.mean) / np.array(IMAGENET.std)
    change = image - black[:, None, None]
    weights = net.weights[:, :3].double().numpy()
    moved = change.ravel() @ weights
    along = weights @ (moved / np.linalg.norm(moved))
    expected = (change.ravel() * along).reshape(SHAPE).sum(0)
    assert found.contributions == pytest.approx(expected, abs=1e-4)
    assert found.contributions.sum() == pytest.approx(np.linalg.norm(moved), rel=1e-4)
    assert found.change == pytest.approx(np.linalg.norm(moved), rel=1e-4)
    assert found.relative_gap < 1e-4


def test_a_bent_network_is_equation_6_and_more_steps_close_the_gap():
    net, image = Net(True), planes()
    config = SaliencyConfig(
        samples=1, noise=0.0, steps=7, rule="riemann_right", baseline="mean", batch=3
    )
    found = saliency(net, image, "rotation", IMAGENET, config)
    with torch.no_grad():
        ends = net(torch.stack([torch.zeros(SHAPE), torch.from_numpy(image)]))[:, 3:]
    start, end = ends / ends.norm(dim=1, keepdim=True)
    way, total = (end - start) / (end - start).norm(), torch.zeros(SHAPE)
    for step in range(1, 8):
        at = (torch.from_numpy(image) * step / 7).requires_grad_()
        quaternion = torch.nn.functional.normalize(net(at[None])[0, 3:], dim=0)
        (gradient,) = torch.autograd.grad(quaternion @ way, at)
        total += torch.from_numpy(image) * gradient / 7
    assert found.contributions == pytest.approx(total.sum(0).numpy(), abs=1e-5)
    assert found.change == pytest.approx(float((end - start).norm()), abs=1e-4)
    assert found.contributions.sum() == pytest.approx(found.change + found.gap, abs=1e-6)
    every = np.abs(found.contributions).sum()
    assert found.gap_of_all == pytest.approx(abs(found.gap) / every)
    finer = SaliencyConfig(
        samples=1, noise=0.0, steps=200, rule="riemann_right", baseline="mean"
    )
    assert saliency(net, image, "rotation", IMAGENET, finer).relative_gap < found.relative_gap / 5
    better = SaliencyConfig(samples=1, noise=0.0, steps=7, baseline="mean")
    assert saliency(net, image, "rotation", IMAGENET, better).relative_gap < found.relative_gap / 20


def test_a_quaternion_that_turns_far_from_the_baselines_does_not_jump():
    """Past a right angle to the baseline's, the nearer of q and -q would be the other one."""

    def turning(images):
        angle = images.mean((1, 2, 3))
        zero = 0.0 * angle
        return torch.stack([zero, zero, zero, zero, zero, angle.sin(), angle.cos()], 1)

    image = np.full(SHAPE, 2.8, np.float32)
    config = SaliencyConfig(samples=1, noise=0.0, baseline="mean")
    found = saliency(turning, image, "rotation", IMAGENET, config)
    assert found.change == pytest.approx(2 * np.sin(1.4), rel=1e-5)
    assert found.relative_gap < 1e-3


def test_noise_is_averaged_the_same_each_time_and_leaves_the_global_generator_alone():
    net, image = Net(False), planes()
    config = SaliencyConfig(samples=200, noise=0.1, steps=2)
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    first = saliency(net, image, "position", IMAGENET, config)
    assert torch.equal(before, torch.random.get_rng_state())
    again = saliency(net, image, "position", IMAGENET, config)
    assert np.array_equal(first.contributions, again.contributions)
    still = saliency(net, image, "position", IMAGENET, STILL)
    away = np.abs(first.contributions - still.contributions)
    # each pixel's weight times the noise of a mean of 200, in three planes
    sigma = 0.1 * np.ptp(image) / np.sqrt(200) * float(net.weights[:, :3].abs().max()) * 3
    assert 0 < away.max() < 5 * sigma
    assert first.worst_gap < 1e-3


def test_what_is_not_there_gives_nothing_from_the_mean_and_something_from_black():
    net, image = Net(True), planes()
    image[:, :2] = 0.0  # as masked pixels are
    from_mean = SaliencyConfig(samples=1, noise=0.0, baseline="mean")
    found = saliency(net, image, "position", IMAGENET, from_mean)
    assert not found.contributions[:2].any() and found.contributions[2:].all()
    mask = np.zeros(SHAPE[1:], np.uint8)
    mask[:2] = 255
    assert found.share_on(mask) == 0.0 and found.share_on(255 - mask) == 1.0
    assert saliency(net, image, "position", IMAGENET, STILL).share_on(mask) > 0.01
    with pytest.raises(InputError, match="mask: expected shape"):
        found.share_on(mask[:3])


def test_the_black_baseline_is_black():
    black = baseline_planes(torch.zeros(1, *SHAPE), IMAGENET, "black")
    for plane, mean, std in zip(black[0], IMAGENET.mean, IMAGENET.std, strict=True):
        assert plane.numpy() * std + mean == pytest.approx(np.zeros(SHAPE[1:]), abs=1e-6)


def test_faults_are_one_line():
    image = planes()
    with pytest.raises(InputError, match="part: expected position or rotation"):
        saliency(Net(True), image, "height", IMAGENET, STILL)
    with pytest.raises(InputError, match=r"planes: expected \(3, H, W\)"):
        saliency(Net(True), image[:1], "position", IMAGENET, STILL)
    with pytest.raises(InputError, match=r"poses: expected \(B, 7\)"):
        saliency(lambda x: x.flatten(1), image, "position", IMAGENET, STILL)
    with pytest.raises(InputError, match="another position than the baseline's"):
        saliency(lambda x: 0 * x.flatten(1)[:, :7] + 1, image, "position", IMAGENET, STILL)


def test_without_captum_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(EnvironmentFault, match=r"pip install 'semloc_ros\[pose\]'"):
        saliency(Net(True), planes(), "position", IMAGENET, STILL)


def test_a_map_without_anything_has_no_shares():
    empty = Saliency(np.zeros((2, 2)), 0.0, 0.0, 0.0)
    assert np.isnan(empty.share_on(np.full((2, 2), 255, np.uint8)))
    assert empty.relative_gap == float("inf")
