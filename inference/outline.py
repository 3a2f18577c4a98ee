"""Where a held thing ends: its outline, in pixels.

Owns how a network's guess becomes an outline. Never decides what is likely (`inference.segmenter`) nor moves anything.
Runs on the caller's thread.
"""

from __future__ import annotations

import cv2
import numpy as np

THING = 0.4  # what is likelier than this is the thing: a part left behind is seen sooner than a rim taken along;
SURE = 0.5  # of one in a crowd, where what lies beside it is known and moves as well, what is likelier than this
TAIL, GAP = 0.25, 0.06  # of what is held itself: a part beside it that comes along, a tail by a stem too thin to be
# seen, is no larger; and picture heights: and no further off
AT = 0.02  # picture heights: what lies this near to a hold is the thing for certain
RIM = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))  # a pixel of its rim that a thing takes along; one in a crowd
# takes none, for what lies beside it goes along with something else
SOFT = 0.4  # pixels, of the Gaussian that softens the edge


def outlined(likely: np.ndarray, size: tuple[int, int], held: np.ndarray, denied: np.ndarray) -> np.ndarray:
    """How far each pixel is the thing, float32 [H, W] in [0, 1]: the parts that are held of what is likely.

    likely: float32 [h, w] in [0, 1]; size: (W, H); held, denied: places on the thing [n, 2] and beside it [m, 2] for
    certain, normalised; with any of the second, it is a crowd's.
    """
    width, height = size
    fine = cv2.resize(likely, size, interpolation=cv2.INTER_LINEAR)
    thing = (fine > (SURE if len(denied) else THING)).astype(np.uint8)
    _mark(thing, denied, 0)
    _mark(thing, held, 1)
    inside = held[((held >= 0) & (held < 1)).all(1)]
    at = (inside[:, 1] * height).astype(int), (inside[:, 0] * width).astype(int)
    count, parts, about, _ = cv2.connectedComponentsWithStats(thing)
    areas = about[:, cv2.CC_STAT_AREA]
    wanted = np.zeros(count, np.bool_)
    wanted[np.unique(parts[at])] = True
    if not len(denied):
        reach = 2 * round(GAP * height) + 1
        around = cv2.dilate(wanted[parts].astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
        near = np.unique(parts[(thing > 0) & around])
        wanted[near[areas[near] < TAIL * areas[wanted].sum()]] = True
    wanted[0] = False  # what is no thing
    found = wanted[parts].astype(np.float32)
    found = found if len(denied) else cv2.dilate(found, RIM)
    return cv2.GaussianBlur(found, (0, 0), SOFT, borderType=cv2.BORDER_REPLICATE)


def _mark(thing: np.ndarray, places: np.ndarray, value: int) -> None:
    height, width = thing.shape
    for x, y in places.tolist():
        cv2.circle(thing, (int(x * width), int(y * height)), max(2, round(AT * height)), value, -1)
