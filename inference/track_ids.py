"""Who brings a track, written into its id, so that a session file and whoever reads tracks knows it too.

Owns the numbering. A handle's grid has ids from 0 on; those of a source (`inference.motion.director`) are negative. A
tracks file from elsewhere has ids of its own, which say nothing. Pure functions; any thread.
"""

from __future__ import annotations

import numpy as np

IDS_PER_HANDLE = 64  # ids are handle.id * 64 + k, k the row-major place in the grid
BIRTH_STRIDE = IDS_PER_HANDLE << 32  # a grid laid anew gets ids of its own and leaves handle.id readable below
SOURCE_IDS = 1 << 24  # tracks that one source may number
MANY = 160  # tracks that one holder brings, six hands' whole grids: more are a crowd
CAMERA = 0  # the key of the camera's own points, as a source
# Holders of which ids do not tell:
A_FILE = np.iinfo(np.int64).min  # who brings the tracks of a file
PARTS = -(1 << 62)  # who brings the things that move in a crowd (`inference.parting`): this and below, to A_FILE


def grid_ids(handle: int, birth: int, places: np.ndarray) -> np.ndarray:
    """int64 [N], of the places [N] in the grid that a handle laid for the `birth`th time, from 0 on."""
    return (birth * BIRTH_STRIDE + handle * IDS_PER_HANDLE + places).astype(np.int64)


def source_ids(key: int, numbers: np.ndarray) -> np.ndarray:
    """The ids of a source's tracks, int64 [N]. numbers: int [N], from 0 to SOURCE_IDS - 1."""
    return -(np.int64(key) * SOURCE_IDS + numbers.astype(np.int64) + 1)


def holder_of(ids: np.ndarray) -> np.ndarray:
    """Who brings each track: int64 [N], the `Handle.id`, or -1 - key of a source."""
    return np.where(ids >= 0, ids % BIRTH_STRIDE // IDS_PER_HANDLE, -1 - (-(ids + 1) // SOURCE_IDS))


SCENE = int(holder_of(source_ids(CAMERA, np.zeros(1, np.int64)))[0])  # who brings what holds no thing
