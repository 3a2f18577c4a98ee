"""The teacher's trainer: the smoke recipe, going on where it stood, and every way it can be stopped."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from inference.errors import UserError
from tests.tiny import tiny_config
from tests.training.smoke import ALONE, package, teacher_recipe, train_teacher, weights
from tests.training.world_pictures import tiny_library
from training import teacher
from training.batches import Feed, Sampled, WorldBatches, silence
from training.causal import channel_weights
from training.distributed import Group, newest
from training.flow import Chances, Prior, Told
from training.loop import Descent
from training.teacher import Base, evaluate, left_out, teacher_loss


def batches(group: Group = ALONE, batch: int = 4, accumulate: int = 1) -> WorldBatches:
    data = replace(teacher_recipe().data, batch=batch, accumulate=accumulate)
    return WorldBatches(Sampled(tiny_config(), later=2, imperfect=0.5, mask=0.5), tiny_library, data, group)


def test_the_smoke_recipe_runs_and_a_resumed_run_ends_where_an_unbroken_one_does(tmp_path):
    assert train_teacher(tmp_path, tmp_path / "whole", steps=3) == 3
    assert train_teacher(tmp_path, tmp_path / "parts", steps=1) == 1
    assert train_teacher(tmp_path, tmp_path / "parts", steps=3) == 3
    for part in ("model", "ema"):
        torch.testing.assert_close(weights(tmp_path / "parts", part), weights(tmp_path / "whole", part))
    logged = [json.loads(line) for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()]
    assert logged[-1]["step"] == 3
    assert np.isfinite(logged[-1]["loss"])


def test_processes_and_parts_share_one_batch_and_steps_never_repeat_a_clip():
    alone = batches()[3]
    shared = [batches(Group(rank, 2, torch.device("cpu")))[3] for rank in (0, 1)]
    for key, value in alone.items():
        torch.testing.assert_close(torch.cat([each[key] for each in shared]), value)
    parts = [batches(accumulate=2)[2 * 3 + part] for part in (0, 1)]
    torch.testing.assert_close(torch.cat([each["xy"] for each in parts]), alone["xy"])
    assert not set(alone["seed"].tolist()) & set(batches()[2]["seed"].tolist())


def test_a_worker_process_makes_the_same_batches():
    found = []
    for workers in (0, 1):
        data = replace(teacher_recipe().data, workers=workers)
        source = WorldBatches(Sampled(tiny_config(), later=0, imperfect=0.5, mask=0.5), tiny_library, data, ALONE)
        feed = Feed(source, data, ALONE)
        found.append([feed(step)[0] for step in (4, 5)])
    torch.testing.assert_close(found[0], found[1])


def test_a_batch_that_cannot_be_shared_is_said_so():
    data = replace(teacher_recipe().data, batch=3)
    with pytest.raises(UserError, match="batch of 3 cannot be shared by 2"):
        Feed(batches(), data, Group(0, 2, torch.device("cpu")))


def test_text_tracks_and_picture_are_left_out_as_often_as_the_recipe_says(tmp_path):
    base = Base.load(package(tmp_path), torch.device("cpu"))
    data = base.directed(batches()[0])
    told, quiet = Told.of(data, Prior.NOISE), silence(base.config, torch.device("cpu"))
    settings = replace(teacher_recipe().teacher, drop_text=1.0, drop_tracks=0.0, drop_picture=0.0)
    changed = left_out(told, quiet, settings, Chances([0, 1, 2, 3]))
    torch.testing.assert_close(changed.text, quiet.expand_as(told.text))
    torch.testing.assert_close(changed.picture, told.picture)
    torch.testing.assert_close(changed.direction.canvas, told.direction.canvas)
    settings = replace(settings, drop_text=0.0, drop_tracks=1.0, drop_picture=1.0)
    changed = left_out(told, quiet, settings, Chances([0, 1, 2, 3]))
    torch.testing.assert_close(changed.text, told.text)
    assert not changed.picture.any()
    assert not changed.direction.canvas.any()
    assert not changed.direction.carried.any()
    shares = (Chances(range(2000)).uniform() < 0.1).float().mean()
    assert 0.07 < float(shares) < 0.13


def test_it_learns_whole_clips(tmp_path):
    torch.manual_seed(0)
    base = Base.load(package(tmp_path), torch.device("cpu"))
    settings = replace(teacher_recipe().teacher, drop_text=0.0, drop_tracks=0.0, drop_picture=0.0, shift=1.0)
    quiet, scale = silence(base.config, torch.device("cpu")), channel_weights(base.autoencoder)
    descent = Descent(base.generator, replace(teacher_recipe().optimiser, learning_rate=3e-3, floor=3e-3), ALONE)
    batch = batches()[0]
    losses = [
        descent.update(
            50, lambda each: teacher_loss(base.generator, base, each, quiet, scale, settings), [batch]
        ) for _ in range(25)
    ]  # fmt: skip
    assert losses[-1] < 0.7 * losses[0]
    silent = [n for n, p in base.generator.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []


def test_matrix_products_can_be_bf16_while_weights_stay_in_float32(tmp_path):
    base = Base.load(package(tmp_path), torch.device("cpu"))
    drops, scale = teacher_recipe().teacher, channel_weights(base.autoencoder)
    quiet, batch = silence(base.config, torch.device("cpu")), batches()[0]
    found = []
    for bf16 in (False, True):
        settings = replace(teacher_recipe().optimiser, learning_rate=0, floor=0, bf16=bf16)
        descent = Descent(base.generator, settings, ALONE)
        found.append(descent.update(
            5, lambda each: teacher_loss(base.generator, base, each, quiet, scale, drops), [batch]
        ))  # fmt: skip
    assert found[1] == pytest.approx(found[0], rel=0.05)
    assert found[1] != found[0]
    assert {p.dtype for p in base.generator.parameters()} == {torch.float32}


def test_figures_name_both_samplers(tmp_path):
    base = Base.load(package(tmp_path), torch.device("cpu"))
    quiet, batch = silence(base.config, torch.device("cpu")), batches(batch=1)[0]
    found = evaluate(base.generator, base, quiet, teacher_recipe(), {"hand": [batch]})
    assert found.keys() == {"hand_plain_db", "hand_guided_db"}
    assert found["hand_plain_db"] != found["hand_guided_db"]


def test_a_loss_that_is_no_number_stops_at_the_last_good_step_and_names_its_samples(tmp_path, monkeypatch):
    train_teacher(tmp_path, tmp_path / "good", steps=1)
    honest = teacher.teacher_loss

    def poisoned(generator, base, batch, *rest):
        return honest(generator, base, batch, *rest) * (float("nan") if 3 in batch["seed"] else 1.0)

    monkeypatch.setattr(teacher, "teacher_loss", poisoned)
    with pytest.raises(UserError, match=r"step 1 is not a number.*batch seeds 2, 3") as met:
        train_teacher(tmp_path, tmp_path / "bad")
    assert "after 1 steps" in met.value.kept
    assert newest(tmp_path / "bad").name == "step-00000001"
    for part in ("model", "ema"):
        torch.testing.assert_close(weights(tmp_path / "bad", part), weights(tmp_path / "good", part))


def test_a_run_stops_when_its_minutes_are_over_and_loses_nothing(tmp_path):
    assert train_teacher(tmp_path, tmp_path / "run", minutes=0.0) == 0
    assert newest(tmp_path / "run") is None


def test_a_package_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="no model package"):
        Base.load(tmp_path / "nothing", torch.device("cpu"))
