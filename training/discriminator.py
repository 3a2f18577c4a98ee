"""A judge of patches for the decoder: grain that an absolute error would blur away has to look like a picture's.

Owns the network and both sides' hinge losses. Never shipped. Runs on the trainer's thread.

L1 and gradient losses prefer a smooth surface to grain in the wrong place (docs/log.md); a patch discriminator as in
VQGAN asks whether the grain is there at all.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm


class PatchDiscriminator(nn.Module):
    """Frames [M, 3, H, W] to a score of every patch [M, 1, H/8, W/8]; high is real."""

    def __init__(self, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inward = 3
        for outward in (width, 2 * width, 4 * width):
            layers += [spectral_norm(nn.Conv2d(inward, outward, 4, stride=2, padding=1)), nn.LeakyReLU(0.2)]
            inward = outward
        layers += [spectral_norm(nn.Conv2d(inward, inward, 3, padding=1)), nn.LeakyReLU(0.2)]
        self.net = nn.Sequential(*layers, spectral_norm(nn.Conv2d(inward, 1, 3, padding=1)))

    def forward(self, frames: Tensor) -> Tensor:
        return cast("Tensor", self.net(frames))


def discriminator_loss(judge: PatchDiscriminator, made: Tensor, real: Tensor) -> Tensor:
    """Hinge: real patches above 1, made ones below -1; [M, 3, H, W] each."""
    return F.relu(1.0 - judge(real)).mean() + F.relu(1.0 + judge(made.detach())).mean()


def adversarial_loss(judge: PatchDiscriminator, made: Tensor) -> Tensor:
    """What the decoder is told: its patches should score high."""
    return -judge(made).mean()


def balance(pixels: Tensor, adversarial: Tensor, last: Tensor) -> Tensor:
    """How much the adversarial loss must weigh for both to pull the decoder's last weight equally (VQGAN, eq. 7)."""
    towards, away = (torch.autograd.grad(loss, last, retain_graph=True)[0].norm() for loss in (pixels, adversarial))
    return (towards / (away + 1e-4)).clamp(0.0, 1e4).detach()
