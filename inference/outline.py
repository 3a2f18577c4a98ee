"""Where a held thing ends: its outline, found at the picture's own edges.

Owns the cut (GrabCut: Rother, Kolmogorov, Blake, 2004; OpenCV's) between what a network thinks likely and what it
denies. Never decides what is likely (`inference.affinity`) nor moves anything. Runs on the caller's thread.

A network that sees cells of four pixels knows that a thing is there, less well where it ends: what lies around it comes
along as a halo. Colours know the edge, but not which of many colours are the thing. Together they know both
(docs/log.md, "Outlines").
"""

from __future__ import annotations

import cv2
import numpy as np

DENIED = 0.1  # what is less likely than this is background for certain
CLAIMED = 0.5  # what is more likely is taken for the thing, to begin with
AT = 0.02  # picture heights: what lies this near to the hold is the thing for certain
PASSES = 1  # more change little, and each costs as much as the first
MARGIN = 32  # pixels around what is likely that the background's colours are learnt from
TRUSTED = 0.15  # of what was likely: a cut that leaves less has lost the thing
WIDER = 3  # pixels: a thing takes its rim along, rather than leave it behind as its outline
SOFT = 0.4  # pixels, of the Gaussian that softens the edge


def outlined(picture: np.ndarray, likely: np.ndarray, held: np.ndarray, denied: np.ndarray) -> np.ndarray:
    """How far each pixel is the thing, float32 [H, W] in [0, 1].

    picture: uint8 [H, W, 3]; likely: float32 [h, w] in [0, 1], of a picture of any size; held, denied: places on the
    thing [n, 2] and beside it [m, 2] for certain, normalised. The same input gives the same answer. Where nothing is
    to be cut, or the cut loses the thing, what was likely comes back.
    """
    height, width = picture.shape[:2]
    likely = cv2.resize(likely, (width, height), interpolation=cv2.INTER_LINEAR)
    mask = np.where(likely > CLAIMED, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    mask[likely < DENIED] = cv2.GC_BGD
    for places, known in ((denied, cv2.GC_BGD), (held, cv2.GC_FGD)):
        for x, y in places.tolist():
            cv2.circle(mask, (int(x * width), int(y * height)), max(2, round(AT * height)), known, -1)
    rows, columns = (np.flatnonzero((mask != cv2.GC_BGD).any(axis)) for axis in (1, 0))
    if not rows.size:
        return likely
    part = tuple(slice(max(0, x[0] - MARGIN), x[-1] + 1 + MARGIN) for x in (rows, columns))
    inside = np.ascontiguousarray(mask[part])
    if not _thing(inside).any() or _thing(inside).all():  # a hold may lie outside the picture
        return likely
    cv2.setRNGSeed(0)  # of the colours' clusters
    behind, thing = np.zeros((1, 65)), np.zeros((1, 65))  # the colours of either, to be filled
    whole = (0, 0, *inside.shape[::-1])  # where a mask begins, not looked at
    cv2.grabCut(np.ascontiguousarray(picture[part]), inside, whole, behind, thing, PASSES, cv2.GC_INIT_WITH_MASK)
    found = np.zeros((height, width), np.float32)
    found[part] = cv2.dilate(_thing(inside).astype(np.float32), np.ones((WIDER, WIDER), np.uint8))
    if found.sum() < TRUSTED * likely.sum():
        return likely
    return cv2.GaussianBlur(found, (0, 0), SOFT, borderType=cv2.BORDER_REPLICATE)


def _thing(mask: np.ndarray) -> np.ndarray:
    return (mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)
