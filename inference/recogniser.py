"""What a thing of a picture looks like, in numbers that names can be compared with: EfficientNet-Lite1.

Owns the network's shape, the reading of its asset, and how a thing is cut out for it. Never trains, and never fetches
anything: the weights lie in `assets/models/recogniser`, made by `python -m training.recogniser`. It was made to tell
the thousand kinds of ImageNet apart; what is used are the numbers it tells them by. Runs on the caller's thread, once a
prompt; holds no state between calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from inference.errors import UserError

WEIGHTS_FILE = "model.safetensors"
WIDTH = 1280  # numbers of a thing
SIDE = 160  # pixels of a cut-out
RIM = 0.12  # of a thing's longer side, around it
# Expansion, width, repeats, kernel, stride of the first repeat.
STAGES = (
    (1, 16, 1, 3, 1), (6, 24, 3, 3, 2), (6, 40, 3, 5, 2), (6, 80, 4, 3, 2), (6, 112, 4, 5, 1), (6, 192, 5, 5, 2),
    (6, 320, 1, 3, 1),
)  # fmt: skip


class SamePadded(nn.Conv2d):
    """A convolution padded as TensorFlow does, where these weights come from: at a stride, more at the far side."""

    def __init__(self, inward: int, outward: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inward, outward, kernel, stride, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        down, across = ((-(-side // stride) - 1) * stride + kernel - side for side in x.shape[2:])
        down, across = max(down, 0), max(across, 0)
        return super().forward(F.pad(x, (across // 2, across - across // 2, down // 2, down - down // 2)))


def norm(width: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(width, eps=1e-3)


class Block(nn.Module):
    """An inverted residual; its parts are named as in the weights file."""

    def __init__(self, inward: int, outward: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inward * expansion
        if expansion > 1:
            self._expand_conv, self._bn0 = SamePadded(inward, hidden, 1), norm(hidden)
        self._depthwise_conv, self._bn1 = SamePadded(hidden, hidden, kernel, stride, hidden), norm(hidden)
        self._project_conv, self._bn2 = SamePadded(hidden, outward, 1), norm(outward)
        self.residual = stride == 1 and inward == outward
        self.widens = expansion > 1

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.widens else x
        y = self._bn2(self._project_conv(F.relu6(self._bn1(self._depthwise_conv(y)))))
        return x + y if self.residual else y


def blocks(stages: Sequence[tuple[int, int, int, int, int]]) -> nn.ModuleList:
    """Of stages as STAGES, after a stem of 32 channels."""
    found, width = [], 32
    for expansion, outward, repeats, kernel, stride in stages:
        for i in range(repeats):
            found.append(Block(width, outward, kernel, stride if i == 0 else 1, expansion))
            width = outward
    return nn.ModuleList(found)


class Recogniser(nn.Module):
    """Cut-outs to what they look like; its parts are named as in the weights file."""

    WIDTHS = (24, 40, 112, 320)  # channels of `levels`

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = SamePadded(3, 32, 3, 2), norm(32)
        self._blocks = blocks(STAGES)
        self._conv_head, self._bn1 = SamePadded(STAGES[-1][1], WIDTH, 1), norm(WIDTH)

    @classmethod
    def load(cls, folder: Path) -> Recogniser:
        """Reads the folder that `python -m training.recogniser` wrote. Raises UserError where it cannot."""
        net = cls()
        try:
            net.load_state_dict(load_file(folder / WEIGHTS_FILE))
        except (OSError, SafetensorError, RuntimeError) as error:
            raise UserError(
                f"The network that recognises things, in {folder}, cannot be read: {error}.",
                next="Install the application again, or run `python -m training.recogniser` in its source folder.",
            ) from error
        return net.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, cut: Tensor, masks: Tensor) -> Tensor:
        """cut: [K, 3, SIDE, SIDE] in [-1, 1]; masks: [K, 1, SIDE, SIDE], where the thing is: [K, WIDTH]."""
        x = F.relu6(self._bn0(self._conv_stem(cut)))
        for block in self._blocks:
            x = block(x)
        x = F.relu6(self._bn1(self._conv_head(x)))  # [K, WIDTH, 5, 5]
        share = F.adaptive_avg_pool2d(masks, (x.shape[2], x.shape[3]))
        return (x * share).sum((2, 3)) / share.sum((2, 3)).clamp_min(1e-3)

    def levels(self, picture: Tensor) -> list[Tensor]:
        """What is seen of pictures [B, 3, H, W] in [-1, 1] at a quarter, an eighth, a sixteenth and a thirty-second of
        their size: [B, WIDTHS[i], h, w] each.
        """
        x, found = F.relu6(self._bn0(self._conv_stem(picture))), dict[int, Tensor]()
        for block in self._blocks:
            x = block(x)
            found[x.shape[1]] = x
        return [found[width] for width in self.WIDTHS]

    @torch.no_grad()
    def seen(self, picture: np.ndarray, things: Sequence[np.ndarray]) -> Tensor:
        """What things, bool [h, w] each, of a picture, uint8 [H, W, 3], look like: float32 [K, WIDTH]."""
        parts = [cut_out(picture, thing) for thing in things]
        cut = torch.from_numpy(np.stack([part for part, _ in parts])).permute(0, 3, 1, 2).float() / 127.5 - 1.0
        masks = torch.from_numpy(np.stack([mask for _, mask in parts]))[:, None].float() / 255
        device = self._conv_stem.weight.device
        answer: Tensor = self(cut.to(device, memory_format=torch.channels_last), masks.to(device))
        return answer


def cut_out(picture: np.ndarray, thing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The square around a thing, uint8 [SIDE, SIDE, 3], and where in it the thing is, uint8 [SIDE, SIDE] to 255."""
    height, width = picture.shape[:2]
    mask = cv2.resize(thing.astype(np.uint8) * 255, (width, height), interpolation=cv2.INTER_LINEAR)
    y, x = np.nonzero(mask > 127)
    side = (max(np.ptp(x), np.ptp(y)) + 1) * (1 + 2 * RIM)
    by = SIDE / side
    middle = np.array([x.min() + x.max() + 1, y.min() + y.max() + 1]) / 2
    to_cut = np.array([[by, 0, SIDE / 2 - middle[0] * by], [0, by, SIDE / 2 - middle[1] * by]])
    cut = cv2.warpAffine(picture, to_cut, (SIDE, SIDE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    return cut, cv2.warpAffine(mask, to_cut, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
