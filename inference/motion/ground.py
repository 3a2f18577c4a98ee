"""The depth of a picture that nobody has looked at: a floor that meets a far wall.

Owns that one guess. Never looks at a picture and never needs a model. Pure, any thread.
"""

from __future__ import annotations

import numpy as np

FARTHEST = 0.01  # relative inverse depth is never less: a hundred times as far as the nearest, where nothing moves
WALL = 0.08  # inverse depth of the wall: about twelve times as far as the nearest floor


def ground_inverse_depth(width: int, height: int, horizon: float = 0.45) -> np.ndarray:
    """1/z of a floor seen by a level camera, float32 [h, w]: 1 in the lowest row, WALL from just below the horizon up.

    On a plane 1/z grows linearly from the horizon down. horizon: its height on the picture, 0 the top. Raises
    ValueError where no floor would be in view.
    """
    if not 0.0 <= horizon < (height - 0.5) / height:
        raise ValueError(f"a horizon at {horizon} leaves no floor in a picture of {height} rows")
    row = (np.arange(height) + 0.5) / height
    floor = (row - horizon) / (row[-1] - horizon)
    return np.repeat(np.maximum(floor, WALL)[:, None], width, axis=1).astype(np.float32)
