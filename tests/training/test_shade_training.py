"""Training the shade network: the truth is exact, it learns, and a run becomes a package's."""

import json
import sys
from dataclasses import replace

import numpy as np
import torch

from inference.package import SHADE, ModelPackage
from inference.shade import ShadeNet
from tests.tiny import write_package
from tests.training.smoke import ALONE, RECIPES
from tests.training.world_pictures import tiny_library
from training import export
from training.recipe import load_recipe
from training.shade import ShadeRecipe, Shadows, evaluate, left_by, load_shade, sample, shade_loss, train
from training.world import make_clip
from training.world.scene import PLACE


def smoke(steps: int = 4) -> ShadeRecipe:
    recipe = load_recipe(ShadeRecipe, RECIPES / "shade.toml")
    return replace(recipe, optimiser=replace(recipe.optimiser, steps=steps))


def test_a_shadow_lies_on_the_place_alone_and_is_a_factor_of_it():
    library, darkest = tiny_library("train"), 0.0
    for seed in range(20):
        clip = make_clip(library, seed, width=64, height=48, frames=1)
        made = sample(clip, np.random.default_rng(seed))
        assert made["picture"].shape == (3, 48, 64)
        assert made["dark"].shape == made["counts"].shape == (1, 24, 32)
        assert 0.0 <= made["dark"].min() <= made["dark"].max() < 1.0
        covered = torch.nn.functional.max_pool2d(made["outline"], 2) > 0
        assert (made["counts"][~covered] == 1.0).all(), "what the thing does not cover counts"
        darkest = max(darkest, float(made["dark"].max()))
        owner = clip.owner_map[0]
        for k in np.unique(owner[owner != PLACE]):
            left = left_by(clip.scene, int(k), owner, np.random.default_rng(seed))
            assert 0.0 <= left.min() <= left.max() <= 1.0
    assert darkest > 0.2, "there never was a shadow"


def test_it_learns(tmp_path):
    """By heart: the shadows of a few pictures."""
    torch.manual_seed(0)
    recipe = smoke()
    net = ShadeNet(recipe.model)
    batches = [Shadows(tiny_library, recipe.data)[step] for step in range(4)]
    optimiser = torch.optim.Adam(net.parameters(), 5e-3)
    before = evaluate(net, batches)
    for _ in range(60):
        loss = torch.stack([shade_loss(net, batch, recipe.loss) for batch in batches]).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    after = evaluate(net, batches)
    assert after["missed"] < 0.8 * before["missed"]


def test_a_run_goes_on_and_becomes_a_packages(tmp_path, monkeypatch):
    package, folder = write_package(tmp_path), tmp_path / "run"
    assert ModelPackage.load(package).shade is None
    assert train(smoke(2), folder, ALONE, library=tiny_library) == 2
    assert train(smoke(4), folder, ALONE, library=tiny_library) == 4
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert "missed" in lines[0]
    monkeypatch.setattr(sys, "argv", ["export", "--shade", str(folder), "--package", str(package)])
    export.main()
    assert (package / SHADE).exists()
    loaded = ModelPackage.load(package).shade
    assert loaded is not None
    torch.testing.assert_close(loaded.out.weight, load_shade(folder).out.weight, atol=1e-2, rtol=1e-2)
