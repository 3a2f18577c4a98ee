"""Frames one at a time: the same as all at once."""

import pytest
import torch

from inference.autoencoder import StreamingDecoder
from inference.blend import BlendNet
from inference.config import BlendConfig
from inference.frame_decoder import FrameDecoder
from tests.tiny import tiny_config


@pytest.fixture(scope="module")
def decoder() -> StreamingDecoder:
    torch.manual_seed(0)
    decoder = StreamingDecoder(tiny_config().autoencoder).eval()
    for weight in decoder.parameters():  # some begin at zero
        torch.nn.init.normal_(weight, std=0.1)
    return decoder


@torch.no_grad()
@pytest.mark.parametrize("blended", [False, True])
def test_frames_one_at_a_time_are_those_of_the_whole(decoder: StreamingDecoder, blended: bool) -> None:
    latents = 0.5 * torch.randn(1, 3, decoder.linear.in_channels, 4, 8)
    carried, shown = torch.rand(12, 3, 32, 64), torch.rand(12, 1, 32, 64)
    blend = BlendNet(BlendConfig(width=8)) if blended else None
    whole = decoder(latents)[0][0].flatten(0, 1)  # [12, 3, H, W]
    expected = blend(whole, carried, shown) if blend is not None else whole
    frames = FrameDecoder(decoder, blend)
    for _ in range(2):  # and again from the start
        frames.reset()
        made = [
            frame
            for i in range(3)
            for frame in frames.frames(
                latents[:, i : i + 1], (carried[4 * i : 4 * i + 4], shown[4 * i : 4 * i + 4]) if blended else None
            )
        ]
        rgba = torch.stack(made)
        assert (rgba[..., 3] == 255).all()
        bytes_ = expected.clamp(-1, 1).add(1).mul(127.5).permute(0, 2, 3, 1)
        assert (rgba[..., :3].float() - bytes_).abs().max() <= 0.51
        assert rgba[..., :3].float().std() > 10
