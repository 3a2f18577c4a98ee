"""Says in words how a clip moves, in screen terms: "the rocket flies up left and spins, the camera moves forward".

Owns the choice of words, from where things really go on the screen. Pure functions, any thread.
"""

import numpy as np

from training.world.scene import Scene

NOTICED = 0.05  # of the picture's height: less is no direction


def describe(scene: Scene) -> str:
    """One sentence of small letters: each thing with what it does and its direction, then the camera."""
    clauses = [_clause(scene, index) for index in range(len(scene.things))]
    moving = [clause for clause, thing in zip(clauses, scene.things, strict=True) if thing.verb]
    still = [clause for clause, thing in zip(clauses, scene.things, strict=True) if not thing.verb]
    parts = [*moving, "the rest stays still"] if moving and len(still) > 1 else [*moving, *still]
    if scene.camera.moves:
        parts = [*parts, "the camera " + " and ".join(scene.camera.moves)]
    return ", ".join(parts) or "nothing moves"


def direction(way: np.ndarray, height: float) -> str:
    """'up left', 'right', ... for a way [2] in pixels, y down; empty when it is not noticed."""
    across, down = way / height
    words = []
    larger = max(abs(across), abs(down))
    if larger < NOTICED:
        return ""
    if abs(down) > 0.4 * larger:
        words.append("down" if down > 0 else "up")
    if abs(across) > 0.4 * larger:
        words.append("right" if across > 0 else "left")
    return " ".join(words)


def several(name: str) -> bool:
    """Whether a name is in the plural: 'grapes', not 'glass', 'cactus' or 'pair of scissors'."""
    word = name.split(" of ")[0].split(" with ")[0]
    return word.endswith("s") and not word.endswith(("ss", "us", "is", "ros"))


def _plural(verb: str) -> str:
    irregular = {"is dragged": "are dragged", "flies": "fly", "goes": "go"}
    return irregular.get(verb, verb[:-1])


def _clause(scene: Scene, index: int) -> str:
    thing = scene.things[index]
    agree = _plural if several(thing.name) else str
    path, depth = (part[:, 0] for part in thing.forward(np.array([[0.0, thing.pivot]]), scene.middles))
    if not thing.verb:
        return f"the {thing.name} {agree('stays')} still"
    words = [f"the {thing.name} {agree(thing.verb)}"]
    towards = direction(path[-1] - path[0], scene.camera.height)
    ranged = np.abs(path - path[0]).max() / scene.camera.height
    if towards:
        words.append(towards)
    elif ranged > 2 * NOTICED:
        words.append("around")
    text = " ".join(words)
    growth = depth[0] / depth[-1]
    extras = [agree(extra) for extra in thing.extras]
    if growth > 1.15:
        extras.append(f"{agree('comes')} closer")
    elif growth < 0.87:
        extras.append(f"{agree('goes')} away")
    return " and ".join([text, *extras])
