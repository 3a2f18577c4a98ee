"""Depth training: samples tell the truth, the loss is least for it, figures mean what they say, and a run resumes."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.depth import DepthNet
from inference.errors import UserError
from inference.motion.ground import ground_inverse_depth
from inference.package import DEPTH, ModelPackage
from tests.tiny import tiny_config, write_package
from tests.training.smoke import ALONE, RECIPES
from tests.training.world_pictures import tiny_library
from training import export
from training.depth import (
    DepthRecipe,
    HeldPicture,
    Pictures,
    baselines,
    begin,
    depth_loss,
    held_pictures,
    judged,
    load_depth,
    sample,
    train,
)
from training.recipe import load_recipe
from training.world import make_clip


def smoke(steps: int = 4) -> DepthRecipe:
    recipe = load_recipe(DepthRecipe, RECIPES / "depth.toml")
    return replace(recipe, optimiser=replace(recipe.optimiser, steps=steps))


def run(folder: Path, steps: int = 4, start: Path | None = None) -> int:
    return train(smoke(steps), folder, ALONE, start=start, library=tiny_library)


def logged(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def averages(folder: Path) -> dict[str, torch.Tensor]:
    return load_depth(folder).state_dict()


# Samples


def test_a_sample_tells_the_worlds_depth():
    clip = make_clip(tiny_library(), 3, width=64, height=48, frames=1)
    truth = 1.0 / clip.depth[0]
    truth = np.clip(truth / np.quantile(truth, 0.99), 0.01, 1.0)
    for seed in range(4):  # flipped or not
        made = sample(clip, np.random.default_rng(seed), zoom=0.0)
        inverse = made["inverse"].numpy()
        assert made["picture"].shape == (3, 48, 64)
        assert inverse.shape == (1, 24, 32)
        assert any(np.allclose(inverse[0], one[1::2, 1::2], atol=1e-5) for one in (truth, truth[:, ::-1]))


def test_picture_and_depth_stay_together_when_zoomed_and_flipped():
    """A clip that shows its own depth: what is brighter is nearer, wherever it comes to lie."""
    clip = make_clip(tiny_library(), 3, width=128, height=96, frames=1)
    inverse = 1.0 / clip.depth[0]
    grey = np.clip(inverse / inverse.max() * 255, 0, 255).astype(np.uint8)
    clip = replace(clip, frames=np.repeat(grey[None, ..., None], 3, axis=3))
    for seed in range(6):
        made = sample(clip, np.random.default_rng(seed), zoom=1.0)
        shown = made["picture"].mean(0)[1::2, 1::2].flatten()
        agreement = torch.corrcoef(torch.stack([shown, made["inverse"].flatten()]))[0, 1]
        assert agreement > 0.95


def test_a_step_has_its_own_pictures_small_ones_first():
    pictures = Pictures(tiny_library, smoke().data)
    first = pictures[0]
    assert first["picture"].shape == (3, 3, 32, 48)
    assert torch.equal(first["picture"], Pictures(tiny_library, smoke().data)[0]["picture"])
    seen = torch.cat([first["seed"], pictures[1]["seed"], pictures[2]["seed"]])
    assert len(seen.unique()) == len(seen)
    assert pictures[2]["picture"].shape == (2, 3, 48, 64)


# Loss


def truth_and(found: np.ndarray | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    truth = torch.from_numpy(ground_inverse_depth(32, 24))[None, None].repeat(2, 1, 1, 1)
    return truth, truth if found is None else torch.from_numpy(found)[None, None].repeat(2, 1, 1, 1)


def test_without_its_anchor_the_loss_sees_neither_scale_nor_shift():
    settings = replace(smoke().loss, anchor=0.0)
    truth, _ = truth_and()
    assert depth_loss(3.0 * truth + 2.0, truth, settings) == pytest.approx(0.0, abs=1e-5)
    assert depth_loss(3.0 * truth + 2.0, truth, smoke().loss) > 1.0


def test_the_loss_prefers_the_truth_to_other_shapes():
    truth, _ = truth_and()
    settings = smoke().loss
    assert depth_loss(truth, truth, settings) < 1e-5
    blurred = torch.nn.functional.avg_pool2d(truth, 5, 1, 2, count_include_pad=False)
    upside_down = truth.flip(2)
    assert 0.01 < depth_loss(blurred, truth, settings) < depth_loss(upside_down, truth, settings)


def test_it_learns():
    torch.manual_seed(0)
    net, batch = DepthNet(tiny_config().depth), Pictures(tiny_library, smoke().data)[0]
    optimiser = torch.optim.AdamW(net.parameters(), lr=5e-3)
    losses = []
    for _ in range(40):
        loss = depth_loss(net(batch["picture"]), batch["inverse"], smoke().loss)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.6 * losses[0]
    silent = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    # A key's bias moves every score alike, which a softmax does not see.
    assert [n for n in silent if not n.endswith("in_proj_bias")] == []


# Figures


def made_up_picture() -> HeldPicture:
    """A floor with a near thing before the far wall."""
    truth = ground_inverse_depth(64, 40)
    owner = np.full(truth.shape, -1)
    owner[4:18, 20:40] = 0
    truth[owner == 0] = 0.7
    return HeldPicture(torch.zeros(1, 3, 80, 128), truth, owner)


def test_figures_are_right_for_what_is_known():
    held = [made_up_picture()]
    perfect = judged([2.0 * held[0].truth + 1.0], held)
    assert perfect["error"] == pytest.approx(0.0, abs=1e-4)
    assert perfect["told_error"] > 0.1  # a shift is an error in what is told
    assert (perfect["order"], perfect["border_order"]) == (1.0, 1.0)
    wrong = judged([-held[0].truth], held)
    assert (wrong["order"], wrong["border_order"]) == (0.0, 0.0)
    guesses = baselines(held)
    assert guesses["constant"]["order"] == 0.5
    assert guesses["ground"]["border_order"] < 0.7 < guesses["ground"]["order"]


def test_held_pictures_are_of_the_held_split():
    asked = []

    def library(split: str) -> object:
        asked.append(split)
        return tiny_library(split)

    (one,) = held_pictures(1, library)
    assert asked == ["held"]
    assert one.picture.shape == (1, 3, 144, 256)
    assert one.truth.shape == one.owner.shape == (72, 128)


# Runs


def test_a_run_goes_on_where_it_stood(tmp_path):
    assert run(tmp_path / "whole") == 4
    assert run(tmp_path / "parts", steps=2) == 2
    assert run(tmp_path / "parts") == 4
    torch.testing.assert_close(averages(tmp_path / "parts"), averages(tmp_path / "whole"))
    lines = logged(tmp_path / "whole")
    assert lines[0]["row"]["order"] > lines[0]["constant"]["order"] == 0.5
    assert [line["step"] for line in lines if "error" in line] == [0, 2, 4]
    assert all(np.isfinite(line["loss"]) for line in lines if "loss" in line)


def test_it_begins_with_the_affinity_networks_layers(tmp_path):
    package, config = write_package(tmp_path), tiny_config().depth
    net, affinity = begin(config, package), ModelPackage.load(package).affinity.state_dict()
    taken = [
        name for name, value in net.state_dict().items() if name in affinity and torch.equal(value, affinity[name])
    ]
    assert set(net.state_dict()) - set(taken) == {"place.weight", "out.weight", "out.bias"}
    with pytest.raises(UserError, match="other sizes"):
        begin(replace(config, sixteenth=16), package)


def test_a_run_becomes_part_of_a_package(tmp_path, monkeypatch):
    package = write_package(tmp_path, replace(tiny_config(), depth=None))
    run(tmp_path / "run", steps=1)
    monkeypatch.setattr(sys, "argv", ["export", "--depth", str(tmp_path / "run"), "--package", str(package)])
    export.main()
    made = ModelPackage.load(package)
    assert made.config == tiny_config()
    assert (package / DEPTH).exists()
    torch.testing.assert_close(made.depth.state_dict(), averages(tmp_path / "run"), atol=1e-2, rtol=1e-2)  # bf16


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(UserError, match="no depth training run"):
        load_depth(tmp_path)
