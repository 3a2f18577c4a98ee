"""Tracks that were made elsewhere, played by the video's own time as a source of their own.

Owns the value `LentTracks`. Never reads a file (`inference.track_arrays`). Frozen; any thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from inference.motion.director import Span
from inference.track_ids import source_ids
from inference.tracks import Tracks


@dataclass(frozen=True, eq=False)
class LentTracks:
    """Row 0 of `lent` is shown `delay_s` after it began, and the last row stays. Before that there are none of them.
    key: another one for every playing; number: by which its tracks have their ids, the same for every playing, so that
    they are known again. fps: rows a second.
    """

    key: int
    number: int
    lent: Tracks
    fps: float
    delay_s: float = 0.0
    whole: ClassVar[bool] = False

    def tracks(self, span: Span, began: int) -> Tracks:
        rows = (span.video_s(began) - self.delay_s) * self.fps
        if rows[-1] < 0.0:
            return Tracks.empty(span.frames)
        shown = self.lent.at(np.clip(rows, 0, len(self.lent) - 1))
        return Tracks(shown.xy, shown.visible, source_ids(self.number, np.arange(self.lent.ids.size)))

    @property
    def ends_s(self) -> float:
        """When its last row is reached, from the start of the playing."""
        return self.delay_s + (len(self.lent) - 1) / self.fps
