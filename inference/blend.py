"""How much of the carried picture is let through at each pixel of a decoded frame.

Owns that one mask. Never moves a pixel (`inference.carry`) and never invents one. Runs on the caller's thread.

A latent of 8x8 pixels and 4 frames cannot hold a photograph's texture, yet most of every frame is the photograph,
moved. The decoder says what is where; the carried picture says it in full. Where both agree but for texture, the
carried pixels stand; where the picture was carried to the wrong place, the decoder's do. Where the picture shows
nothing the carried frame is only filled softly, and which of the two is nearer to the truth is learnt as everywhere:
a better generator needs a new mask.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from inference.config import BlendConfig

CELL = 4  # pixels of a cell's side: the network looks at cells and answers for each of their pixels
_SEEN = 7  # numbers of a pixel: what the decoder says otherwise, the carried colour, and how far it is shown
_CONTRAST = 4.0  # differences are small beside colours, and matter more


class BlendNet(nn.Module):
    """Three convolutions over cells of 4x4 pixels. It begins by letting half through."""

    def __init__(self, config: BlendConfig) -> None:
        super().__init__()
        self.config = config
        self.look = nn.Conv2d(_SEEN * CELL * CELL, config.width, 1)
        self.around = nn.Conv2d(config.width, config.width, 3, padding=1)
        self.out = nn.Conv2d(config.width, CELL * CELL, 3, padding=1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]  # Conv2d.bias is Optional in the stubs

    def forward(self, decoded: Tensor, carried: Tensor, shown: Tensor) -> Tensor:
        """decoded, carried: [M, 3, H, W] about [-1, 1]; shown: [M, 1, H, W] in [0, 1], how far the picture shows what
        belongs at a pixel. Returns [M, 3, H, W].
        """
        seen = torch.cat([_CONTRAST * (decoded - carried), carried, shown], dim=1)  # [M, 7, H, W]
        # The 1x1 convolution of pixel_unshuffle(seen, CELL), without moving every number first.
        whole_cells = self.look.weight.view(-1, _SEEN, CELL, CELL)
        x = F.silu(F.conv2d(seen, whole_cells, self.look.bias, stride=CELL))  # [M, width, H/4, W/4]
        x = F.silu(self.around(x))
        through = torch.sigmoid(F.pixel_shuffle(self.out(x), CELL))  # [M, 1, H, W]
        return torch.lerp(decoded, carried, through)
