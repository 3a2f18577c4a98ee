"""Which of a crowd of tracks move together: the things among them, and what stands still.

Owns what has been seen of their motion. Never looks at the picture (`inference.holding` does). One stream each; runs on
the caller's thread.

A hand's few tracks all lie on what is grabbed. A borrowed video's lie everywhere, most of them on what stands still:
taken as one sheet of rubber, the picture is torn around whatever moves. Neighbours that once moved apart are of two
things for good.
"""

from __future__ import annotations

import numpy as np

STILL = -1
NEAR = 1.6  # of the usual distance to the next track: who is a neighbour
MOVED = 0.015  # picture heights: what came less far stands still
# Neighbours are of two things where they are further apart than a turning and growing thing allows, in picture heights:
APART, TURNING, STRETCHED = 0.012, 0.35, 0.8  # since they began: so much, and this share of their way or of the space
# between them, whichever is less;
STEP, STEP_TURNING = 0.006, 0.35  # within one chunk: so much, and this share of the space between them.
# But three that keep their distances turn together, however far. Kept is, in picture heights:
KEPT, KEPT_SHARE = 0.012, 0.1  # so much, and this share of the distance.
FEWEST = 3  # tracks of a thing
SURE = 0.5  # of its neighbours were seen to move otherwise
PROOF = 0.03  # picture heights: neighbours that are together after so much are of one thing


class Parting:
    """aspect: the picture's width to its height."""

    def __init__(self, aspect: float) -> None:
        self._scale = np.array([aspect, 1.0])
        self._ids = np.zeros(0, np.int64)
        self._pairs = np.zeros((0, 2), np.int64)  # of neighbours, by their places in ids
        self._apart = np.zeros(0, np.bool_)  # [pairs], were they ever
        self._stretched = np.zeros(0, np.bool_)  # [pairs], was their distance ever another
        self._proved = np.zeros(0, np.bool_)  # [pairs], were both seen while one had moved
        self._triangles = np.zeros((0, 3), np.int64)  # of neighbours, by their pairs
        self._found = np.zeros(0, np.int64)  # [N], the last answer
        self._came = np.zeros(0)  # [N], how far each ever came
        self._last = np.zeros((0, 2))  # [N, 2], where each was at the end of the chunk before, from its origin

    @property
    def loose(self) -> float:
        """Of the tracks that moved, the share that is of no thing."""
        moved = self._came > MOVED
        return float((self._found[moved] == STILL).mean()) if moved.any() else 0.0

    def part(self, ids: np.ndarray, origin: np.ndarray, xy: np.ndarray, visible: np.ndarray) -> np.ndarray:
        """Which thing each track is of, int64 [N], by the place of its first track, or STILL, after another chunk.

        ids: [N]; origin: [N, 2]; xy: [T, N, 2]; visible: bool [T, N].
        """
        if not np.array_equal(ids, self._ids):
            self._meet(ids, origin * self._scale)
        one, other = self._pairs.T
        between = np.linalg.norm((origin[one] - origin[other]) * self._scale, axis=1)  # [pairs]
        ways = (xy - origin) * self._scale  # [T, N, 2]
        came = np.linalg.norm(ways, axis=2) * visible
        self._came = np.maximum(self._came, came.max(0, initial=0.0))
        both = visible[:, one] & visible[:, other]  # [T, pairs]
        way = np.maximum(came[:, one], came[:, other])
        allowed = APART + np.minimum(TURNING * way, STRETCHED * between)
        apart = np.linalg.norm(ways[:, one] - ways[:, other], axis=2) > allowed
        steps = ways - self._last
        stepped = np.linalg.norm(steps[:, one] - steps[:, other], axis=2) > STEP + STEP_TURNING * between
        self._apart |= ((apart | stepped) & both).any(0)
        distance = np.linalg.norm((xy[:, one] - xy[:, other]) * self._scale, axis=2)
        self._stretched |= ((np.abs(distance - between) > KEPT + KEPT_SHARE * between) & both).any(0)
        self._proved |= (both & (way > PROOF)).any(0)
        self._last = np.where(visible[-1][:, None], ways[-1], np.nan)  # of the unseen no step is judged
        # A place that a thing hid before it had moved is not known to have gone along.
        still = np.maximum(self._came[one], self._came[other]) <= PROOF
        kept = ~self._stretched & self._proved
        rigid = self._triangles[kept[self._triangles].all(1)]
        turned = np.zeros(len(kept), np.bool_)
        turned[rigid] = True
        return self._labels(turned | (~self._apart & (self._proved | still)))

    def _labels(self, linked: np.ndarray) -> np.ndarray:
        together = self._pairs[linked]
        label = np.arange(len(self._ids))
        while True:  # both of a pair take the lesser number, until nobody does
            before = label.copy()
            least = label[together].min(1)
            np.minimum.at(label, together[:, 0], least)
            np.minimum.at(label, together[:, 1], least)
            if np.array_equal(label, before):
                break
        labels = np.full(len(label), STILL)
        for thing in np.unique(label):
            members = label == thing
            rim = members[self._pairs[:, 0]] != members[self._pairs[:, 1]]
            # What leaves the picture track by track falls apart unseen; a thing was seen to go another way.
            if rim.any() and self._apart[rim].mean() < SURE:
                continue
            if members.sum() >= FEWEST and np.median(self._came[members]) > MOVED:
                labels[members] = thing
        self._found = labels
        return labels

    def _meet(self, ids: np.ndarray, places: np.ndarray) -> None:
        """Tracks come and go; what was seen of those that stay is kept. places: [N, 2], in picture heights."""
        between = np.linalg.norm(places[:, None] - places, axis=-1)  # [N, N]
        np.fill_diagonal(between, np.inf)
        usual = np.median(between.min(1, initial=np.inf)) if len(ids) > 1 else 0.0
        pairs = np.argwhere(np.triu(between <= NEAR * usual))
        known = {frozenset(pair): n for n, pair in enumerate(self._ids[self._pairs].tolist())}
        before = [known.get(frozenset(pair), -1) for pair in ids[pairs].tolist()]
        self._apart, self._stretched, self._proved = (
            np.array([n >= 0 and seen[n] for n in before], np.bool_)
            for seen in (self._apart, self._stretched, self._proved)
        )
        place_of = {i: n for n, i in enumerate(self._ids.tolist())}
        came, last = np.zeros(len(ids)), np.full((len(ids), 2), np.nan)
        for n, i in enumerate(ids.tolist()):
            if i in place_of:
                came[n], last[n] = self._came[place_of[i]], self._last[place_of[i]]
        self._ids, self._pairs, self._came, self._last = ids.copy(), pairs, came, last
        self._triangles = triangles(pairs, len(ids))


def triangles(pairs: np.ndarray, count: int) -> np.ndarray:
    """Of pairs [P, 2] of `count` tracks, the lesser first: all three of which each is with each, int64 [K, 3], by their
    places in `pairs`.
    """
    place = np.full((count, count), -1)
    place[pairs[:, 0], pairs[:, 1]] = np.arange(len(pairs))
    third = (place[pairs[:, 0]] >= 0) & (place[pairs[:, 1]] >= 0)  # [P, N]: greater than both, or it would come twice
    pair, other = np.nonzero(third)
    return np.stack([pair, place[pairs[pair, 0], other], place[pairs[pair, 1], other]], axis=1)
