"""Points followed by CoTracker3, where a person has installed it and has its weights.

Owns the one way in which it is asked: its online predictor, window after window, so that a long video needs no more
memory than a short one. It does what `point_tracks.followed` does, from frames to points. Its code and its weights are
for non-commercial use (CC-BY-NC 4.0): neither is shipped or fetched, and nothing here imports it before it is asked
for. A checkpoint is read with `weights_only`. One thread at a time. (Karaev et al., arXiv 2410.11831.)

It is asked about a grid of the first frame, and about coarser ones of later frames, for what comes into view. A point
counts from there until it is seen for the last time or leaves the frame: where something passes before it, its place is
CoTracker's guess.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from inference.errors import UserError
from inference.motion.point_tracks import Seen

FIRST, LATER = (20, 12), (10, 6)  # points across and down
EVERY, GRIDS = 90, 10  # frames from one grid to the next, and how many: all are asked about in advance
ONLINE_WINDOW = 16  # frames; the offline weights know 60
_KEPT = "What was borrowed before stays."


class CoTracker:
    """`point_tracks.Follow` by a checkpoint. Raises UserError where the package or a sound file is missing."""

    def __init__(self, checkpoint: Path) -> None:
        try:
            from cotracker.predictor import CoTrackerOnlinePredictor
        except ImportError:
            raise UserError(
                "CoTracker is not installed.",
                _KEPT,
                "Install it from github.com/facebookresearch/co-tracker (non-commercial), or follow with OpenCV.",
            ) from None
        if not checkpoint.is_file():
            raise UserError(
                f"There is no checkpoint at {checkpoint}.", _KEPT, "Choose it again, or follow with OpenCV."
            )
        try:
            state = torch.load(checkpoint, map_location="cpu", weights_only=True)
            state = state.get("model", state)
            window = int(state["time_emb"].shape[1])
            predictor: Any = CoTrackerOnlinePredictor(checkpoint=None, window_len=window)
            predictor.model.load_state_dict(state)
        except Exception as error:  # a damaged file meets every fault that torch can raise
            raise UserError(
                f"{checkpoint.name} is damaged, or is no checkpoint of CoTracker3.", _KEPT, "Choose scaled_online.pth."
            ) from error
        if window != ONLINE_WINDOW:
            raise UserError(
                f"{checkpoint.name} looks at whole videos at once.", _KEPT, "Choose scaled_online.pth instead."
            )
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._predictor = predictor.to(self._device)

    @torch.inference_mode()
    def __call__(self, images: Iterator[np.ndarray]) -> list[Seen]:
        """Where the points are in each frame, uint8 [H, W, 3] of one size."""
        first = next(images, None)
        if first is None:
            return []
        height, width = first.shape[:2]
        queries = _queries(width, height)
        step = self._predictor.step
        self._predictor(self._chunk([first]), is_first_step=True, queries=queries.to(self._device)[None])
        window: list[np.ndarray] = []
        count, told = 0, None
        for image in chain([first], images):
            window, count = [*window[-2 * step + 1 :], image], count + 1
            if count % step == 0 and count >= 2 * step:
                told = self._predictor(self._chunk(window))
        looked = count // step * step if count >= 2 * step else 0
        if count > looked:  # the last window is shorter: one step that was seen before, and what is left
            told = self._predictor(self._chunk(window[-(step + count - looked) :] if looked else window))
        assert told is not None
        xy, visible = (answer[0, :count].cpu().numpy() for answer in told)  # [T, N, 2], [T, N]
        return _seen(xy, visible, queries[:, 0].numpy().astype(np.int64), (width, height))

    def _chunk(self, images: list[np.ndarray]) -> Tensor:
        return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)[None].float().to(self._device)  # [1, T, 3, H, W]


def _queries(width: int, height: int) -> Tensor:
    """(frame, x, y) of every point, float32 [N, 3], pixel centres at whole numbers, by rising frame."""
    rows = []
    for number in range(GRIDS):
        across, down = FIRST if number == 0 else LATER
        x, y = np.meshgrid((np.arange(across) + 0.5) / across * width, (np.arange(down) + 0.5) / down * height)
        rows.append(np.stack([np.full(x.size, number * EVERY), x.ravel() - 0.5, y.ravel() - 0.5], axis=1))
    return torch.from_numpy(np.concatenate(rows).astype(np.float32))


def _seen(xy: np.ndarray, visible: np.ndarray, born: np.ndarray, size: tuple[int, int]) -> list[Seen]:
    """Of tracks [T, N, 2] and whether they are seen [T, N], what counts in each frame. born: frames, int64 [N]."""
    frames = np.arange(len(xy))[:, None]
    last = np.where(visible & (frames >= born), frames, born).max(axis=0)  # [N]
    inside = ((xy >= -0.5) & (xy < np.array(size) - 0.5)).all(axis=2) | (frames < born)
    counts = (frames >= born) & (frames <= last) & np.logical_and.accumulate(inside, axis=0)
    return [Seen(np.flatnonzero(row), (at[row] + 0.5).astype(np.float32)) for at, row in zip(xy, counts, strict=True)]
