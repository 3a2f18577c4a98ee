"""The trained network as a whole: the transformer and the track head, and what directs them.

Owns how control becomes channels. Holds no state between calls and never samples. Runs on the caller's thread.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from inference.autoencoder import CELL, FRAMES, Encoder, group_frames
from inference.carry import Carried
from inference.config import ControlConfig, ModelConfig
from inference.motion_transformer import MotionTransformer
from inference.track_head import TrackHead, track_canvas


@dataclass(frozen=True)
class Direction:
    """What directs F latents.

    canvas: [B, 4F, id_dim + 2, h, w]; carried: latents of the carried picture [B, F, C, h, w]; confidence and support:
    [B, F, 1, h, w]. The last three are None for a model that is trained on identities alone.
    """

    canvas: Tensor
    carried: Tensor | None
    confidence: Tensor | None
    support: Tensor | None

    def latents(self, start: int, stop: int) -> Direction:
        """The same for latents start .. stop-1."""
        parts = (self.carried, self.confidence, self.support)
        return Direction(
            self.canvas[:, start * FRAMES : stop * FRAMES],
            *(None if x is None else x[:, start:stop] for x in parts),
        )


class Generator(nn.Module):
    """`MotionTransformer` and `TrackHead`, trained together."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.transformer = MotionTransformer(config.transformer)
        self.track_head = TrackHead(config.control)

    def control(self, direction: Direction) -> Tensor:
        """The control channels behind a latent's own, [B, F, C', h, w]."""
        parts = [self.track_head(direction.canvas)]
        if direction.carried is not None:
            assert direction.confidence is not None
            assert direction.support is not None
            parts += [direction.carried, direction.confidence, direction.support]
        return torch.cat(parts, dim=2)


def direct(
    encoder: Encoder,
    config: ControlConfig,
    size: tuple[int, int],
    carried: Carried | None,
    xy: Tensor,
    visible: Tensor,
    ids: Tensor,
) -> Direction:
    """Tracks over T = 4F frames to the direction of F latents.

    size: (width, height) in pixels; carried: the picture as the tracks carry it, where the model takes that; xy,
    visible: [B, T, N, ...]; ids: [B, N].
    """
    w, h = size[0] // CELL, size[1] // CELL
    # Positions need float32 whatever the weights are: bfloat16 knows a 256th of the picture at best.
    dtype = encoder.linear.weight.dtype
    canvas = track_canvas(xy, visible, ids, h, w, config.id_dim).to(dtype)
    if carried is None:
        return Direction(canvas, None, None, None)
    latents = encoder(carried.frames.to(dtype).unflatten(1, (-1, FRAMES)).flatten(2, 3))
    trust = [x.unflatten(1, (-1, FRAMES)).mean(2).to(dtype) for x in (carried.confidence, carried.support)]
    return Direction(canvas, latents, trust[0], trust[1])


def direct_picture(
    encoder: Encoder, config: ControlConfig, picture: Tensor, origin: Tensor, visible: Tensor, ids: Tensor
) -> tuple[Tensor, Direction]:
    """Latent 0, the picture, [B, 1, C, h, w], and its direction: each visible [B, N] track at its origin, all to be
    trusted.
    """
    height, width = picture.shape[-2:]
    h, w = height // CELL, width // CELL
    dtype = encoder.linear.weight.dtype
    latent = encoder(group_frames(picture[:, None]).to(dtype))
    xy, seen = (x[:, None].expand(-1, FRAMES, *x.shape[1:]) for x in (origin, visible))
    canvas = track_canvas(xy, seen, ids, h, w, config.id_dim).to(dtype)
    if not config.carry:
        return latent, Direction(canvas, None, None, None)
    ones = torch.ones_like(latent[:, :, :1])
    return latent, Direction(canvas, latent, ones, ones)
