"""The autoencoder: shapes, the chunk-local encoder, and a decoder whose chunks equal the whole."""

import pytest
import torch

from inference.autoencoder import Autoencoder, AutoencoderConfig, group_frames

SMALL = AutoencoderConfig(
    channels=4, encoder_quarter=8, encoder_eighth=8, encoder_blocks=1,
    decoder_eighth=8, decoder_blocks=2, decoder_quarter=8, decoder_quarter_blocks=2,
)  # fmt: skip


@pytest.fixture
def autoencoder():
    torch.manual_seed(0)
    made = Autoencoder(SMALL)
    for parameter in made.parameters():  # the zeroed last layers would hide the causal blocks
        torch.nn.init.normal_(parameter, std=0.1)
    return made.requires_grad_(False)


def test_picture_is_four_equal_frames():
    video = torch.rand(2, 9, 3, 16, 16)
    grouped = group_frames(video)
    assert grouped.shape == (2, 3, 12, 16, 16)
    assert torch.equal(grouped[:, 0].unflatten(1, (4, 3)), video[:, :1].expand(-1, 4, -1, -1, -1))
    assert torch.equal(grouped[:, 2].unflatten(1, (4, 3)), video[:, 5:9])
    with pytest.raises(ValueError, match="1 \\+ 4k"):
        group_frames(video[:, :8])


def test_encoder_sees_one_latent_at_a_time(autoencoder):
    frames = group_frames(torch.rand(1, 13, 3, 24, 32))
    whole = autoencoder.encoder(frames)
    assert whole.shape == (1, 4, 4, 3, 4)
    parts = [autoencoder.encoder(frames[:, i : i + 1]) for i in range(4)]
    torch.testing.assert_close(torch.cat(parts, 1), whole, atol=1e-5, rtol=0)


@pytest.mark.parametrize("cuts", [(1, 1, 1, 1, 1), (2, 3), (1, 4)])
def test_chunked_decoding_equals_whole(autoencoder, cuts):
    latents = torch.randn(2, 5, 4, 3, 4)
    whole, _ = autoencoder.decoder(latents)
    assert whole.shape == (2, 5, 4, 3, 24, 32)
    state, parts = None, []
    for part in latents.split(cuts, dim=1):
        frames, state = autoencoder.decoder(part, state)
        parts.append(frames)
    torch.testing.assert_close(torch.cat(parts, 1), whole, atol=1e-5, rtol=0)


def test_decoder_is_causal_and_remembers(autoencoder):
    latents = torch.randn(1, 4, 4, 3, 4)
    changed = latents.clone()
    changed[:, 2] += 1.0
    a, b = autoencoder.decoder(latents)[0], autoencoder.decoder(changed)[0]
    assert torch.equal(a[:, :2], b[:, :2])
    assert not torch.allclose(a[:, 3], b[:, 3])
