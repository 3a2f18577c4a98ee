"""Which of a video's tracks are worth lending: those that keep company, that move, that are seen long, well spread.

Owns the choice. Never follows a point and never places one. Pure functions of arrays, any thread.
"""

from __future__ import annotations

import numpy as np

from inference.motion.patch_fit import square_distances

MOST_TRACKS = 256  # at any moment: what is left of the model's 400 is the hand's
MOVING_SHARE = 0.75  # of those, for what moves; the others hold what stands still
SPREADS = (0.08, 0.04, 0.02, 0.0)  # video heights between chosen points: wide first, then what still has room
# A point at a thing's border slides along it and goes as nothing goes:
COMPANY_S = 0.5  # over such a span
BESIDE, AGREEING = 8, 2  # so many of its nearest neighbours
OFF, OFF_SHARE = 2.0, 0.15  # must have gone as it did, within so many pixels and such a part of the way


def in_company(xy: np.ndarray, visible: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Which points mostly go as some of their neighbours go, bool [N]. xy: [T, N, 2] pixels, visible: bool [T, N],
    times: [T] seconds.
    """
    asked, agreed = np.zeros(xy.shape[1]), np.zeros(xy.shape[1])
    first = 0
    while first < len(xy) - 1:
        last = min(len(xy) - 1, max(first + 1, int(np.searchsorted(times, times[first] + COMPANY_S))))
        here = np.flatnonzero(visible[first] & visible[last])
        if len(here) > BESIDE:
            at, way = xy[first, here], xy[last, here] - xy[first, here]
            apart = square_distances(at)
            np.fill_diagonal(apart, np.inf)
            near = np.argpartition(apart, BESIDE - 1, axis=1)[:, :BESIDE]
            slip = np.linalg.norm(way[near] - way[:, None], axis=2)  # [K, BESIDE]
            alike = slip < OFF + OFF_SHARE * np.linalg.norm(way, axis=1, keepdims=True)
            asked[here] += 1
            agreed[here] += alike.sum(axis=1) >= AGREEING
        first = last
    return agreed >= 0.75 * asked


def reach(xy: np.ndarray, visible: np.ndarray, aspect: float) -> np.ndarray:
    """How far each point comes from where it began while it is seen, in video heights, [N]. xy: [T, N, 2] normalised;
    aspect: width to height.
    """
    begun = xy[visible.argmax(axis=0), np.arange(xy.shape[1])]  # [N, 2]
    away = np.linalg.norm((xy - begun) * np.array([aspect, 1.0], np.float32), axis=2)
    away[~visible] = 0.0
    return away.max(axis=0, initial=0.0)


def chosen(
    xy: np.ndarray, visible: np.ndarray, aspect: float, moving: np.ndarray, most: int = MOST_TRACKS
) -> np.ndarray:
    """Which points to lend, indices [K] ascending: at most `most` at any moment, what moves first, those that are seen
    longest first, well spread over the frame. xy: [T, N, 2] normalised;
    visible: bool [T, N]; aspect: width to height; moving: bool [N].
    """
    scale = np.array([aspect, 1.0], np.float32)
    first = visible.argmax(axis=0)
    life = visible.sum(axis=0)
    alive = np.zeros(len(xy), np.int64)  # chosen ones at each row
    kept: list[int] = []
    for group, room in ((moving, round(most * MOVING_SHARE)), (~moving, most), (moving, most)):
        longest_first = np.flatnonzero(group)[np.argsort(-life[group], kind="stable")]
        order = np.setdiff1d(longest_first, kept, assume_unique=True).tolist()
        for spread in SPREADS:
            left = []
            for n in order:
                seen = visible[:, n]
                if alive[seen].max() >= room:
                    left.append(n)
                    continue
                beside = [k for k in kept if visible[first[n], k]]
                apart = np.linalg.norm((xy[first[n], beside] - xy[first[n], n]) * scale, axis=1)
                if len(apart) and apart.min() < spread:
                    left.append(n)
                    continue
                kept.append(n)
                alive += seen
            order = left
    return np.sort(np.array(kept, np.int64))
