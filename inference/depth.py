"""How near everything in a picture is, from the picture alone.

Owns `DepthNet` and the form in which depth is handed on. Never trains (`training.depth`) and never sees a second frame.
Runs on the caller's thread.

Depth is told as *relative inverse depth*: 1/z as a share of that of the nearest, so 1 is nearest and 0 infinitely far.
What it is in metres, one picture cannot say.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from inference.config import DepthConfig
from inference.motion.ground import FARTHEST
from inference.pyramid import Pyramid

FINE = 2  # places along a feature's side: depth has half the picture's resolution
NEAREST = 0.99  # quantile that counts as the nearest: one wild pixel does not push all else away


class DepthNet(Pyramid):
    """Pictures [B, 3, H, W] in [-1, 1] to relative inverse depth [B, 1, H/2, W/2], unbounded; H and W divide by 16."""

    def __init__(self, config: DepthConfig) -> None:
        super().__init__(config, FINE**2, placed=True)
        self.config = config

    def forward(self, picture: Tensor) -> Tensor:
        return F.pixel_shuffle(super().forward(picture), FINE)


@torch.no_grad()
def inverse_depth(net: DepthNet, picture: Tensor) -> np.ndarray:
    """A picture [1, 3, H, W] in [-1, 1] to relative inverse depth, float32 [H, W]."""
    found = F.interpolate(net(picture).float(), picture.shape[2:], mode="bilinear", align_corners=False)
    return relative(found[0, 0].cpu().numpy())


def relative(inverse: np.ndarray) -> np.ndarray:
    """Inverse depth in any unit to relative inverse depth, float32 [H, W] in [FARTHEST, 1]."""
    nearest = max(float(np.quantile(inverse, NEAREST)), 1e-6)
    return np.clip(inverse / nearest, FARTHEST, 1.0).astype(np.float32)
