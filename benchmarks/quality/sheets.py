"""Contact sheets: the picture, then truth, model and warp side by side, of clips chosen by their place in the list.

Owns the layout. Never measures. Any thread.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

EVERY = 4  # of the list: 12 clips of 48, the same in each stratum, chosen by index and not by looks
SHOWN = ("truth", "model", "warp")
TIMES = (24, 48)  # frames
_TITLE = 18  # pixels


def row(videos: dict[str, np.ndarray]) -> np.ndarray:
    """uint8 [H, 7W, 3]: one clip."""
    parts = [videos["truth"][0]]
    for t in TIMES:
        parts += [videos[who][min(t, len(videos[who]) - 1)] for who in SHOWN]
    return np.concatenate(parts, axis=1)


def titled(rows: list[np.ndarray]) -> np.ndarray:
    """uint8: the rows of a sheet under a line that names the columns."""
    names = ["picture", *(f"{who}, frame {t}" for t in TIMES for who in SHOWN)]
    width = rows[0].shape[1] // len(names)
    title = np.full((_TITLE, rows[0].shape[1], 3), 255, np.uint8)
    for i, name in enumerate(names):
        cv2.putText(title, name, (i * width + 4, _TITLE - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    return np.concatenate([title, *rows])


def save(folder: Path, rows: dict[str, list[np.ndarray]]) -> list[Path]:
    """One JPEG a stratum, `quality_<stratum>.jpg`; the paths written."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for stratum, those in rows.items():
        path = folder / f"quality_{stratum}.jpg"
        Image.fromarray(titled(those)).save(path, quality=88)
        paths.append(path)
    return paths
