"""Training of the autoencoder: where it starts, what its losses see, and that a killed run goes on."""

import copy

import pytest
import torch

from inference.autoencoder import BLOCK, Autoencoder, group_frames
from tests.tiny import random_weights, tiny_config, write_package
from training.autoencoder import (
    edge_energy,
    energy_loss,
    evaluate,
    load_autoencoder,
    measure_latents,
    parameter_groups,
    psnr,
    save_autoencoder,
)
from training.checkpoint import Run, update_ema
from training.components import start_from_components
from training.discriminator import PatchDiscriminator, adversarial_loss, balance, discriminator_loss


def smooth_videos(count: int, seed: int = 0) -> torch.Tensor:
    """[count, 9, 3, 32, 48]: soft blobs that drift."""
    g = torch.Generator().manual_seed(seed)
    noise = torch.randn(count, 3, 1, 8, 12, generator=g).expand(-1, -1, 9, -1, -1)
    drift = torch.randn(count, 3, 9, 8, 12, generator=g) * 0.1
    video = torch.nn.functional.interpolate(noise + drift, size=(9, 32, 48), mode="trilinear")
    return video.tanh().transpose(1, 2)


@pytest.fixture
def started():
    torch.manual_seed(0)
    autoencoder = Autoencoder(tiny_config().autoencoder)
    values = start_from_components(autoencoder, [group_frames(smooth_videos(4, s)) for s in range(4)])
    return autoencoder, values


def test_components_are_the_best_linear_code_of_their_size(started):
    autoencoder, values = started
    frames = group_frames(torch.cat([smooth_videos(4, s) for s in range(4)]))
    with torch.no_grad():
        latents = autoencoder.encoder(frames)
        decoded, _ = autoencoder.decoder(latents)
    error = (decoded.flatten(2, 3) - frames).square().mean() * BLOCK
    channels = autoencoder.config.channels
    assert float(error) == pytest.approx(float(values[channels:].sum()), rel=0.02)
    torch.testing.assert_close(latents.std((0, 1, 3, 4)), torch.ones(channels), atol=0.05, rtol=0)


def test_latents_are_normalised_and_decoding_undoes_it(started):
    autoencoder, _ = started
    videos = [smooth_videos(2, s) + 0.3 for s in range(3)]
    before = evaluate(autoencoder, videos)
    measure_latents(autoencoder, videos)
    latents = torch.cat([autoencoder.encoder(group_frames(video)) for video in videos]).detach()
    assert latents.mean().abs() < 0.05
    assert latents.std() == pytest.approx(1.0, abs=0.1)
    assert evaluate(autoencoder, videos)["psnr_db"] == pytest.approx(before["psnr_db"], abs=0.05)


def test_figures():
    a = torch.zeros(1, 1, 3, 8, 8)
    assert psnr(a + 0.2, a) == pytest.approx(20.0)
    assert edge_energy(a) == 0.0


def test_energy_loss_misses_grain_that_was_smoothed_away():
    grain = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 0.2
    other = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 0.2
    assert energy_loss(torch.zeros_like(grain), grain) > 5 * energy_loss(other, grain)


def test_linear_paths_learn_at_their_share():
    autoencoder = Autoencoder(tiny_config().autoencoder)
    rest, linear = parameter_groups(autoencoder, 0.02)
    assert (rest["share"], linear["share"]) == (1.0, 0.02)
    assert len(linear["params"]) == 4
    assert len(rest["params"]) + 4 == len(list(autoencoder.parameters()))


def test_a_killed_run_goes_on_where_it_was(tmp_path):
    def fresh():
        torch.manual_seed(3)
        model = Autoencoder(tiny_config().autoencoder)
        return model, copy.deepcopy(model).requires_grad_(False), torch.optim.AdamW(model.parameters(), lr=1e-2)

    def steps(model, ema, optimiser, seeds):
        for seed in seeds:
            frames = group_frames(smooth_videos(1, seed))
            decoded, _ = model.decoder(model.encoder(frames))
            loss = (decoded.flatten(2, 3) - frames).abs().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            update_ema(ema, model, 0.5)

    whole = fresh()
    steps(*whole, range(4))
    half = fresh()
    steps(*half, range(2))
    names = ("model", "ema", "optimizer")
    Run(tmp_path).save(2, **dict(zip(names, half, strict=True)))
    again = fresh()
    assert Run(tmp_path).resume(**dict(zip(names, again, strict=True))) == 2
    steps(*again, range(2, 4))
    for name, value in whole[1].state_dict().items():
        torch.testing.assert_close(again[1].state_dict()[name], value, msg=name)


def test_a_finished_autoencoder_comes_back_ready_to_train_its_decoder_on(tmp_path):
    made = random_weights(Autoencoder(tiny_config().autoencoder)).to(memory_format=torch.channels_last)
    save_autoencoder(made, tmp_path)
    again = load_autoencoder(tmp_path)
    for name, value in made.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, msg=name)
    save_autoencoder(again, tmp_path)  # loaded ones are laid out for speed: that must not hinder


def test_training_can_go_on_from_a_package(tmp_path):
    package = write_package(tmp_path)
    loaded = load_autoencoder(package)
    assert loaded.config == tiny_config().autoencoder
    torch.testing.assert_close(
        loaded.state_dict(), random_weights(Autoencoder(loaded.config)).state_dict(), atol=2e-3, rtol=0.01
    )


def test_a_fresh_run_starts_from_nothing(tmp_path):
    model = Autoencoder(tiny_config().autoencoder)
    assert Run(tmp_path / "new").resume(model=model, optimizer=torch.optim.AdamW(model.parameters())) == 0


def test_a_judge_joins_a_run_later(tmp_path):
    model, judge = Autoencoder(tiny_config().autoencoder), PatchDiscriminator(4)
    Run(tmp_path).save(7, model=model)
    before = copy.deepcopy(judge.state_dict())
    assert Run(tmp_path).resume(model=model, judge=judge) == 7
    torch.testing.assert_close(judge.state_dict(), before)


def test_the_judge_learns_to_tell_grain_from_its_absence_and_asks_for_it():
    torch.manual_seed(0)
    judge = PatchDiscriminator(8)
    optimiser = torch.optim.AdamW(judge.parameters(), lr=2e-3)
    smooth = torch.zeros(4, 3, 32, 32)
    for _ in range(60):
        loss = discriminator_loss(judge, smooth, smooth + 0.3 * torch.randn_like(smooth))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 0.5
    grain = smooth + 0.3 * torch.randn_like(smooth)
    assert adversarial_loss(judge, grain) < adversarial_loss(judge, smooth) - 1.0


def test_balanced_losses_pull_equally():
    last = torch.nn.Parameter(torch.randn(5))
    pixels, adversarial = (last * 3.0).sum(), (last * 0.2).sum()
    share = balance(pixels, adversarial, last)
    pulls = [torch.autograd.grad(loss, last)[0].norm() for loss in (pixels, share * adversarial)]
    torch.testing.assert_close(pulls[0], pulls[1], rtol=1e-2, atol=0)
