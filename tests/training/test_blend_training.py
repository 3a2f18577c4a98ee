"""Training of the mask: it is shown what a stream makes, it learns, and a run is resumed and loaded."""

from dataclasses import replace
from pathlib import Path

import torch

from inference.blend import BlendNet
from inference.config import BlendConfig
from tests.tiny import write_package
from tests.training.test_causal_training import some_batch
from training.blend import BlendRecipe, Made, blend_loss, evaluate, load_blend, made
from training.checkpoint import Run
from training.recipe import load_recipe
from training.teacher import Base


def test_it_is_shown_what_a_stream_makes(tmp_path):
    base = Base.load(write_package(tmp_path), torch.device("cpu"))
    sample = made(base, some_batch(2))
    count, height, width = len(sample.truth), *sample.truth.shape[-2:]
    assert sample.decoded.shape == sample.carried.shape == (count, 3, height, width)
    assert sample.shown.shape == (count, 1, height, width)
    assert 0 <= sample.shown.min() <= sample.shown.max() <= 1
    assert not sample.decoded.requires_grad


def test_it_learns_where_the_carried_picture_is_right():
    """On the left the carried pixels are the truth and on the right another light: it lets through the left ones."""
    torch.manual_seed(0)
    net = BlendNet(BlendConfig(width=16))
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-2)

    def sample() -> Made:
        truth = torch.rand(4, 3, 32, 48) - 0.5
        decoded = truth + 0.1 * torch.randn_like(truth)
        carried = truth.clone()
        carried[..., 24:] += 0.8
        return Made(decoded, carried, torch.ones(4, 1, 32, 48), truth)

    before = blend_loss(net, sample(), 0.5).item()
    for _ in range(150):
        optimiser.zero_grad()
        blend_loss(net, sample(), 0.5).backward()
        optimiser.step()
    one = sample()
    with torch.no_grad():
        after, frames = blend_loss(net, one, 0.5).item(), net(one.decoded, one.carried, one.shown)
    assert after < 0.7 * before
    left, right = ((frames - one.decoded)[..., side].abs().mean() for side in (slice(24), slice(24, None)))
    assert left > 0.03, "the right pixels were kept out"
    assert right < 0.3 * (one.carried - one.decoded)[..., 24:].abs().mean()
    scores = evaluate(net, {"hand": [one]})
    assert scores["hand_blended_db"] > scores["hand_decoded_db"]


def test_a_run_and_a_package_give_the_same_mask_back(tmp_path):
    package = write_package(tmp_path)
    kept = load_blend(package)
    assert not any(parameter.requires_grad for parameter in kept.parameters())
    run = Run(tmp_path / "run")
    (run.folder / "blend.json").write_text('{"width": 4}', encoding="utf-8")
    run.save(3, ema=kept)
    torch.testing.assert_close(load_blend(run.folder).state_dict(), kept.state_dict())


def test_the_recipe_that_ships_can_be_read():
    recipe = load_recipe(BlendRecipe, Path("training/recipes/pocket/blend.toml"))
    assert replace(recipe.optimiser, steps=1).steps == 1
    assert all(side % 8 == 0 for size in recipe.data.sizes for side in size)
