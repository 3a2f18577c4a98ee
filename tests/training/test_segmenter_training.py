"""Training the segmenter: holds lie where they say, the loss is least for the truth, and a run becomes a package's."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.errors import UserError
from inference.package import SEGMENTER, ModelPackage
from inference.recogniser import Recogniser
from inference.segmenter import SegmenterNet
from tests.tiny import tiny_config, write_package
from tests.training.smoke import ALONE, RECIPES
from tests.training.world_pictures import tiny_library
from training import export
from training.affinity import load_affinity
from training.recipe import load_recipe
from training.recogniser import ASSET
from training.segmenter import (
    PLACES,
    Eyes,
    Holds,
    SegmenterRecipe,
    drawn,
    evaluate,
    held_out,
    load_segmenter,
    maps_of,
    segmenter_loss,
    train,
)


def smoke(steps: int = 4) -> SegmenterRecipe:
    recipe = load_recipe(SegmenterRecipe, RECIPES / "segmenter.toml")
    return replace(recipe, optimiser=replace(recipe.optimiser, steps=steps))


def run(folder: Path, package: Path, steps: int = 4) -> int:
    return train(smoke(steps), folder, ALONE, start=package, library=tiny_library)


def test_places_lie_on_the_thing_and_beside_it():
    owner = np.full((48, 64), -1)
    owner[10:30, 8:28], owner[30:44, 40:60] = 0, 1
    for seed in range(30):
        on, beside, share = drawn(owner, np.random.default_rng(seed))
        assert on.shape == beside.shape == (PLACES, 2)
        assert share.shape == (24, 32)
        for places, are_on in ((on, True), (beside, False)):
            for x, y in places[~places.isnan().any(1)].tolist():
                assert bool(share[int(y * 24), int(x * 32)] > 0.5) == are_on
        assert not on[0].isnan().any(), "a hold without a place"


def test_a_step_has_its_own_pictures():
    holds = Holds(tiny_library, smoke().data)
    first = holds[0]
    assert first["picture"].shape == (3, 3, 32, 48)
    assert first["mask"].shape == (3, 3, 16, 24)
    assert torch.equal(first["picture"], Holds(tiny_library, smoke().data)[0]["picture"])
    assert not torch.equal(first["picture"], holds[1]["picture"])


def test_the_loss_is_least_for_the_truth():
    truth = torch.zeros(1, 1, 24, 32)
    truth[..., 5:15, 4:14] = 1.0
    logits = 20.0 * truth - 10.0
    right = segmenter_loss(logits, truth, 1.0)
    half = segmenter_loss(torch.where(torch.arange(32) < 9, logits, -10.0), truth, 1.0)
    assert right < 0.01 < half < segmenter_loss(-logits, truth, 1.0)


def test_it_learns(tmp_path):
    """By heart: what two pictures' holds mean."""
    torch.manual_seed(0)
    eyes = Eyes(load_affinity(write_package(tmp_path)), Recogniser.load(ASSET))
    net, batch = SegmenterNet(smoke().model), Holds(tiny_library, smoke().data)[0]
    sight = eyes.see(batch["picture"])
    optimiser, losses = torch.optim.AdamW(net.parameters(), lr=5e-3), []
    for _ in range(60):
        loss = segmenter_loss(net(sight, maps_of(sight, batch)), batch["mask"], 1.0)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]
    silent = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    # A key's bias moves every score alike, which a softmax does not see.
    assert [n for n in silent if not n.endswith("in_proj_bias")] == []


def test_figures_are_of_the_held_split(tmp_path):
    asked = []

    def library(split: str) -> object:
        asked.append(split)
        return tiny_library(split)

    held = held_out(2, library)
    assert asked == ["held"]
    eyes = Eyes(load_affinity(write_package(tmp_path)), Recogniser.load(ASSET))
    figures = evaluate(SegmenterNet(smoke().model), eyes, held)
    assert 0.0 <= figures["iou"] <= 1.0
    assert 0.0 <= figures["lost"] <= 1.0


def test_a_run_goes_on_where_it_stood_and_becomes_part_of_a_package(tmp_path, monkeypatch):
    package = write_package(tmp_path)
    assert run(tmp_path / "whole", package) == 4
    assert run(tmp_path / "parts", package, steps=2) == 2
    assert run(tmp_path / "parts", package) == 4
    averages = load_segmenter(tmp_path / "whole").state_dict()
    torch.testing.assert_close(load_segmenter(tmp_path / "parts").state_dict(), averages)
    lines = [json.loads(line) for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "iou" in line] == [0, 2, 4]
    monkeypatch.setattr(sys, "argv", ["export", "--segmenter", str(tmp_path / "whole"), "--package", str(package)])
    export.main()
    made = ModelPackage.load(package)
    assert made.config == replace(tiny_config(), segmenter=smoke().model)
    assert (package / SEGMENTER).exists()
    torch.testing.assert_close(made.segmenter.state_dict(), averages, atol=1e-2, rtol=1e-2)  # bf16


def test_it_cannot_see_without_a_package(tmp_path):
    with pytest.raises(UserError, match="sees through"):
        train(smoke(), tmp_path / "run", ALONE, library=tiny_library)
