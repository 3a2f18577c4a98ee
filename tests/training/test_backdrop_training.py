"""Backdrop training: the truth is the picture without the thing, the net learns it, and a run is resumed and loaded."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.backdrop import BackdropNet, hole_of
from tests.tiny import tiny_config
from tests.training.smoke import ALONE
from tests.training.world_pictures import tiny_library
from training.backdrop import (
    BackdropRecipe,
    Holes,
    backdrop_loss,
    evaluate,
    held_pictures,
    load_backdrop,
    sample,
    train,
)
from training.recipe import load_recipe
from training.world import make_clip


def smoke(steps: int = 3) -> BackdropRecipe:
    recipe = load_recipe(BackdropRecipe, Path("training/recipes/smoke/backdrop.toml"))
    return replace(recipe, optimiser=replace(recipe.optimiser, steps=steps))


def test_the_truth_is_the_picture_without_the_thing():
    """Outside the hole both agree but for the thing's shadow; inside they differ, where it is a thing's hole."""
    differing = 0
    for seed in range(12):
        clip = make_clip(tiny_library("train"), seed, width=128, height=80, frames=1, style="objects")
        made = sample(clip, np.random.default_rng(seed))
        assert made["picture"].shape == made["truth"].shape == (3, 80, 128)
        assert made["layer"].shape == (1, 20, 32)
        difference = (made["picture"] - made["truth"]).abs().mean(0)
        hole = hole_of(made["layer"][None])[0, 0]
        assert hole.max() == 1.0
        if difference.max() > 0:
            differing += 1
            assert difference[hole > 0.5].mean() > 4 * difference[hole == 0].mean()
    assert differing >= 4


def test_a_small_net_learns():
    torch.manual_seed(0)
    recipe = smoke()
    net, batch = BackdropNet(tiny_config().backdrop), Holes(tiny_library, recipe.data)[0]
    optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
    losses = []
    for _ in range(25):
        optimiser.zero_grad()
        loss = backdrop_loss(net, batch, recipe.loss, None)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


def test_a_run_goes_on_and_is_loaded(tmp_path):
    assert train(smoke(2), tmp_path, ALONE, library=tiny_library) == 2
    assert train(smoke(3), tmp_path, ALONE, library=tiny_library) == 3
    net = load_backdrop(tmp_path)
    scores = evaluate(net, held_pictures(2, tiny_library))
    assert set(scores) == {"hole_db", "soft_db", "edges"}
    assert all(np.isfinite(value) for value in scores.values())


@pytest.mark.parametrize("name", ["pocket", "smoke"])
def test_the_recipes_can_be_read(name):
    recipe = load_recipe(BackdropRecipe, Path(f"training/recipes/{name}/backdrop.toml"))
    assert all(side % 16 == 0 for size in recipe.data.sizes for side in size)
