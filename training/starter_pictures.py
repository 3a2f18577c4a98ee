"""Makes the starter pictures of `assets/pictures`: `python -m training.starter_pictures`.

Owns the list of pictures, how toys are set into places, and `pictures.toml` beside them. Places and toys
come from the world's *held-out* splits and photographs from a Debian package that no clip uses, so the model
has seen none of them in training. Run by hand after `training.world.fetch`; the app reads only the results.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from training.world.fetch import cache_root
from training.world.library import Library, load_library

log = logging.getLogger(__name__)

FOLDER = Path(__file__).resolve().parent.parent / "assets" / "pictures"
LANDSCAPE, SQUARE, PORTRAIT = (768, 432), (576, 576), (432, 768)  # three times the model's three sizes
SUPERSAMPLING = 2  # drawn larger and area-filtered down, so that edges of toys are anti-aliased
JPEG_QUALITY = 90
DEBIAN_PACKAGE = "lomiri-wallpapers-16.04"
EMOJI_CREDIT = "toys from Fluent Emoji 3D, Microsoft (MIT)"


@dataclass(frozen=True)
class View:
    """A perspective look into a panorama, horizon level; angles in degrees.

    Yaw 0 is the panorama's middle, a negative pitch looks down.
    """

    place: str
    yaw: float
    pitch: float
    fov: float
    exposure: float = 1.0

    licence = "CC0-1.0"

    @property
    def credit(self) -> str:
        return f"place cut from {self.place} by Poly Haven"


@dataclass(frozen=True)
class Crop:
    """A rectangle of a photograph: its middle and width as shares of the photograph's width and height."""

    photograph: str
    centre: tuple[float, float]
    width: float
    author: str
    licence: str
    exposure: float = 1.0

    @property
    def credit(self) -> str:
        return f"photograph by {self.author}, from Debian's {DEBIAN_PACKAGE}, cropped"


@dataclass(frozen=True)
class Toy:
    """An object of the world: `foot` is the middle of its lower edge, height a share of the picture's."""

    name: str
    foot: tuple[float, float]
    height: float
    floats: bool = False  # in the air: no contact shadow


@dataclass(frozen=True)
class Scene:
    """One starter picture. `grab`: a point on its main object, normalised, that invites a drag."""

    name: str
    title: str
    ground: View | Crop
    toys: tuple[Toy, ...]
    prompt: str
    grab: tuple[float, float]
    size: tuple[int, int] = LANDSCAPE

    @property
    def credit(self) -> str:
        return f"{self.ground.credit}; {EMOJI_CREDIT}" if self.toys else self.ground.credit

    @property
    def licence(self) -> str:
        return f"{self.ground.licence} AND MIT" if self.toys else self.ground.licence


SCENES = (
    Scene(
        "fire_engine",
        "A fire engine in the market",
        View("leadenhall_market", 8, -10, 80, exposure=0.92),
        (Toy("fire engine", (0.36, 0.9), 0.44), Toy("luggage", (0.74, 0.86), 0.27)),
        "the fire engine drives to the left",
        (0.36, 0.68),
    ),
    Scene(
        "elephant",
        "An elephant in the park",
        View("noon_grass", 70, -6, 75),
        (Toy("elephant", (0.36, 0.88), 0.48), Toy("popcorn", (0.73, 0.92), 0.28)),
        "the elephant walks to the left",
        (0.36, 0.6),
    ),
    Scene(
        "airplane",
        "An airplane at dawn",
        View("kiara_1_dawn", 200, 2, 80, exposure=1.1),
        (Toy("airplane", (0.38, 0.51), 0.42, floats=True),),
        "the airplane flies up right",
        (0.38, 0.3),
    ),
    Scene(
        "roller_skate",
        "A roller skate on the parquet",
        View("vestibule", 312, -12, 78),
        (Toy("roller skate", (0.64, 0.92), 0.44), Toy("basketball and hoop", (0.3, 0.9), 0.27)),
        "the roller skate rolls to the right",
        (0.62, 0.66),
    ),
    Scene(
        "poodle",
        "A poodle in the hills",
        Crop("aitzgorri_by_Aitzol_Berasategi", (0.46, 0.58), 0.9, "Aitzol Berasategi", "CC-BY-4.0"),
        (Toy("poodle", (0.36, 0.93), 0.48), Toy("lady beetle", (0.72, 0.92), 0.28)),
        "the poodle walks to the left",
        (0.38, 0.68),
    ),
    Scene(
        "dandelion",
        "Dandelion",
        Crop("seeding_by_Clements_Engelhardt", (0.5, 0.5), 1.0, "Clemens Engelhardt", "CC0-1.0"),
        (),
        "the dandelion sways to the right",
        (0.29, 0.36),
    ),
    Scene(
        "fig",
        "Half a fig",
        Crop("Picture_0B_by_freespace", (0.52, 0.52), 0.94, 'Trevor "Freespace"', "CC-BY-4.0"),
        (),
        "the fig slides to the right",
        (0.57, 0.57),
    ),
    Scene(
        "dog",
        "A friend at the window",
        Crop("friends_by_Aitzol_Berasategi", (0.5, 0.255), 1.0, "Aitzol Berasategi", "CC-BY-4.0"),
        (),
        "the dog tilts its head to the right",
        (0.42, 0.63),
    ),
    Scene(
        "dragon",
        "A dragon in the hall",
        View("vestibule", 70, -14, 62),
        (Toy("dragon", (0.4, 0.92), 0.56), Toy("orange book", (0.79, 0.9), 0.24)),
        "the dragon flies up right",
        (0.4, 0.66),
        SQUARE,
    ),
    Scene(
        "camel",
        "A camel before sunrise",
        View("kiara_1_dawn", 330, -8, 62, exposure=1.1),
        (Toy("bactrian camel", (0.5, 0.9), 0.5),),
        "the camel walks to the left",
        (0.5, 0.62),
        SQUARE,
    ),
    Scene(
        "brushes",
        "Brushes",
        Crop("Picture_1A_by_freespace", (0.62, 0.5), 0.68, 'Trevor "Freespace"', "CC-BY-4.0"),
        (),
        "the brush leans to the right",
        (0.8, 0.4),
        SQUARE,
    ),
    Scene(
        "drum",
        "A drum on its cushion",
        Crop("Wine_by_Jakkub_Mede", (0.5, 0.55), 0.8, "Jakub Mede", "CC-BY-4.0"),
        (),
        "the drum rolls to the left",
        (0.44, 0.66),
        PORTRAIT,
    ),
    Scene(
        "turtle",
        "A turtle on the meadow",
        View("noon_grass", 205, -8, 44),
        (Toy("turtle", (0.46, 0.82), 0.22), Toy("potted plant", (0.76, 0.68), 0.2)),
        "the turtle walks to the left",
        (0.48, 0.72),
        PORTRAIT,
    ),
    Scene(
        "teapot",
        "A teapot under the glass roof",
        View("leadenhall_market", 186, -4, 48, exposure=0.92),
        (Toy("teapot", (0.48, 0.86), 0.24), Toy("pear", (0.84, 0.92), 0.16)),
        "the teapot hops to the right",
        (0.48, 0.75),
        PORTRAIT,
    ),
)


def perspective(panorama: np.ndarray, view: View, size: tuple[int, int]) -> np.ndarray:
    """uint8 [H, 2H, 3] equirectangular -> uint8 [h, w, 3] as a camera sees it."""
    width, height = size
    focal = 0.5 * width / np.tan(np.radians(view.fov) / 2)
    x, y = np.meshgrid(np.arange(width) + 0.5 - width / 2, np.arange(height) + 0.5 - height / 2)
    cos, sin = np.cos(np.radians(view.pitch)), np.sin(np.radians(view.pitch))
    down, ahead = y * cos - focal * sin, y * sin + focal * cos
    longitude = np.arctan2(x, ahead) + np.radians(view.yaw)
    latitude = np.arctan2(down, np.hypot(x, ahead))
    rows, columns = panorama.shape[:2]
    u = (longitude / (2 * np.pi) + 0.5) % 1 * columns - 0.5
    v = (latitude / np.pi + 0.5) * rows - 0.5
    return cv2.remap(panorama, u.astype(np.float32), v.astype(np.float32), cv2.INTER_CUBIC, borderMode=cv2.BORDER_WRAP)


def crop(photograph: np.ndarray, rectangle: Crop, size: tuple[int, int]) -> np.ndarray:
    """uint8 [H, W, 3] -> uint8 [h, w, 3]: the rectangle at `size`, area-filtered."""
    rows, columns = photograph.shape[:2]
    width = round(rectangle.width * columns)
    height = round(width * size[1] / size[0])
    left = round(np.clip(rectangle.centre[0] * columns - width / 2, 0, columns - width))
    top = round(np.clip(rectangle.centre[1] * rows - height / 2, 0, rows - height))
    return cv2.resize(photograph[top : top + height, left : left + width], size, interpolation=cv2.INTER_AREA)


def place_toy(canvas: np.ndarray, sprite: np.ndarray, toy: Toy) -> None:
    """Draws the premultiplied RGBA sprite and its shadow into `canvas`, float32 [h, w, 3] of 0 to 1."""
    height, width = canvas.shape[:2]
    scale = toy.height * height / sprite.shape[0]
    image = cv2.resize(sprite, None, fx=scale, fy=scale, interpolation=cv2.INTER_LANCZOS4)
    rows, columns = image.shape[:2]
    left, foot = toy.foot[0] * width - columns / 2, toy.foot[1] * height
    put = np.array([[1, 0, left], [0, 1, foot - rows]], np.float32)
    layer = cv2.warpAffine(image, put, (width, height)).astype(np.float32) / 255
    if not toy.floats:
        # Two shadows: the silhouette laid on the ground, wide and soft, and a dark narrow line of contact.
        for flat, lean, blur, strength in ((0.2, 0.25, 0.025, 0.5), (0.06, 0.0, 0.008, 0.6)):
            far = foot - flat * rows * 0.8
            lay = np.array([[1, -lean, left + lean * rows], [0, flat, far]], np.float32)
            shadow = cv2.warpAffine(np.ascontiguousarray(image[..., 3]), lay, (width, height))
            shadow = cv2.GaussianBlur(shadow.astype(np.float32) / 255, (0, 0), blur * height)
            canvas *= 1 - strength * shadow[..., None]
    ambient = canvas.reshape(-1, 3).mean(0)
    tint = 0.85 + 0.15 * ambient / ambient.mean()  # a little of the place's own light on the toy
    canvas *= 1 - layer[..., 3:]
    canvas += np.clip(layer[..., :3] * tint, 0, 1)


def render(scene: Scene, library: Library, photographs: Path) -> np.ndarray:
    """The scene as uint8 [H, W, 3] RGB of its own size."""
    large = (scene.size[0] * SUPERSAMPLING, scene.size[1] * SUPERSAMPLING)
    if isinstance(scene.ground, View):
        index = [place.name for place in library.places].index(scene.ground.place)
        ground = perspective(library.panorama(index), scene.ground, large)
    else:
        path = photographs / f"{scene.ground.photograph}.jpg"
        photograph = cv2.imread(str(path))
        if photograph is None:
            raise SystemExit(f"{path} cannot be read. Remove its folder and run this again.")
        ground = crop(cv2.cvtColor(photograph, cv2.COLOR_BGR2RGB), scene.ground, large)
    canvas = ground.astype(np.float32) / 255 * scene.ground.exposure
    names = [entry.name for entry in library.objects]
    for toy in scene.toys:
        place_toy(canvas, library.sprite(names.index(toy.name)), toy)
    small = cv2.resize(canvas, scene.size, interpolation=cv2.INTER_AREA)
    return (np.clip(small, 0, 1) * 255 + 0.5).astype(np.uint8)


def fetch_photographs(root: Path) -> Path:
    """The folder of the Debian package's photographs, first downloaded into the cache where missing."""
    folder = root / DEBIAN_PACKAGE
    if not folder.is_dir():
        with tempfile.TemporaryDirectory() as scratch:
            subprocess.run(["apt-get", "download", DEBIAN_PACKAGE], cwd=scratch, check=True)
            package = next(Path(scratch).glob("*.deb"))
            subprocess.run(["dpkg-deb", "--extract", str(package), str(folder)], check=True)
    return folder / "usr" / "share" / "backgrounds"


def toml_entry(scene: Scene) -> str:
    """One `[[picture]]` table; a JSON string is a TOML string too."""
    values = {
        "file": f"{scene.name}.jpg",
        "title": scene.title,
        "prompt": scene.prompt,
        "grab": list(scene.grab),
        "credit": scene.credit,
        "licence": scene.licence,
    }
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return "\n".join(["[[picture]]", *lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the starter pictures from held-out places and toys.")
    parser.add_argument("--cache", type=Path, help="where training.world.fetch put the pictures")
    root = cache_root(parser.parse_args().cache)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    held, test, photographs = load_library("held", root), load_library("test", root), fetch_photographs(root)
    library = Library("held-out", held.objects + test.objects, held.places + test.places)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for scene in SCENES:
        path = FOLDER / f"{scene.name}.jpg"
        picture = cv2.cvtColor(render(scene, library, photographs), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        log.info("%s %d KB", path.name, path.stat().st_size // 1000)
    head = "# Written by `python -m training.starter_pictures`. grab: normalised, x right, y down.\n"
    (FOLDER / "pictures.toml").write_text("\n".join([head, *map(toml_entry, SCENES)]), encoding="utf-8")


if __name__ == "__main__":
    main()
