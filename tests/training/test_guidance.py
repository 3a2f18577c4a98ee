"""Joint guidance: the paper's formula by hand, what cancels, and the many-step sampler."""

import pytest
import torch

from inference import sampler
from inference.affinity import AffinityNet
from inference.autoencoder import Autoencoder
from inference.carry import carry as carry_picture
from inference.generator import Generator, direct
from tests.tiny import random_weights, tiny_config
from tests.training.test_causal_training import some_batch
from training import flow, guidance
from training.directed import Directed
from training.flow import Chances, Prior, Told, flow_loss, shifted, velocity
from training.guidance import GuidanceSettings, guided_velocity, joint, sample


def answers() -> list[torch.Tensor]:
    g = torch.Generator().manual_seed(0)
    return [torch.randn(2, 3, 4, 2, 2, generator=g) for _ in range(3)]


def parts(carry: bool = True):
    config = tiny_config(carry=carry)
    autoencoder = random_weights(Autoencoder(config.autoencoder)).requires_grad_(False)
    affinity = random_weights(AffinityNet(config.affinity)).requires_grad_(False)
    data = Directed(autoencoder, affinity, config, some_batch())
    return config, autoencoder, random_weights(Generator(config), 1), data


def test_the_papers_weights_give_the_papers_formula():
    no_text, no_tracks, both = answers()
    found = joint(no_text, no_tracks, both, GuidanceSettings(text=3.0, motion=1.5))
    by_hand = 2 / 3 * no_text + 1 / 3 * no_tracks + 3.0 * (both - no_text) + 1.5 * (both - no_tracks)
    torch.testing.assert_close(found, by_hand)
    torch.testing.assert_close(found, 4.5 * both - 7 / 3 * no_text - 7 / 6 * no_tracks)


@pytest.mark.parametrize(("text", "motion"), [(3.0, 1.5), (0.5, 4.0), (1.0, 0.0)])
def test_equal_answers_stay_as_they_are(text, motion):
    _, _, both = answers()
    torch.testing.assert_close(joint(both, both, both, GuidanceSettings(text, motion)), both)


def test_weights_that_cancel_do():
    no_text, no_tracks, both = answers()
    torch.testing.assert_close(joint(no_text, no_tracks, both, GuidanceSettings(0.25, 0.75)), both)  # they add up to 1
    text_alone = joint(no_text, torch.full_like(both, 1e6), both, GuidanceSettings(2.0, 0.0))
    torch.testing.assert_close(text_alone, no_text + 2.0 * (both - no_text))
    motion_alone = joint(torch.full_like(both, 1e6), no_tracks, both, GuidanceSettings(0.0, 2.0))
    torch.testing.assert_close(motion_alone, no_tracks + 2.0 * (both - no_tracks))


@pytest.mark.parametrize(("text", "motion"), [(0.0, 0.0), (-1.0, 3.0)])
def test_weights_without_a_meaning_are_refused(text, motion):
    with pytest.raises(ValueError, match="guidance"):
        GuidanceSettings(text, motion)


def test_the_three_evaluations_leave_out_what_they_should():
    config, _, generator, data = parts()
    told, quiet = Told.of(data, Prior.NOISE), torch.zeros(1, 8, 384)
    x, t = Chances([1, 2]).normal(data.latents[:, 1:]), torch.tensor([0.9, 0.4])
    with torch.no_grad():
        found = guided_velocity(generator, config, x, t, told, quiet, GuidanceSettings(3.0, 1.5))
        both, no_text, no_tracks = (
            velocity(generator, config, x, t, each) for each in (told, told.without_text(quiet), told.without_tracks())
        )
    torch.testing.assert_close(found, joint(no_text, no_tracks, both, GuidanceSettings(3.0, 1.5)))
    assert min(float((both - each).abs().max()) for each in (no_text, no_tracks)) > 1e-3


@pytest.mark.parametrize("carry", [True, False])
def test_no_tracks_is_what_an_empty_set_of_tracks_makes(carry):
    config, autoencoder, _, data = parts(carry)
    batch = some_batch()
    hidden = torch.zeros_like(batch["visible"][:, 1:])
    belongs, behind = torch.rand(2, (32 // 4) * (48 // 4), 6), torch.zeros(2, 4, 32, 48)
    origin, xy = batch["xy"][:, 0], batch["xy"][:, 1:]
    carried = carry_picture(batch["video"][:, 0], belongs, behind, origin, xy, hidden) if carry else None
    empty = direct(autoencoder.encoder, config.control, (48, 32), carried, xy, hidden, batch["ids"])
    found = Told.of(data, Prior.NOISE).without_tracks().direction.latents(1, 4)
    for name in ("canvas", "carried", "confidence", "support"):
        wanted = getattr(empty, name)
        assert (wanted is None) == (getattr(found, name) is None)
        if wanted is not None:
            torch.testing.assert_close(getattr(found, name), wanted, atol=1e-4, rtol=1e-4)


def test_leaving_out_is_by_the_sample():
    *_, data = parts()
    told = Told.of(data, Prior.NOISE)
    where = torch.tensor([True, False])
    for changed in (
        told.without_text(torch.zeros(1, 8, 384), where), told.without_tracks(where), told.without_picture(where),
    ):  # fmt: skip
        pairs = [(changed.picture, told.picture), (changed.text, told.text)]
        pairs += [(getattr(changed.direction, n), getattr(told.direction, n)) for n in ("canvas", "carried")]
        assert any(not torch.equal(new[0], old[0]) for new, old in pairs)
        assert all(torch.equal(new[1], old[1]) for new, old in pairs)


@pytest.mark.parametrize("prior", Prior)
def test_an_exact_velocity_leads_back_to_the_clip(prior, monkeypatch):
    """Where the velocity is that of straight lines to one clip, any number of steps ends in it."""
    config, _, generator, data = parts()
    clean = data.latents[:, 1:]
    monkeypatch.setattr(guidance, "velocity", lambda g, c, x, t, told: (x - clean) / flow.broadcast(t))
    told, quiet = Told.of(data, prior), torch.zeros(1, 8, 384)
    for settings in (None, GuidanceSettings(3.0, 1.5)):
        made = sample(generator, config, told, quiet, settings, steps=5, shift=6.0, noise=Chances([3, 4]).normal(clean))
        torch.testing.assert_close(made, clean, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("prior", Prior)
@pytest.mark.parametrize("carry", [True, False])
def test_a_velocity_that_is_right_has_no_loss(carry, prior, monkeypatch):
    config, _, generator, data = parts(carry)
    clean, t, told = data.latents[:, 1:], torch.tensor([0.8, 0.3]), Told.of(data, prior)
    noise = Chances([5, 6]).normal(clean)
    first = flow.begin(config, told, noise)
    assert torch.equal(first, noise) == (prior is Prior.NOISE or not carry)
    monkeypatch.setattr(flow, "velocity", lambda *arguments: first - clean)
    assert float(flow_loss(generator, config, clean, told, t, noise, 1.0)) == 0.0
    monkeypatch.undo()
    assert float(flow_loss(generator, config, clean, told, t, noise, 1.0).detach()) > 0.0


def test_a_fresh_residual_network_answers_with_the_best_guess_over_the_carried_picture():
    """Its head is zero, so x_0 is h + gain (x_t - (1 - t) h): the arithmetic of pure noise, whatever is trusted."""
    config, _, _, data = parts()
    told, t = Told.of(data, Prior.NOISE), torch.tensor([1.0, 1.0])
    noise = Chances([1, 2]).normal(data.latents[:, 1:])
    with torch.no_grad():
        found = velocity(Generator(config), config, noise, t, told)
    torch.testing.assert_close(noise - found, told.direction.carried[:, 1:], atol=1e-5, rtol=1e-5)


def test_what_is_left_unsaid_does_not_move_where_the_flow_starts():
    """Guidance compares answers at one x_t: leaving the tracks out changes what the network sees, and nothing else."""
    config, _, _, data = parts()
    told, noise = Told.of(data, Prior.CARRIED), Chances([1, 2]).normal(data.latents[:, 1:])
    for less in (told.without_tracks(), told.without_picture(), told.without_text(torch.zeros(1, 8, 384))):
        torch.testing.assert_close(flow.begin(config, less, noise), flow.begin(config, told, noise))
    torch.testing.assert_close(flow.begin(config, told, noise), sampler.start(config.sampler, data.chunks, noise))
    fresh, t = Generator(config), torch.tensor([1.0, 1.0])  # its head is zero: all that it knows is where it starts
    with torch.no_grad():
        x = flow.begin(config, told, noise)
        found = x - velocity(fresh, config, x, t, told.without_tracks())
    torch.testing.assert_close(found, data.chunks.carried, atol=1e-5, rtol=1e-5)


def test_shift_keeps_the_ends_and_raises_the_middle():
    s = torch.linspace(0, 1, 11)
    moved = shifted(s, 6.0)
    assert moved[0] == 0
    assert float(moved[-1]) == pytest.approx(1.0)
    assert float(moved[5]) == pytest.approx(6 * 0.5 / 3.5)
    torch.testing.assert_close(shifted(s, 1.0), s)


def test_chances_belong_to_the_sample():
    one, two = Chances([7, 9]), Chances([9])
    like = torch.zeros(2, 3)
    torch.testing.assert_close(one.normal(like)[1:], two.normal(like[:1]))
    assert not torch.equal(Chances([7], 1).uniform(), Chances([7], 2).uniform())
