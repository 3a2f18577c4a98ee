"""Causal training: it learns, through the inference code, and control is prepared without loss."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from inference.affinity import AffinityNet
from inference.autoencoder import Autoencoder
from inference.generator import Generator
from inference.tracks import Tracks
from tests.tiny import random_weights, tiny_config
from training.causal import CausalLoss, causal_loss, channel_weights, drawn_layout, drawn_times, evaluate
from training.directed import Directed, padded, trimmed

SETTINGS = CausalLoss(unsure=3.0, exact_timesteps=0.5, own_past=0.3)


def some_batch(batch: int = 2, tracks: int = 6) -> dict[str, torch.Tensor]:
    g = torch.Generator().manual_seed(1)
    still = torch.rand(batch, 1, 3, 4, 6, generator=g).expand(-1, 13, -1, -1, -1).flatten(0, 1)
    video = torch.nn.functional.interpolate(still, size=(32, 48)).unflatten(0, (batch, 13)) * 2 - 1
    video = (video + 0.05 * torch.randn(video.shape, generator=g)).clamp(-1, 1)
    steps = torch.linspace(0, 0.2, 13)[None, :, None, None]
    xy = torch.rand(batch, 1, tracks, 2, generator=g) * 0.7 + steps
    return {
        "video": video,
        "text": torch.randn(batch, 8, 384, generator=g),
        "xy": xy,
        "visible": torch.ones(batch, 13, tracks, dtype=torch.bool),
        "ids": torch.arange(tracks).expand(batch, -1) * 7,
    }


def parts():
    torch.manual_seed(0)
    config = tiny_config()
    autoencoder = random_weights(Autoencoder(config.autoencoder)).requires_grad_(False)
    affinity = random_weights(AffinityNet(config.affinity)).requires_grad_(False)
    return config, autoencoder, affinity, Generator(config)


@pytest.mark.parametrize("clean_pass", [True, False])
def test_it_learns_and_everything_that_directs_is_used(clean_pass):
    config, autoencoder, affinity, generator = parts()
    config = replace(config, sampler=replace(config.sampler, clean_pass=clean_pass))
    data, weights = Directed(autoencoder, affinity, config, some_batch()), channel_weights(autoencoder)
    optimiser = torch.optim.AdamW(generator.parameters(), lr=3e-3)
    losses = []
    for _ in range(40):
        loss = causal_loss(generator, config, data, weights, SETTINGS)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])
    silent = [n for n, p in generator.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []


def test_a_fresh_model_answers_with_the_carried_picture():
    config, autoencoder, affinity, generator = parts()
    scores = evaluate(generator, autoencoder, affinity, config, [some_batch(1)])
    assert scores["model_db"] == pytest.approx(scores["carried_db"], abs=0.1)


def test_a_step_has_one_of_the_layouts_and_without_any_nothing_changes():
    config = tiny_config()
    assert drawn_layout(config, [], 3) is config
    layouts = [[1, 1], [1, 3], [0, 2], [2, 1]]
    drawn = [drawn_layout(config, layouts, step).cache for step in range(60)]
    assert {(each.sink, each.window) for each in drawn} == {tuple(layout) for layout in layouts}
    assert {each.chunk for each in drawn} == {1}
    assert drawn_layout(config, layouts, 9) == drawn_layout(config, layouts, 9)


@pytest.mark.parametrize("layout", [[1, 1], [0, 2], [2, 1], [1, 5]])
def test_every_layout_has_a_loss_of_its_own(layout):
    config, autoencoder, affinity, _ = parts()
    generator = random_weights(Generator(config), 1)
    data, weights = Directed(autoencoder, affinity, config, some_batch()), channel_weights(autoencoder)
    found = []
    for each in (config, drawn_layout(config, [layout], 0)):
        torch.manual_seed(0)
        found.append(causal_loss(generator, each, data, weights, SETTINGS))
    found[1].backward()
    assert torch.isfinite(found[1])
    assert float(found[1].detach()) != float(found[0].detach())


def test_noise_levels_are_the_samplers_own_or_any():
    torch.manual_seed(0)
    config = tiny_config()
    own = drawn_times(2000, config, 1.0)
    assert set(own.tolist()) == {1.0, 0.5}
    mixed = drawn_times(2000, config, 0.5)
    assert 0.4 < float(((mixed == 1.0) | (mixed == 0.5)).float().mean()) < 0.6
    assert float(mixed.min()) > 0.019


def tracks_with(count: int) -> Tracks:
    rng = np.random.default_rng(count)
    visible = rng.random((5, count)) < 0.8
    return Tracks(rng.random((5, count, 2), np.float32), visible, np.arange(count, dtype=np.int64) + 100)


def test_padding_and_trimming_keep_every_track_that_begins_in_the_picture():
    rng = np.random.default_rng(0)
    sets = [tracks_with(n) for n in (3, 9, 0)]
    made = [padded(tracks, 20, rng) for tracks in sets]
    batch = trimmed({key: torch.stack([sample[key] for sample in made]) for key in made[0]})
    assert batch["xy"].shape[2] == max(int(t.visible[0].sum()) for t in sets)
    for row, tracks in enumerate(sets):
        wanted = {int(i) for i, seen in zip(tracks.ids, tracks.visible[0], strict=True) if seen}
        seen = batch["visible"][row, 0]
        assert set(batch["ids"][row, seen].tolist()) == wanted
        for n in torch.nonzero(seen)[:, 0].tolist():
            source = int(np.flatnonzero(tracks.ids == int(batch["ids"][row, n]))[0])
            np.testing.assert_array_equal(batch["xy"][row, :, n].numpy(), tracks.xy[:, source])
            np.testing.assert_array_equal(batch["visible"][row, :, n].numpy(), tracks.visible[:, source])


def test_more_tracks_than_fit_are_chosen_at_random():
    chosen = padded(tracks_with(30), 10, np.random.default_rng(1))
    again = padded(tracks_with(30), 10, np.random.default_rng(2))
    assert len(set(chosen["ids"].tolist())) == 10
    assert set(chosen["ids"].tolist()) != set(again["ids"].tolist())
