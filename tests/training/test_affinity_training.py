"""Affinity training: samples tell the truth about things, the loss is least for it, and a small net learns."""

import json

import numpy as np
import pytest
import torch

from inference.affinity import STRIDE, AffinityNet
from tests.tiny import tiny_config
from tests.training.world_pictures import tiny_library
from training.affinity import Queries, affinity_loss, evaluate, load_affinity, relit, zoomed
from training.checkpoint import Run
from training.world import make_clip


def sample(seed: int, zoom: float = 0.0) -> dict:
    clip = make_clip(tiny_library(), seed, width=128, height=80, frames=1, style="objects")
    return Queries(6, zoom)(clip, np.random.default_rng(seed))


def batch(seeds: range) -> dict[str, torch.Tensor]:
    samples = [sample(seed) for seed in seeds]
    return {key: torch.stack([one[key] for one in samples]) for key in samples[0]}


@pytest.mark.parametrize("zoom", [0.0, 1.0])
def test_every_place_lies_on_the_thing_that_its_mask_covers(zoom):
    for seed in range(6):
        made = sample(seed, zoom)
        assert made["picture"].shape == (3, 80, 128)
        assert made["mask"].shape == (6, 80 // STRIDE, 128 // STRIDE)
        for at, mask in zip(made["at"], made["mask"], strict=True):
            cell = (at * torch.tensor([128 / STRIDE, 80 / STRIDE])).long()
            assert mask[cell[1], cell[0]] > 0


def test_a_zoomed_part_keeps_picture_and_owners_together():
    rng = np.random.default_rng(0)
    owner = np.zeros((80, 128), np.int16)
    owner[20:60, 40:90] = 3
    picture = np.repeat((owner[..., None] * 60).astype(np.uint8), 3, axis=2)
    part, owners = zoomed(picture, owner, rng)
    assert part.shape == picture.shape
    assert ((part[..., 0] > 90) == (owners == 3)).mean() > 0.97


def test_another_light_keeps_the_range():
    for seed in range(20):
        lit = relit(torch.rand(3, 8, 8) * 2 - 1, np.random.default_rng(seed))
        assert lit.min() >= -1
        assert lit.max() <= 1


class Answers(torch.nn.Module):
    """A network that has one answer."""

    def __init__(self, features: torch.Tensor) -> None:
        super().__init__()
        self.features = features

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        return self.features


def test_the_loss_prefers_the_truth():
    made = batch(range(3))
    truth = Answers(made["mask"] * 2.0)
    elsewhere = Answers(made["mask"].roll(10, -1) * 2.0)
    assert affinity_loss(truth, made) < 0.7 * affinity_loss(elsewhere, made)


def test_it_learns():
    torch.manual_seed(0)
    net, made = AffinityNet(tiny_config().affinity), batch(range(4))
    optimiser = torch.optim.AdamW(net.parameters(), lr=5e-3)
    losses = []
    for _ in range(40):
        loss = affinity_loss(net, made)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.6 * losses[0]
    silent = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    # A key's bias moves every score alike, which a softmax does not see.
    assert [n for n in silent if not n.endswith("in_proj_bias")] == []


def test_figures_are_right_for_a_perfect_answer():
    mask = torch.zeros(1, 1, 20, 32)
    mask[..., 4:12, 6:16] = 1.0
    at = torch.tensor([[[10 / 32, 8 / 20]]])
    one = {"picture": torch.zeros(1, 3, 80, 128), "at": at, "mask": mask}
    perfect = Answers(one["mask"] * 5.0)
    assert evaluate(perfect, [one])["iou"] == pytest.approx(1.0)
    nothing = Answers(torch.zeros_like(one["mask"]))
    assert evaluate(nothing, [one])["iou"] == pytest.approx(float(one["mask"].mean()))


def test_a_run_hands_its_average_on(tmp_path):
    config = tiny_config().affinity
    net = AffinityNet(config)
    Run(tmp_path).save(3, ema=net)
    (tmp_path / "affinity.json").write_text(json.dumps(vars(config)), encoding="utf-8")
    torch.testing.assert_close(load_affinity(tmp_path).state_dict(), net.state_dict())
