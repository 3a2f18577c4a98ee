"""The pictures a clip may use: objects with alpha, and places as equirectangular panoramas.

Owns finding them in the cache, their names, the split, and decoding with a small memory. Never downloads (that is
`fetch`), never draws a clip. One library a process; not shared between threads.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from inference.errors import UserError
from training.world.names import code_points, plain_name
from training.world.photographs import PACKAGE, STARTERS, laid_around
from training.world.sources import EMOJI, PANORAMAS, cache_root, panorama_folder

SPLITS = ("train", "held", "test")
# The npm package renamed Poly Haven's panoramas; one place must stay on one side of the split under both names.
_PLACE_NAMES = {
    "apartment": "lebombo", "bridge": "adams_place_bridge", "city": "potsdamer_platz", "dawn": "kiara_1_dawn",
    "forest": "forest_slope", "hall": "dancing_hall", "lobby": "st_fagans_interior", "night": "dikhololo_night",
    "park": "rooitou_park", "studio": "studio_small_03", "warehouse": "empty_warehouse_01",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Entry:
    """One picture: its name, the file it is in or the picture itself, and how often it is drawn beside others."""

    name: str
    source: Path | np.ndarray
    weight: float = 1.0


@dataclass(frozen=True, eq=False)
class Library:
    """objects: uint8 RGBA straight alpha; places: uint8 RGB, equirectangular where 2:1, else photographs.

    All of one split.
    """

    split: str
    objects: tuple[Entry, ...]
    places: tuple[Entry, ...]
    _sprites: Callable[[int], np.ndarray] = field(init=False, repr=False)
    _panoramas: Callable[[int], np.ndarray] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.objects or not self.places:
            raise ValueError("a library needs at least one object and one place")
        self._remember()

    def sprite(self, index: int) -> np.ndarray:
        """uint8 [h, w, 4] premultiplied, cut to what is opaque."""
        return self._sprites(index)

    def panorama(self, index: int) -> np.ndarray:
        """uint8 [H, 2H, 3], enlarged and sharpened to at least 2048 wide."""
        return self._panoramas(index)

    def draw_place(self, rng: np.random.Generator) -> np.ndarray:
        """The panorama of a place drawn by weight."""
        weights = np.array([entry.weight for entry in self.places])
        return self.panorama(int(rng.choice(len(weights), p=weights / weights.sum())))

    def _remember(self) -> None:
        load_sprite = lru_cache(maxsize=1024)(lambda index: trimmed(_read(self.objects[index].source, alpha=True)))
        load_panorama = lru_cache(maxsize=64)(lambda index: _panorama(_read(self.places[index].source, alpha=False)))
        object.__setattr__(self, "_sprites", load_sprite)
        object.__setattr__(self, "_panoramas", load_panorama)

    def __getstate__(self) -> dict[str, object]:
        # A spawned worker gets the list of files, not what this process has decoded.
        return {"split": self.split, "objects": self.objects, "places": self.places}

    def __setstate__(self, state: dict[str, object]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)
        self._remember()


def split_of(name: str) -> str:
    """The split of the object or place of this name, by hashes of the name alone.

    A tenth is kept from training: 'held', on which choices are made, and 'test', on which none is any more: it is for
    `benchmarks.quality` alone (the starter pictures show some of it).
    """
    if _hash(f"world {name}") % 10:
        return "train"
    return "test" if _hash(f"quality {name}") % 2 else "held"


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def load_library(split: str = "train", cache: Path | str | None = None) -> Library:
    """The fetched pictures of one split of SPLITS. Raises UserError where nothing was fetched."""
    if split not in SPLITS:
        raise ValueError(f"split must be one of {SPLITS}, not {split!r}")
    root = cache_root(cache)
    objects, places = _objects(root / EMOJI.folder), _places(root / PANORAMAS.folder)
    if not objects or not places:
        raise UserError(
            f"The world's pictures are not in {root}.", next="Run `python -m training.world.fetch` to get them."
        )
    return Library(
        split,
        tuple(entry for entry in objects if split_of(entry.name) == split),
        tuple(entry for entry in places if split_of(entry.name) == split),
    )


def _objects(folder: Path) -> list[Entry]:
    entries = []
    for code in code_points():
        for stem in (f"{code:04x}", f"{code:04x}-fe0f"):
            path = folder / "assets" / f"{stem}.webp"
            if path.is_file():
                entries.append(Entry(plain_name(code), path))
                break
    return entries


def _places(folder: Path) -> list[Entry]:
    found: dict[str, Entry] = {}
    for png in sorted((folder / "panoramas").glob("*.png")):
        name = _PLACE_NAMES.get(png.stem, png.stem)
        found[name] = Entry(name, png, 0.3)  # 512 wide: soft in a view
    for jpg in sorted(panorama_folder().glob("*_1k.jpg")):  # some are the same places with four times the pixels
        name = jpg.stem.removesuffix("_1k")
        found[name] = Entry(name, jpg)
    for jpg in sorted((folder.parent / PACKAGE).glob("*.jpg")):
        if jpg.stem.replace(" ", "_") not in STARTERS:
            found[jpg.stem] = Entry(jpg.stem, jpg)
    return [found[name] for name in sorted(found)]


def _read(source: Path | np.ndarray, *, alpha: bool) -> np.ndarray:
    if isinstance(source, np.ndarray):
        return source
    picture = cv2.imread(str(source), cv2.IMREAD_UNCHANGED if alpha else cv2.IMREAD_COLOR)
    if picture is None or (alpha and picture.ndim != 3):
        raise UserError(f"{source} cannot be read as a picture.", next="Remove its folder and fetch again.")
    if not alpha:
        return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    return cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA if picture.shape[2] == 4 else cv2.COLOR_BGR2RGBA)


def trimmed(rgba: np.ndarray) -> np.ndarray:
    """uint8 [h, w, 4] straight alpha -> premultiplied, cut to its opaque box with two clear pixels around."""
    rows, columns = np.flatnonzero(rgba[..., 3].max(1) > 32), np.flatnonzero(rgba[..., 3].max(0) > 32)
    cut = rgba[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float32)
    cut[..., :3] *= cut[..., 3:] / 255
    return np.pad((cut + 0.5).astype(np.uint8), ((2, 2), (2, 2), (0, 0)))


def _panorama(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    return crisp(picture) if width == 2 * height else laid_around(picture)


def crisp(panorama: np.ndarray) -> np.ndarray:
    """Enlarges to 2048 wide where smaller and sharpens, since a view shows about a fifth of the width."""
    width = panorama.shape[1]
    if width >= 2048:
        return panorama
    large = cv2.resize(panorama, (2048, 1024), interpolation=cv2.INTER_CUBIC)
    soft = cv2.GaussianBlur(large, (0, 0), 0.8 * 2048 / width)
    return cv2.addWeighted(large, 1.5, soft, -0.5, 0)
