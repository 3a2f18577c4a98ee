"""Says what shall move in a picture in many ways, as people type it, with what each sentence means.

Owns the phrases and their meaning in numbers (`inference.motion.said`). Knows names alone, never a picture:
the same picture can be told any number of things. `caption` says what a clip does do. Pure functions of a given random
generator, any thread.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from inference.motion.said import CAMERA, MOTION
from training.world.caption import several

WAY = 0.32  # picture heights that a thing goes, where nothing is said of how far
GENTLE = 0.6  # of a motion that has no direction, against one that has
_SIDES = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
_SIDE_WORDS = {
    "left": ("left", "left", "left", "to the left", "to the left", "leftwards", "towards the left", "to its left"),
    "right": ("right", "right", "right", "to the right", "to the right", "rightwards", "towards the right"),
    "up": ("up", "up", "up", "upwards", "upward", "up into the air", "into the sky", "to the top", "higher"),
    "down": ("down", "down", "down", "downwards", "downward", "to the ground", "to the bottom", "lower"),
}
_DIAGONAL = (
    "{v} {h}", "{v} {h}", "{v} {h}", "{v} and {h}", "{v} and to the {h}", "{h} and {v}", "diagonally {v} {h}",
    "to the {upper} {h}", "{v} to the {h}", "{v} towards the {h}",
)  # fmt: skip
# base form, third person, -ing form
_TRAVEL = (
    "fly flies flying", "fly flies flying", "go goes going", "go goes going", "move moves moving", "move moves moving",
    "slide slides sliding", "drive drives driving", "walk walks walking", "run runs running", "float floats floating",
    "glide glides gliding", "drift drifts drifting", "roll rolls rolling", "swim swims swimming", "race races racing",
    "travel travels traveling", "head heads heading", "come comes coming", "sail sails sailing",
    "crawl crawls crawling", "jump jumps jumping", "hop hops hopping", "shoot shoots shooting",
    "march marches marching",
)  # fmt: skip
_TOLD = ("move", "drag", "pull", "push", "bring", "slide", "carry", "shift")  # of a person to the picture
_WITHIN = {  # verbs that have their direction in them
    "up": ("rise rises rising", "climb climbs climbing", "ascend ascends ascending", "lift lifts lifting",
           "take takes taking| off", "lift lifts lifting| off", "levitate levitates levitating"),
    "down": ("fall falls falling", "drop drops dropping", "sink sinks sinking", "descend descends descending",
             "land lands landing", "fall falls falling| down"),
}  # fmt: skip
_HOP = (
    "hop hops hopping",
    "jump jumps jumping",
    "bounce bounces bouncing",
    "leap leaps leaping",
    "skip skips skipping",
)
_SPIN = (
    "spin spins spinning", "spin spins spinning", "rotate rotates rotating", "turn turns turning| around",
    "twirl twirls twirling", "whirl whirls whirling", "tumble tumbles tumbling", "turn turns turning",
)  # fmt: skip
_SWING = (
    "wobble wobbles wobbling", "shake shakes shaking", "rock rocks rocking", "wiggle wiggles wiggling",
    "tremble trembles trembling", "swing swings swinging", "tilt tilts tilting", "jiggle jiggles jiggling",
    "nod nods nodding",
)  # fmt: skip
_SWAY = (
    "sway sways swaying", "bend bends bending", "wave waves waving", "sway sways swaying| in the wind",
    "dance dances dancing",
)  # fmt: skip
_GROW = (
    "grow grows growing", "come comes coming| closer", "come comes coming| closer", "get gets getting| bigger",
    "approach approaches approaching", "come comes coming| nearer", "get gets getting| larger",
    "come comes coming| towards us", "expand expands expanding",
)  # fmt: skip
_SHRINK = (
    "shrink shrinks shrinking", "go goes going| away", "go goes going| away", "get gets getting| smaller",
    "move moves moving| away", "recede recedes receding", "disappear disappears disappearing| into the distance",
)  # fmt: skip
_SLOW = ("slowly", "gently", "a little", "a bit", "slightly")
_FAST = ("quickly", "fast", "far", "very fast", "a lot", "quickly")
_STILL = (
    "stays still", "stays still", "stands still", "does not move", "is still", "stays where it is", "rests",
    "stands there", "remains still", "sits there", "doesn't move", "is at rest",
)  # fmt: skip
_REST = (  # and which of the words is the subject
    ("rest", "the rest stays still"), ("everything else", "everything else stays still"),
    ("nothing else", "nothing else moves"), ("background", "the background stays still"),
    ("rest", "the rest does not move"),
)  # fmt: skip
_SAME = ("the thing", "the toy", "the object", "it", "this", "the thing")
_PLACES = (
    "in the rain", "on a table", "in the sky", "at night", "on the grass", "in a park", "in front of a house",
    "at sunset", "on the floor", "in a room", "under a tree", "on the street", "in winter", "by the sea",
    "in the mountains",
)  # fmt: skip
_LOOKS = ("red", "blue", "big", "small", "old", "new", "beautiful", "shiny", "cute", "green", "yellow", "colourful", "")
_KINDS = ("a photo of {}", "a picture of {}", "a 3d render of {}", "{}, cinematic, 4k", "a painting of {}", "{}", "{}",
          "a close-up of {}", "an old photograph of {}", "there is {}", "{}, sharp focus")  # fmt: skip
CAMERA_NAME = "camera"
_SCENES = (
    "", "", "", "nothing moves", "nothing moves", "everything stays still", "a calm scene", "a sunny day", "still life",
    "a beautiful landscape", "high quality, detailed", "a quiet evening", "no motion", "hello", "a toy world",
    "a photograph", "what a nice picture", "soft light and long shadows", "a room full of things", "stop", "freeze",
)  # fmt: skip
# What the camera does, by number and sign; first, in most of them, as the scene's own captions say it.
_SHOTS: dict[tuple[str, int], tuple[str, ...]] = {
    ("pan", 1): ("pan pans right", "pan pans to the right", "turn turns right", "look looks to the right"),
    ("pan", -1): ("pan pans left", "pan pans to the left", "turn turns left", "look looks to the left"),
    ("tilt", 1): ("tilt tilts down", "look looks down"),
    ("tilt", -1): ("tilt tilts up", "look looks up"),
    ("roll", 1): ("roll rolls right", "tilt tilts to the right", "roll rolls clockwise"),
    ("roll", -1): ("roll rolls left", "tilt tilts to the left", "roll rolls counterclockwise"),
    ("zoom", 1): ("zoom zooms in", "zoom zooms in"),
    ("zoom", -1): ("zoom zooms out", "zoom zooms out"),
    ("forward", 1): ("move moves forward", "go goes forward", "move moves closer", "fly flies forward",
                     "push pushes in", "dolly dollies in", "move moves into the picture"),
    ("forward", -1): ("move moves back", "go goes back", "move moves backwards", "pull pulls back",
                      "dolly dollies out"),
    ("right", 1): ("move moves right", "move moves to the right", "slide slides right", "truck trucks right"),
    ("right", -1): ("move moves left", "move moves to the left", "slide slides left", "truck trucks left"),
    ("up", 1): ("rise rises", "rise rises", "move moves up", "go goes up", "crane cranes up"),
    ("up", -1): ("sink sinks", "sink sinks", "move moves down", "lower lowers", "crane cranes down"),
    ("circle", 1): ("circle circles right", "orbit orbits right", "circle circles around to the right", "orbit orbits"),
    ("circle", -1): ("circle circles left", "orbit orbits left", "circle circles around to the left"),
}  # fmt: skip


@dataclass
class Meant:
    """A sentence and what it means. moved: by a thing's name, its motion [len(MOTION)]; still: named and at rest;
    camera: [len(CAMERA)]. subjects: in the order of the text, the words for what it speaks of, and whose name that is:
    CAMERA_NAME, "" for what is no thing of its own.
    """

    text: str
    subjects: list[tuple[str, str]] = field(default_factory=list)
    moved: dict[str, np.ndarray] = field(default_factory=dict)
    still: set[str] = field(default_factory=set)
    camera: np.ndarray = field(default_factory=lambda: np.zeros(len(CAMERA), np.float32))


def sentence(rng: np.random.Generator, names: Sequence[str]) -> Meant:
    """A sentence for a picture of things of these names; where one comes twice, all that have it are meant."""
    known = list(dict.fromkeys(names))
    chance = rng.random()
    if chance < 0.2:
        return _description(rng, known)
    meant = Meant("")
    clauses: list[tuple[str, str, str]] = []  # of words, their subject, and whose name that is
    if known and chance < 0.92:
        count = min(len(known), int(rng.choice([1, 2, 3], p=[0.7, 0.23, 0.07])))
        order = [known[i] for i in rng.permutation(len(known))]
        for name in order[:count]:
            alone = len(names) == 1 and rng.random() < 0.15
            subject = str(rng.choice(_SAME)) if alone else name
            text, meant.moved[name] = _clause(rng, subject, named=not alone)
            clauses.append((text, subject, name))
        for name in order[count:]:
            if rng.random() < 0.3:
                meant.still.add(name)
                clauses.append((f"{_article(rng, name)} {_agreed(rng.choice(_STILL), name)}", name, name))
        if rng.random() < 0.15:
            subject, text = _REST[int(rng.integers(len(_REST)))]
            clauses.append((text, subject, ""))
    if not meant.moved or rng.random() < 0.2:
        text, subject, meant.camera = _shot(rng)
        clauses.insert(0 if rng.random() < 0.2 else len(clauses), (text, subject, CAMERA_NAME))
    glue = str(rng.choice([", ", ", ", ", ", " and ", ", and ", " while ", ". ", "; ", ", then "]))
    meant.text = typed(rng, glue.join(text for text, _, _ in clauses))
    meant.subjects = [(subject, name) for _, subject, name in clauses]
    return meant


def _clause(rng: np.random.Generator, name: str, *, named: bool = True) -> tuple[str, np.ndarray]:
    """What one thing does, and its motion."""
    motion = dict.fromkeys(MOTION, 0.0)
    pace = 1.0
    hurry = ""
    if rng.random() < 0.12:
        slow = rng.random() < 0.5
        pace, hurry = (0.45, str(rng.choice(_SLOW))) if slow else (1.7, str(rng.choice(_FAST)))
    kind = str(rng.choice(["travel", "within", "spin", "hop", "swing", "sway", "size", "aimless"],
                          p=[0.6, 0.08, 0.08, 0.06, 0.05, 0.04, 0.06, 0.03]))  # fmt: skip
    tail = ""
    if kind == "travel":
        verb = str(rng.choice(_TRAVEL))
        side, tail = _direction(rng)
        motion["right"], motion["down"] = side
        if verb.startswith(("hop", "jump")) and side[1] == 0:
            motion["hop"] = 0.12
    elif kind == "within":
        side_name = str(rng.choice(list(_WITHIN)))
        verb = str(rng.choice(_WITHIN[side_name]))
        motion["down"] = WAY * _SIDES[side_name][1]
    elif kind == "aimless":  # somewhere must it go
        verb = str(rng.choice(_TRAVEL))
        lifted = verb.startswith(("fly", "float", "shoot"))
        motion["down" if lifted else "right"] = GENTLE * WAY * (-1 if lifted else 1)
        motion["hop"] = 0.12 * verb.startswith(("hop", "jump"))
        motion["right"] *= not motion["hop"]
    else:
        verb = _gesture(rng, kind, motion)
    if rng.random() < 0.2 and kind in ("travel", "within"):
        extra = str(rng.choice(["spin", "spin", "size", "swing", "sway"]))
        form = _gesture(rng, extra, motion)
    else:
        form = ""
    style = str(rng.choice(["says", "makes", "ing", "told", "short"], p=[0.66, 0.12, 0.1, 0.07, 0.05]))
    if style == "told" and (kind != "travel" or motion["hop"]):
        style = "says"
    plural = named and several(name)
    subject = _article(rng, name) if named else name
    if style == "told":
        parts = [str(rng.choice(_TOLD)), subject, tail]
        joined = f"make {'them' if plural else 'it'} {_form(form, 0)}"
    elif style == "makes":
        parts = [str(rng.choice(["make", "make", "let", "have"])), subject, _form(verb, 0), tail]
        joined = _form(form, 0)
    elif style == "ing":
        be = str(rng.choice(["", "are" if plural else "is"]))
        parts, joined = [subject, be, _form(verb, 2), tail], _form(form, 2)
    elif style == "short":
        parts, joined = [name, _form(verb, 0 if rng.random() < 0.5 else 1), tail], _form(form, 1)
    else:
        parts, joined = [subject, _form(verb, 0 if plural else 1), tail], _form(form, 0 if plural else 1)
    if hurry:
        parts.append(hurry)
    if form:
        parts.append(f"and {joined}")
    numbers = np.array([motion[key] for key in MOTION], np.float32) * pace
    return " ".join(part for part in parts if part), numbers


def _gesture(rng: np.random.Generator, kind: str, motion: dict[str, float]) -> str:
    """A verb of a motion that goes nowhere, written into `motion`."""
    if kind == "spin":
        verb, back = str(rng.choice(_SPIN)), rng.random()
        motion["turn"] = -np.pi if back < 0.2 else np.pi
        return verb + _after(verb, str(rng.choice(["counterclockwise", "anticlockwise"])) if back < 0.2 else
                             "clockwise" if back < 0.35 else "")  # fmt: skip
    if kind == "hop":
        motion["hop"] = 0.15
        return str(rng.choice(_HOP)) + (_after("", "up and down") if rng.random() < 0.3 else "")
    if kind == "swing":
        motion["swing"] = 0.2
        return str(rng.choice(_SWING))
    if kind == "sway":
        motion["sway"] = 0.25
        return str(rng.choice(_SWAY))
    grows = rng.random() < 0.5
    motion["grow"] = 0.35 if grows else -0.35
    return str(rng.choice(_GROW if grows else _SHRINK))


def _after(verb: str, words: str) -> str:
    return (" " if "|" in verb else "| ") + words if words else ""


def _form(verb: str, which: int) -> str:
    """0 the base form, 1 the third person, 2 -ing, each with what follows the bar."""
    forms, _, rest = verb.partition("|")
    return forms.split()[which] + rest if forms else ""


def _direction(rng: np.random.Generator) -> tuple[tuple[float, float], str]:
    """A way (right, down) in picture heights, and its words."""
    across, along = str(rng.choice(["left", "right"])), str(rng.choice(["up", "down"]))
    chance = rng.random()
    if chance < 0.3:
        pattern = str(rng.choice(_DIAGONAL))
        text = pattern.format(v=along, h=across, upper="upper" if along == "up" else "lower")
        return (_SIDES[across][0] * WAY * 0.75, _SIDES[along][1] * WAY * 0.75), text
    side = across if chance < 0.68 else along
    x, y = _SIDES[side]
    return (x * WAY, y * WAY), str(rng.choice(_SIDE_WORDS[side]))


def _shot(rng: np.random.Generator) -> tuple[str, str, np.ndarray]:
    """What the camera does, the word that says so, and its numbers."""
    numbers = np.zeros(len(CAMERA), np.float32)
    keys = list(_SHOTS)
    chosen = [keys[int(rng.integers(len(keys)))] for _ in range(1 if rng.random() < 0.8 else 2)]
    pace, hurry = (1.0, "") if rng.random() < 0.85 else (0.5, " slowly") if rng.random() < 0.6 else (1.6, " quickly")
    asks = rng.random() < 0.12
    texts = []
    for key, sign in dict(chosen).items():
        first, second, *rest = str(rng.choice(_SHOTS[key, sign])).split()
        numbers[CAMERA.index(key)] = sign * pace
        texts.append(" ".join([first if asks else second, *rest]))
    subject = "" if asks else str(rng.choice(["the camera ", "the camera ", "the camera ", "camera ", "the view "]))
    if asks and chosen[0][0] not in ("zoom", "pan"):  # "move left" alone says nothing of a camera
        subject = "make the camera "
    word = subject.split()[-1] if subject else texts[0].split()[0]
    return subject + " and ".join(texts) + hurry, word, numbers


def _description(rng: np.random.Generator, names: list[str]) -> Meant:
    """A sentence that moves nothing."""
    if not names or rng.random() < 0.3:
        return Meant(typed(rng, str(rng.choice(_SCENES))))
    told = [names[i] for i in rng.permutation(len(names))][: 1 + (rng.random() < 0.4)]
    if rng.random() < 0.45:
        told_still = ", ".join(f"{_article(rng, name)} {_agreed(rng.choice(_STILL), name)}" for name in told)
        return Meant(typed(rng, told_still), [(name, name) for name in told], still=set(told))
    things = []
    for name in told:
        look = str(rng.choice(_LOOKS))
        bare = f"{look} {name}".strip()
        things.append(bare if several(name) or rng.random() < 0.2 else f"{'an' if bare[0] in 'aeiou' else 'a'} {bare}")
    text = str(rng.choice(_KINDS)).format(" and ".join(things))
    if rng.random() < 0.6:
        text = f"{text} {rng.choice(_PLACES)}"
    return Meant(typed(rng, text), [(name, name) for name in told], still=set(told))


def _article(rng: np.random.Generator, name: str) -> str:
    rarer = ["my", "these", "some"] if several(name) else ["my", "this", "a"]
    return f"{'the' if rng.random() < 0.7 else rng.choice(rarer)} {name}"


def _agreed(verb: str, name: str) -> str:
    if not several(name):
        return str(verb)
    swaps = {"does": "do", "doesn't": "don't", "is": "are", "stays": "stay", "stands": "stand", "rests": "rest",
             "remains": "remain", "sits": "sit"}  # fmt: skip
    first, *rest = str(verb).replace("where it is", "where they are").split()
    return " ".join([swaps[first], *rest])


def typed(rng: np.random.Generator, text: str) -> str:
    """As people type: mostly small letters, sometimes a full stop."""
    text = " ".join(text.split())
    if text and rng.random() < 0.15:
        text = text[0].upper() + text[1:]
    return text + "." if text and rng.random() < 0.15 else text
