"""Depth by a larger model that a person has: Depth Anything V2 as an ONNX file, or MoGe as its own checkpoint.

Owns opening such a file and asking it about one picture. Ships nothing, fetches nothing and never unpickles: an ONNX
file is run by OpenVINO, a checkpoint is read with `weights_only` by MoGe's own package, which has not to be
installed before it is asked for. What comes out has the form of `inference.depth`. Any one thread, for seconds.

- Depth Anything V2 (Yang et al., arXiv 2406.09414): one input [1, 3, H, W], one output [1, H, W] or [1, 1, H, W],
  relative inverse depth. Sides divide by 14; where the file leaves them open the longer one is SIDE.
- MoGe (Wang et al., arXiv 2410.19115 and 2507.02546): `MoGeModel.from_pretrained(file).infer(image)["depth"]`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from inference.depth import relative
from inference.errors import UserError, as_user_error

Size = tuple[int, int]  # (width, height)
DepthModel = Callable[[np.ndarray, Size], np.ndarray]  # uint8 [H, W, 3] to relative inverse depth at a size, float32

SIDE = 518  # pixels of the longer side, where a file leaves the size open: what Depth Anything V2 was trained at
PATCH = 14  # pixels: the sides divide by it
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, as its export is used
FLATTEST = 1e-3  # of the nearest: an answer that differs by less says nothing
_KEPT = "The depth stays as it is."
_NEXT = "Choose a Depth Anything V2 in ONNX, or a model.pt of MoGe."


def open_depth_model(file: Path) -> DepthModel:
    """What a file holds, ready to be asked. Raises UserError where the file, or what runs it, is missing or wrong."""
    if not file.is_file():
        raise UserError(f"There is no depth model at {file}.", _KEPT, _NEXT)
    kinds: dict[str, Callable[[Path], DepthModel]] = {".onnx": _OnnxDepth, ".pt": _MoGeDepth, ".pth": _MoGeDepth}
    opened = kinds.get(file.suffix.lower())
    if opened is None:
        raise UserError(f"{file.name} is no depth model that can be opened.", _KEPT, _NEXT)
    return opened(file)


class _OnnxDepth:
    """A network of one picture and one map, run on one thread: the other cores are the video's."""

    def __init__(self, file: Path) -> None:
        try:
            from inference.onnx_network import OnnxNetwork
        except ImportError:
            raise UserError(
                "Depth models in ONNX are run by OpenVINO, which is not installed.",
                _KEPT,
                "Install it with: pip install openvino",
            ) from None
        self._name = file.name
        try:
            self._run = OnnxNetwork(file, threads=1)
        except Exception as error:  # a file can be damaged in many ways
            raise UserError(f"{file.name} is damaged, or is no ONNX model.", _KEPT, _NEXT) from error
        if "points" in self._run.outputs:
            raise UserError(
                f"{file.name} is MoGe in ONNX, which says depth only up to a shift.", _KEPT, "Choose MoGe's model.pt."
            )
        shapes = self._run.input_shapes
        if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][1] != 3 or self._run.ranks[0] not in (3, 4):
            raise self._no_depth()
        self._fixed = shapes[0][2:]  # (H, W), 0 where open

    def __call__(self, picture: np.ndarray, size: Size) -> np.ndarray:
        height, width = picture.shape[:2]
        longer = max(height, width)
        free = (max(PATCH, round(side * SIDE / longer / PATCH) * PATCH) for side in (height, width))
        asked_size = [fixed or side for fixed, side in zip(self._fixed, free, strict=True)]
        pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 255  # [1, 3, H, W]
        scaled = F.interpolate(pixels, asked_size, mode="bicubic", align_corners=False, antialias=True).clamp(0, 1)
        mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
        try:
            answer = self._run(((scaled - mean) / std).numpy())
        except Exception as error:
            raise as_user_error(error, f"{self._name} could not look at the picture", _KEPT, _NEXT) from error
        if answer.size != answer.shape[-1] * answer.shape[-2]:
            raise self._no_depth()
        return _told(self._name, answer.reshape(answer.shape[-2:]), size)

    def _no_depth(self) -> UserError:
        return UserError(f"{self._name} is an ONNX model, but not one that makes depth of a picture.", _KEPT, _NEXT)


class _MoGeDepth:
    """MoGe, version 1 or 2, run by the package it comes with."""

    def __init__(self, file: Path) -> None:
        try:
            from moge.model import import_model_class_by_version
        except ImportError:
            raise UserError(
                "A .pt file is opened by MoGe's own package, which is not installed.",
                _KEPT,
                "Install MoGe (github.com/microsoft/MoGe), or choose a Depth Anything V2 in ONNX.",
            ) from None
        self._name = file.name
        try:
            config = torch.load(file, map_location="cpu", weights_only=True)["model_config"]
            version = "v2" if isinstance(config["encoder"], dict) else "v1"  # the first names its encoder by a word
            self._model: Any = import_model_class_by_version(version).from_pretrained(file).eval()
        except Exception as error:  # damaged files meet every fault that torch can raise
            raise UserError(f"{file.name} is damaged, or is no model of MoGe.", _KEPT, _NEXT) from error

    def __call__(self, picture: np.ndarray, size: Size) -> np.ndarray:
        image = torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255  # [3, H, W]
        try:
            depth = self._model.infer(image, use_fp16=False)["depth"].float().cpu().numpy()  # inf where there is none
        except Exception as error:
            raise as_user_error(error, f"{self._name} could not look at the picture", _KEPT, _NEXT) from error
        near = np.isfinite(depth) & (depth > 0)
        return _told(self._name, np.where(near, 1.0 / np.where(near, depth, 1.0), 0.0), size)


def _told(name: str, inverse: np.ndarray, size: Size) -> np.ndarray:
    """Inverse depth [H, W] in any unit, if it says anything, as depth at `size`."""
    if not np.isfinite(inverse).all() or np.ptp(inverse) <= FLATTEST * max(float(inverse.max()), 0.0):
        raise UserError(f"{name} finds no depth in this picture.", _KEPT, "Choose another model, or paint it.")
    found = torch.from_numpy(inverse.astype(np.float32))[None, None]  # [1, 1, H, W]
    scaled = F.interpolate(found, size[::-1], mode="bilinear", align_corners=False, antialias=True)
    return relative(scaled[0, 0].numpy())
