"""Sentences in the words of captions, of things that do several things at once, and what they mean.

Owns that grammar, `training.world.caption`'s, with a meaning in numbers (`inference.motion.said`), and subjects that
are told more of than a name: "the small red car", "the ball on the left". Knows names alone, never a picture. Pure
functions of a given random generator, any thread.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inference.motion.said import MOTION
from training.world.caption import several
from training.world.wording import GENTLE, WAY, Meant, typed

_WAYS = {  # right, down
    "up": (0, -1), "down": (0, 1), "left": (-1, 0), "right": (1, 0), "up left": (-1, -1), "up right": (1, -1),
    "down left": (-1, 1), "down right": (1, 1), "": (0, 0), "around": (0, 0),
}  # fmt: skip
_VERBS = {"flies": {}, "slides": {}, "hops": {"hop": 0.12}, "wobbles": {"swing": 0.15}, "is dragged": {}, "floats": {},
          "sways": {"sway": 0.25}, "goes": {}, "moves": {}}  # fmt: skip
_EXTRAS = {"spins": {"turn": np.pi}, "turns": {}, "bends": {"sway": 0.2}, "comes closer": {"grow": 0.35},
           "goes away": {"grow": -0.35}}  # fmt: skip
_PLURAL = {"flies": "fly", "goes": "go", "is": "are", "stays": "stay"}
_LOOKS = (
    "red", "blue", "green", "yellow", "white", "black", "brown", "pink", "orange", "grey", "small", "big", "large",
    "little", "tall", "old", "round", "left", "right", "upper", "lower", "first", "second", "middle",
)  # fmt: skip
_WHERE = ("on the left", "on the right", "in the middle", "at the top", "at the bottom", "on the table", "in the sky",
          "in front", "in the back", "with the hat", "of glass")  # fmt: skip
_LINKS = ("with {}", "and {}", "in {}", "of {}", "on {}")
COMMON = (  # names of what people speak of and the world does not show
    "man", "woman", "girl", "boy", "child", "kid", "person", "people", "baby", "lady", "guy", "dancer", "player",
    "crowd", "dog", "cat", "horse", "cow", "bird", "fish", "sheep", "duck", "animal", "puppy", "kitten",
    "butterfly", "dinosaur", "plane", "ship", "boat", "train", "vehicle", "bike", "motorbike", "tractor", "ball",
    "flower", "flowers", "tree", "leaf", "leaves", "grass", "cloud", "clouds", "sun", "water", "waves", "river",
    "waterfall", "smoke", "fire", "snow", "stone", "rock", "mountain", "building", "tower", "bridge", "sign",
    "flag", "chair", "table", "box", "bottle", "glass", "bowl", "plate", "robot", "doll", "figure", "head", "hand",
    "arm", "leg", "eyes", "hair", "tail", "wing", "wheel", "cake", "bread", "fruit", "statue", "curtain", "door",
    "window", "bag", "seeds", "petals", "brush", "drums",
)  # fmt: skip


def qualified(rng: np.random.Generator, name: str) -> str:
    """A name as it is, or told more of."""
    chance = rng.random()
    if chance < 0.6:
        return name
    if chance < 0.85:
        looks = rng.choice(_LOOKS, 1 if rng.random() < 0.8 else 2, replace=False)
        return f"{' '.join(looks)} {name}"
    return f"{name} {rng.choice(_WHERE)}"


def invented(rng: np.random.Generator, names: Sequence[str]) -> str:
    """A name that is none of `names`: a common one, or one made of two of them."""
    if rng.random() < 0.6:
        return str(rng.choice(COMMON))
    first, second = (str(names[i]) for i in rng.choice(len(names), 2, replace=False))
    if rng.random() < 0.4:
        return f"{first.split()[0]} {second.split()[-1]}"
    return f"{first} {str(rng.choice(_LINKS)).format(second)}"


def retold(rng: np.random.Generator, names: Sequence[str]) -> Meant:
    """A sentence about things of these names, in the words of captions."""
    clauses, meant = [], Meant("")
    for name in names:
        text, motion = _clause(rng, name)
        clauses.append(text)
        meant.subjects.append((name, name))
        if motion.any():
            meant.moved[name] = motion
        else:
            meant.still.add(name)
    if len(names) > 1 and rng.random() < 0.25:
        clauses.append("the rest stays still")
        meant.subjects.append(("rest", ""))
    glue = str(rng.choice([", ", ", ", ", ", " and ", ", and ", " while ", ". "]))
    meant.text = typed(rng, glue.join(clauses))
    return meant


def _clause(rng: np.random.Generator, name: str) -> tuple[str, np.ndarray]:
    motion = dict.fromkeys(MOTION, 0.0)
    plural = several(name)
    article = "" if rng.random() < 0.05 else "the "
    if rng.random() < 0.15:
        return f"{article}{name} {_agreed('stays still', plural)}", np.zeros(len(MOTION), np.float32)
    verb = str(rng.choice(list(_VERBS)))
    way = str(rng.choice(list(_WAYS), p=[0.11] * 8 + [0.08, 0.04])) if verb != "sways" else ""
    across, along = _WAYS[way]
    size = WAY * (0.75 if across and along else 1.0)
    motion["right"], motion["down"] = across * size, along * size
    motion |= _VERBS[verb]
    if not (across or along) and verb in ("flies", "floats"):
        motion["down"] = -GENTLE * WAY
    elif not (across or along) and verb in ("slides", "goes", "moves", "is dragged"):
        motion["right"] = GENTLE * WAY
    extras = [extra for extra in _EXTRAS if rng.random() < 0.3]
    if extras[-2:] == ["comes closer", "goes away"]:
        extras.pop()
    for extra in extras:
        motion |= _EXTRAS[extra]
    told = " and ".join([f"{_agreed(verb, plural)} {way}".strip(), *(_agreed(extra, plural) for extra in extras)])
    return f"{article}{name} {told}", np.array([motion[key] for key in MOTION], np.float32)


def _agreed(verb: str, plural: bool) -> str:
    first, *rest = verb.split()
    return " ".join([_PLURAL.get(first, first.removesuffix("s")) if plural else first, *rest])
