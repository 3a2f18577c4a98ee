"""Makes the toy box of `assets/toys`: `python -m training.toy_box`.

Owns the choice of cut-outs and backgrounds, and `toys.toml` beside them, which credits each. Cut-outs are shipped as
they are; backgrounds are views into panoramas. Of both, some are of the splits that no training sees. Run by hand after
`training.world.fetch`; the app reads only the results.
"""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from training.starter_pictures import View, perspective
from training.world.library import SPLITS, load_library
from training.world.sources import EMOJI, cache_root

FOLDER = Path(__file__).resolve().parent.parent / "assets" / "toys"
SIZE = (1024, 576)  # four times the model's landscape: as much as the window's detail can use
QUALITY = 82
TOY_CREDIT, TOY_LICENCE = f"Fluent Emoji 3D, Microsoft, through {EMOJI.name} {EMOJI.version}", "MIT"
VEHICLES = (
    "racing car", "bus", "taxi", "police car", "delivery truck", "tractor", "steam locomotive", "camper van",
    "helicopter", "small plane", "rocket",
)  # fmt: skip
ANIMALS = (
    "elephant", "cat", "dog", "rabbit", "penguin", "duck", "owl", "parrot", "turtle", "lady beetle", "sauropod",
    "t-rex", "whale", "octopus", "butterfly",
)  # fmt: skip
THINGS = (
    "teddy bear", "snowman", "football", "present", "pinata", "alarm clock", "mushroom", "palm tree", "balloon", "kite",
)  # fmt: skip
FLOATING = {"helicopter", "small plane", "rocket", "whale", "butterfly", "balloon", "kite"}


@dataclass(frozen=True)
class Background:
    """A place of the box. `name`: of its file."""

    name: str
    title: str
    view: View


BACKGROUNDS = (
    Background("meadow", "Meadow", View("hilly_terrain_01", 62, -8, 75, exposure=0.92)),
    Background("road", "Road", View("narrow_moonlit_road", 26, -8, 80)),
    Background("square", "Square", View("venice_sunset", 186, -12, 80)),
    Background("city", "City", View("potsdamer_platz", 172, -10, 80)),
    Background("hall", "Hall", View("vestibule", 190, -12, 80, exposure=0.88)),
    Background("room", "Room", View("brown_photostudio_07", 22, -12, 80, exposure=0.9)),
    Background("rocks", "Rocks at dawn", View("kiara_1_dawn", 160, -10, 80, exposure=1.15)),
    Background("sea", "Sea", View("venice_sunset", 12, -2, 75, exposure=0.95)),
    Background("sky", "Sky", View("sky", 200, 14, 75)),
)


def toml_entry(table: str, **values: object) -> str:
    """One `[[table]]`; a JSON string is a TOML string too."""
    return "\n".join([f"[[{table}]]", *(f"{k} = {json.dumps(v, ensure_ascii=False)}" for k, v in values.items()), ""])


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the toy box: cut-outs and backgrounds.")
    parser.add_argument("--cache", type=Path, help="where training.world.fetch put the pictures")
    root = cache_root(parser.parse_args().cache)
    libraries = [load_library(split, root) for split in SPLITS]
    objects = {entry.name: entry.source for library in libraries for entry in library.objects}
    places = {entry.name: (library, i) for library in libraries for i, entry in enumerate(library.places)}
    FOLDER.mkdir(parents=True, exist_ok=True)
    entries = ["# Written by `python -m training.toy_box`. floats: stands in the air, hence without a shadow.\n"]
    for kind, names in (("Vehicles", VEHICLES), ("Animals", ANIMALS), ("Things", THINGS)):
        for name in names:
            file = f"{name.replace(' ', '_')}.webp"
            source = objects[name]
            assert isinstance(source, Path)
            shutil.copyfile(source, FOLDER / file)
            title, floats = name.capitalize(), name in FLOATING
            entries.append(
                toml_entry(
                    "toy", file=file, title=title, kind=kind, floats=floats, credit=TOY_CREDIT, licence=TOY_LICENCE
                )
            )
    for background in BACKGROUNDS:
        library, index = places[background.view.place]
        # Drawn larger and area-filtered down, as the starters are.
        large = perspective(library.panorama(index), background.view, (2 * SIZE[0], 2 * SIZE[1]))
        small = cv2.resize(large, SIZE, interpolation=cv2.INTER_AREA) * background.view.exposure
        picture = cv2.cvtColor(np.clip(small + 0.5, 0, 255).astype(np.uint8), cv2.COLOR_RGB2BGR)
        file = f"{background.name}.webp"
        cv2.imwrite(str(FOLDER / file), picture, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
        credit, licence = background.view.credit, background.view.licence
        entries.append(toml_entry("background", file=file, title=background.title, credit=credit, licence=licence))
    (FOLDER / "toys.toml").write_text("\n".join(entries), encoding="utf-8")


if __name__ == "__main__":
    main()
