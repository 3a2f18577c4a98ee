"""What the engine, the command line and the demo need of a stream, so that tests can give them one without a model.

Owns the protocol alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from inference.motion.said import Said
from inference.tracks import Tracks


class StreamLike(Protocol):
    """What the engine needs of `inference.stream.Stream`."""

    frames_per_chunk: int
    fps: float
    size: tuple[int, int]
    timings_ms: dict[str, float]
    context_frames: dict[str, tuple[int, int]]  # (first, last) of "sink", "window", "current"; replaced with each chunk
    motion: np.ndarray
    max_tracks: int

    @property
    def computed_by(self) -> str:
        """ "torch", "openvino", or "choosing"."""

    def open(self, picture: np.ndarray, prompt: str = "", seed: int = 0) -> np.ndarray:
        """Raises UserError only before anything changed, so that what ran before runs on."""

    def depth(self) -> np.ndarray:
        """Relative inverse depth of the picture, float32 [h, w]; the same array until it changes."""

    def set_depth(self, depth: np.ndarray | None) -> None: ...
    def belongs(self, places: np.ndarray) -> np.ndarray:
        """How far each place of the picture goes along with what is grabbed at `places` [N, 2]: float32 [h, w]."""

    def together(self, places: np.ndarray, middle: int) -> np.ndarray:
        """Which `places` [N, 2] of the newest frame show one thing with the one in the middle: bool [N]."""

    def said(self, prompt: str) -> Said:
        """What a sentence moves in the picture."""

    def anchor(self, tracks: Tracks) -> None: ...
    def set_prompt(self, prompt: str) -> None: ...
    def advance(self, tracks: Tracks) -> np.ndarray: ...
    def make(self, tracks: Tracks) -> Any: ...
    def decode(self, chunk: Any) -> Iterator[np.ndarray]:
        """Of what `make` gave, in order, frame after frame; on the decoding thread."""
