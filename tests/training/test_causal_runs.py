"""Runs of the causal trainer: they go on where they stood, and whatever stops one is said and loses nothing."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from inference.affinity import AffinityNet
from inference.autoencoder import Autoencoder
from inference.errors import UserError
from tests.tiny import random_weights, tiny_config
from tests.training.world_pictures import tiny_library
from training import causal, clips
from training.causal import CausalData, CausalLoss, CausalOptimiser, CausalRecipe
from training.checkpoint import CHECKPOINT, Run
from training.recipe import load_recipe

RECIPE = Path("training/recipes/pocket/causal.toml")


def tiny_recipe(steps: int = 2) -> CausalRecipe:
    return CausalRecipe(
        tiny_config(),
        CausalData(
            sizes=((64, 32),), small_sizes=((48, 48),), small_steps=1, frames=9, batch=2, small_batch=2, workers=0,
            text_dropout=0.2, layouts=((1, 1), (1, 2)),
        ),
        CausalOptimiser(learning_rate=1e-3, floor=1e-3, warmup_steps=1, steps=steps, weight_decay=0.01, ema=0.9),
        CausalLoss(unsure=1.0, exact_timesteps=0.5, own_past=0.25),
    )  # fmt: skip


@pytest.fixture(autouse=True)
def small_world(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "load_library", tiny_library)
    monkeypatch.setattr(causal, "held_out_batches", lambda *_: {})


def train(folder: Path, recipe: CausalRecipe) -> None:
    config = recipe.model
    autoencoder = random_weights(Autoencoder(config.autoencoder)).requires_grad_(False)
    affinity = random_weights(AffinityNet(config.affinity)).requires_grad_(False)
    causal.train(
        recipe, autoencoder, affinity, Run(folder, recipe=asdict(recipe)), minutes=10.0, threads=torch.get_num_threads()
    )


def saved(folder: Path) -> dict:
    return torch.load(folder / CHECKPOINT, weights_only=True)


def test_a_run_goes_on_and_another_recipe_is_refused_by_the_key_that_differs(tmp_path: Path) -> None:
    train(tmp_path, tiny_recipe(1))
    train(tmp_path, tiny_recipe(2))
    assert saved(tmp_path)["step"] == 2
    other = replace(tiny_recipe(), loss=CausalLoss(unsure=9.0, exact_timesteps=0.5, own_past=0.25))
    with pytest.raises(UserError, match=r"another recipe: loss\.unsure differs"):
        train(tmp_path, other)
    assert saved(tmp_path)["step"] == 2


def test_a_loss_that_is_no_number_stops_at_the_last_good_step_and_names_its_clips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(tmp_path / "good", tiny_recipe(1))
    honest, calls = causal.causal_loss, []

    def poisoned(*arguments):
        calls.append(1)
        return honest(*arguments) * (float("nan") if len(calls) == 2 else 1.0)

    monkeypatch.setattr(causal, "causal_loss", poisoned)
    with pytest.raises(UserError, match=r"step 1 is not a number.*seeds begin at 64") as met:
        train(tmp_path / "bad", tiny_recipe(3))
    assert "after 1 steps" in met.value.kept
    assert saved(tmp_path / "bad")["step"] == 1
    assert all(value.isfinite().all() for value in saved(tmp_path / "bad")["model"].values())


def test_a_full_disk_is_said_and_the_last_checkpoint_stays(tmp_path: Path) -> None:
    net, run = torch.nn.Linear(128, 128), Run(tmp_path)
    run.save(1, model=net)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(UserError, match="step 2 could not be written") as met:
            run.save(2, model=net)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "untouched" in met.value.kept
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT]
    assert Run(tmp_path).resume(model=net) == 1


def killed_while_saving(folder: Path) -> None:
    Path.replace = lambda self, target: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
    Run(folder).save(2, model=torch.nn.Linear(3, 3))


def test_a_process_killed_in_the_middle_of_a_write_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    net = torch.nn.Linear(3, 3)
    Run(tmp_path).save(1, model=net)
    child = multiprocessing.get_context("fork").Process(target=killed_while_saving, args=(tmp_path,))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    again = torch.nn.Linear(3, 3)
    assert Run(tmp_path).resume(model=again) == 1
    torch.testing.assert_close(again.weight, net.weight)


def test_the_recipe_that_ships_can_be_read_and_an_unknown_key_is_said(tmp_path: Path) -> None:
    tiny = tiny_config()
    sizes = {"autoencoder": asdict(tiny.autoencoder) | {"channels": 32}, "affinity": asdict(tiny.affinity)}
    assert load_recipe(CausalRecipe, RECIPE, model=sizes).data.layouts == ()
    path = tmp_path / "wrong.toml"
    path.write_text(RECIPE.read_text(encoding="utf-8") + "\nuncertain = 3.0\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"wrong\.toml.*loss has an unknown key 'uncertain'"):
        load_recipe(CausalRecipe, path, model=sizes)
