"""Self Forcing: the smoke recipe, the student's roll-outs through the real cache, and where gradients go."""

import json
import sys
from dataclasses import replace

import pytest
import tomli_w
import torch

from inference.cache import SinkWindowCache
from inference.errors import UserError
from inference.generator import Generator
from inference.rollout import Rollout
from tests.tiny import random_weights, tiny_config
from tests.training.smoke import ALONE, package, self_forcing_recipe, train_student, train_teacher, weights
from tests.training.world_pictures import tiny_library
from training import export, self_forcing
from training.batches import Sampled, WorldBatches
from training.flow import Prior
from training.loop import Descent
from training.self_forcing import critic_loss, drawn_steps, generator_loss, matching_loss, rolled_out
from training.teacher import Base

SEEDS = [0, 1]


@pytest.fixture
def base(tmp_path) -> Base:
    return Base.load(package(tmp_path), torch.device("cpu"))


def directed(base: Base):
    recipe = self_forcing_recipe()
    sampled = Sampled(base.config, later=0, imperfect=0.0, mask=0.0)
    return base.directed(WorldBatches(sampled, tiny_library, recipe.data, ALONE)[0])


def test_the_smoke_recipe_runs_resumes_and_leaves_the_teacher_alone(tmp_path):
    taught, run = tmp_path / "teacher", tmp_path / "student"
    train_teacher(tmp_path, taught, steps=1)
    before = weights(taught, "ema")
    assert train_student(tmp_path, taught, run, steps=1) == 1
    first = {part: weights(run, part) for part in ("model", "ema", "critic")}
    assert train_student(tmp_path, taught, run, steps=2) == 2
    for part, old in first.items():
        assert any(not torch.equal(new, old[name]) for name, new in weights(run, part).items()), part
    torch.testing.assert_close(weights(taught, "ema"), before)
    logged = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in logged] == [1, 2]
    assert all(line["matching"] > 0 and line["critic"] > 0 for line in logged)


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("clean_pass", [True, False])
def test_gradients_pass_through_one_step_a_chunk_and_never_through_the_cache(base, monkeypatch, steps, clean_pass):
    data = directed(base)
    config = replace(base.config, sampler=replace(base.config.sampler, clean_pass=clean_pass))
    asked, caches = [], []
    evaluate, commit = Rollout.evaluate, Rollout.commit

    def watched(self, x, t, *rest):
        asked.append((float(t), torch.is_grad_enabled()))
        return evaluate(self, x, t, *rest)

    def kept(self, new):
        commit(self, new)
        caches.append(self.cache)

    monkeypatch.setattr(Rollout, "evaluate", watched)
    monkeypatch.setattr(Rollout, "commit", kept)
    clean = rolled_out(base.generator, config, data, steps, SEEDS)
    levels = config.sampler.timesteps[:steps]
    chunk = [(t, step == steps - 1) for step, t in enumerate(levels)] + [(0.0, False)] * clean_pass
    assert asked == [(0.0, False), *chunk * 5]
    assert len(caches) == 5
    assert all(isinstance(cache, SinkWindowCache) and not cache.k.requires_grad for cache in caches)
    assert caches[-1].seen == config.cache.window_latents  # past the window
    clean.square().mean().backward()
    silent = [n for n, p in base.generator.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []


def test_the_roll_out_is_what_a_stream_makes(base):
    data = directed(base)
    trained = rolled_out(base.generator, base.config, data, 2, SEEDS)
    with torch.no_grad():
        again = rolled_out(base.generator, base.config, data, 2, SEEDS)
        torch.testing.assert_close(again, trained)
        alone = base.generator.transformer
        rollout = Rollout(
            base.generator, base.config, alone.encode_text(data.text),
            alone.empty_cache(base.config.cache, 2, *data.latents.shape[-2:]), [s * 1009 + 1 for s in SEEDS],
        )  # fmt: skip
        rollout.write_picture(data.latents[:, :1], data.picture)
        made = [rollout.next_chunk(data.chunks.latents(i, i + 1)) for i in range(5)]
    torch.testing.assert_close(torch.cat(made, dim=1), trained)


def test_the_losss_gradient_is_distribution_matchings():
    g = torch.Generator().manual_seed(0)
    clean, real, fake = (torch.randn(2, 3, 4, 2, 2, generator=g) for _ in range(3))
    clean.requires_grad_()
    matching_loss(clean, real, fake).backward()
    scale = (clean.detach() - real).abs().mean(dim=(1, 2, 3, 4), keepdim=True)
    torch.testing.assert_close(clean.grad, (fake - real) / scale / clean.numel())


def test_a_student_that_teacher_and_critic_agree_about_stays():
    clean = torch.randn(2, 3, 4, 2, 2, requires_grad=True)
    same = torch.randn(2, 3, 4, 2, 2)
    matching_loss(clean, same, same).backward()
    assert not clean.grad.any()


def test_each_loss_moves_its_own_network_alone(base):
    data, recipe, config = directed(base), self_forcing_recipe(), base.config
    teacher, critic = (random_weights(Generator(config), seed) for seed in (5, 6))
    quiet = torch.zeros(1, 8, 384)
    generator_loss(base.generator, teacher, critic, config, data, quiet, recipe, Prior.NOISE, 1, SEEDS).backward()
    assert all(p.grad is None for net in (teacher, critic) for p in net.parameters())
    assert any(p.grad.any() for p in base.generator.parameters())
    base.generator.zero_grad(set_to_none=True)
    critic_loss(
        critic, base.generator, config, data, recipe.self_forcing, Prior.CARRIED, 2, SEEDS, torch.ones(4, 1, 1)
    ).backward()
    assert all(p.grad is None for p in base.generator.parameters())
    assert any(p.grad.any() for p in critic.parameters())


def test_every_number_of_steps_is_drawn_and_a_draw_is_the_same_everywhere():
    config = tiny_config()
    assert {drawn_steps(config, n) for n in range(20)} == {1, 2}
    assert drawn_steps(config, 7) == drawn_steps(config, 7)
    one = replace(config, sampler=replace(config.sampler, timesteps=(1.0,)))
    assert {drawn_steps(one, n) for n in range(20)} == {1}


def test_a_student_of_another_shape_and_clips_of_broken_chunks_are_refused(tmp_path, base, monkeypatch):
    with pytest.raises(UserError, match="no causal run"):
        self_forcing.first_student(base, tmp_path)
    with pytest.raises(UserError, match="no checkpoint"):
        train_student(tmp_path, tmp_path / "nobody", tmp_path / "run")


def test_bf16_rolls_out_and_reaches_every_weight(base):
    """The cache is filled without gradients by the same weights that are then differentiated."""
    recipe, data = self_forcing_recipe(), directed(base)
    teacher, critic = (random_weights(Generator(base.config), seed) for seed in (5, 6))
    settings = replace(recipe.generator, learning_rate=0.0, floor=0.0, bf16=True)
    loss = Descent(base.generator, settings, ALONE).update(
        0,
        lambda batch: generator_loss(
            base.generator, teacher, critic, base.config, data, torch.zeros(1, 8, 384), recipe, Prior.CARRIED, 2, SEEDS
        ),
        [{"seed": torch.tensor(SEEDS)}],
    )
    assert loss > 0
    silent = [n for n, p in base.generator.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []
    assert {p.dtype for p in base.generator.parameters()} == {torch.float32}


def test_a_run_becomes_a_package(tmp_path, monkeypatch):
    taught, run = tmp_path / "teacher", tmp_path / "student"
    train_teacher(tmp_path, taught, steps=1)
    train_student(tmp_path, taught, run, steps=1)
    given = ("autoencoder", "affinity", *export.EXTRAS)
    model = {key: value for key, value in tiny_config().described().items() if key not in given}
    (tmp_path / "recipe.toml").write_text(tomli_w.dumps({"model": model}), encoding="utf-8")
    arguments = {"recipe": "recipe.toml", "autoencoder": "tiny", "affinity": "tiny", "run": "student", "package": "new"}
    words = [word for key, name in arguments.items() for word in (f"--{key}", str(tmp_path / name))]
    monkeypatch.setattr(sys, "argv", ["export", *words])
    export.main()
    made = Base.load(tmp_path / "new", torch.device("cpu"))
    torch.testing.assert_close(made.generator.state_dict(), weights(run, "ema"), atol=1e-2, rtol=1e-2)  # bf16
