"""A contact sheet of clips to look at: `python -m training.world.sheet --out sheet.png`.

Owns the layout: one clip a row, a few frames across, tracks of some points over the last one. Makes nothing new.
"""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from training.world.clip import Clip, make_clip
from training.world.compose import STYLES
from training.world.library import load_library

_LINE = 18  # pixels of caption under a row


def row(clip: Clip, across: int) -> np.ndarray:
    """uint8 [H + caption, across * W, 3]: frames evenly in time, visible tracks of some points over the last."""
    chosen = np.linspace(0, len(clip.frames) - 1, across).round().astype(int)
    tiles = [clip.frames[t].copy() for t in chosen]
    height, width = tiles[0].shape[:2]
    pixels = clip.tracks * [width, height]
    for n in range(0, clip.tracks.shape[1], 5):
        colour = (255, 210, 60) if clip.owner[n] >= 0 else (90, 220, 255)
        line = pixels[clip.visible[:, n], n]
        cv2.polylines(tiles[-1], [np.round(line * 8).astype(np.int32)], False, colour, 1, cv2.LINE_AA, 3)
    caption = np.full((_LINE, width * across, 3), 24, np.uint8)
    cv2.putText(caption, clip.caption, (4, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (235, 235, 235), 1, cv2.LINE_AA)
    return np.concatenate([np.concatenate(tiles, axis=1), caption])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Draw a contact sheet of clips.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--across", type=int, default=5, help="frames of each clip")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first clip")
    parser.add_argument("--size", default="256x144")
    parser.add_argument("--frames", type=int, default=17)
    parser.add_argument("--split", default="train")
    parser.add_argument("--style", choices=("any", *STYLES), default="any")
    options = parser.parse_args(arguments)
    width, height = (int(side) for side in options.size.split("x"))
    library = load_library(options.split)
    rows = [
        row(
            make_clip(library, seed, width=width, height=height, frames=options.frames, style=options.style),
            options.across,
        )
        for seed in range(options.seed, options.seed + options.clips)
    ]
    cv2.imwrite(str(options.out), cv2.cvtColor(np.concatenate(rows), cv2.COLOR_RGB2BGR))
    return 0


if __name__ == "__main__":
    sys.exit(main())
