"""The classical answer to the same question: the first frame warped along the tracks by moving least squares.

Owns the baseline. Never learns anything and knows nothing of the model. Pure functions of arrays, any thread.

Schaefer et al., "Image deformation using moving least squares" (2006), taken backwards: for each pixel of frame t, a
weighted fit to the tracks visible in frame t says where the pixel was in frame 0. A hidden track says nothing
(occlusion by track visibility). Away from every track the picture is taken to stand still. The settings were chosen on
the world's split "held", never on the clips that are reported.
"""

from __future__ import annotations

import cv2
import numpy as np

from inference.tracks import Tracks

STEP = 4  # pixels between the places where the fit is solved; bilinear between them
SOFT = 1.0  # pixels: the weight of a track is 1 / (distance^2 + SOFT^2)^3
STIFF = 2.0  # pixels: how much spread of tracks it takes before a fit turns and stretches rather than shifts
REACH = 30.0  # pixels: at this distance from the nearest track 1/e of its motion is left
SHARP = 4  # of the fall: exp(-(distance / REACH)^SHARP)


def warp(picture: np.ndarray, tracks: Tracks) -> np.ndarray:
    """picture uint8 [H, W, 3] and tracks whose row 0 lies in it -> video uint8 [T, H, W, 3]; frame 0 is the picture."""
    cv2.setNumThreads(1)
    height, width = picture.shape[:2]
    pixels = tracks.xy.astype(np.float64) * [width, height]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    video = [picture]
    for t in range(1, len(tracks)):
        seen = tracks.visible[t]
        shift = _field(pixels[t, seen], pixels[0, seen] - pixels[t, seen], width, height)  # [H, W, 2]
        at = x + shift[..., 0], y + shift[..., 1]
        video.append(cv2.remap(picture, *at, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))
    return np.stack(video)


def _field(at: np.ndarray, shift: np.ndarray, width: int, height: int) -> np.ndarray:
    """float32 [H, W, 2] from the shifts [N, 2] of points at [N, 2], pixels."""
    if not len(at):
        return np.zeros((height, width, 2), np.float32)
    columns, rows = -(-width // STEP), -(-height // STEP)
    grid = np.stack(np.meshgrid(np.arange(columns) + 0.5, np.arange(rows) + 0.5), axis=2).reshape(-1, 2) * STEP
    coarse = moving_least_squares(grid, at, shift).reshape(rows, columns, 2).astype(np.float32)
    fine = cv2.resize(coarse, (columns * STEP, rows * STEP), interpolation=cv2.INTER_LINEAR)
    return fine[:height, :width]


def moving_least_squares(places: np.ndarray, at: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """The shift [G, 2] of places [G, 2] by the weighted affine fit to shifts [N, 2] at [N, 2], N > 0; pixels."""
    x, y = at.T
    squared = (places[:, :1] - x) ** 2 + (places[:, 1:] - y) ** 2  # [G, N]
    softened = squared + SOFT**2
    weight = 1 / (softened * softened * softened)
    weight /= weight.sum(axis=1, keepdims=True)
    moments = np.stack([x, y, x * x, x * y, y * y], axis=1)
    mean_x, mean_y, xx, xy, yy = (weight @ moments).T  # [G] each
    xx, xy, yy = xx - mean_x**2 + STIFF**2, xy - mean_x * mean_y, yy - mean_y**2 + STIFF**2
    middle = weight @ shift  # [G, 2]
    along_x = weight @ (shift * x[:, None]) - middle * mean_x[:, None]
    along_y = weight @ (shift * y[:, None]) - middle * mean_y[:, None]
    # The 2x2 system of each place, by its closed form: slopes of the shift in x and in y.
    slope_x = (along_x * yy[:, None] - along_y * xy[:, None]) / (xx * yy - xy * xy)[:, None]
    slope_y = (along_y * xx[:, None] - along_x * xy[:, None]) / (xx * yy - xy * xy)[:, None]
    fitted = middle + slope_x * (places[:, :1] - mean_x[:, None]) + slope_y * (places[:, 1:] - mean_y[:, None])
    near = np.exp(-((np.sqrt(squared.min(axis=1)) / REACH) ** SHARP))
    return fitted * near[:, None]
