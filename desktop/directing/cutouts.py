"""The pictures that a composition is made of: the bundled toy box, and a person's own cut-outs and backgrounds.

Owns reading them, and the folder that keeps a person's own so that a composition can be taken up again. Never shows
one. Reading a file is for any thread; a `Shelf` is for one.

A name is a file's: of a bundled picture, or `own-<hash>.png` of a person's.
"""

from __future__ import annotations

import hashlib
import io
import logging
import tomllib
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from inference.errors import UserError
from inference.picture import MIN_SIDE

log = logging.getLogger(__name__)

MAX_PIXELS = 40_000_000  # decoded whole: a PNG cannot be read smaller
MAX_SIDE = 768  # what is kept of an own cut-out: more than a toy is ever drawn
FORMATS = ("PNG", "WEBP")
_SEEN, _CLEAR = 32, 224  # alpha: above, something is there; below, something shows through


@dataclass(frozen=True)
class Toy:
    """A bundled cut-out. floats: in the air, hence without a shadow."""

    name: str
    title: str
    kind: str
    floats: bool


@dataclass(frozen=True)
class Background:
    name: str
    title: str


class Shelf:
    """Pictures by name, each read once. bundled: `assets/toys`; own: a folder of the person's, made when needed."""

    def __init__(self, bundled: Path, own: Path) -> None:
        self._bundled, self._own = bundled, own
        self._read: dict[str, Image.Image] = {}
        index = bundled / "toys.toml"
        table = tomllib.loads(index.read_text(encoding="utf-8")) if index.is_file() else {}
        if not table:
            log.warning("no toys folder=%s", bundled)
        self.toys = tuple(Toy(e["file"], e["title"], e["kind"], e["floats"]) for e in table.get("toy", ()))
        self.backgrounds = tuple(Background(e["file"], e["title"]) for e in table.get("background", ()))

    def picture(self, name: str) -> Image.Image:
        """RGBA of a cut-out, cut to what is to be seen; RGB of a background. Raises UserError where it is gone."""
        if name not in self._read:
            folder = self._own if name.startswith("own-") else self._bundled
            try:
                image = Image.open(folder / Path(name).name, formats=FORMATS)
                image.load()
            except (OSError, SyntaxError, ValueError) as error:
                raise UserError(
                    f"{name}, a part of this composition, cannot be read.", next="Compose it anew."
                ) from error
            has_alpha = "A" in image.getbands()
            self._read[name] = _trimmed(image.convert("RGBA")) if has_alpha else image.convert("RGB")
        return self._read[name]

    def keep(self, image: Image.Image) -> str:
        """Keeps a person's own picture; its name. Raises UserError where the disk does not take it."""
        data = io.BytesIO()
        image.save(data, "PNG")
        name = f"own-{hashlib.sha256(data.getvalue()).hexdigest()[:16]}.png"
        try:
            self._own.mkdir(parents=True, exist_ok=True)
            (self._own / name).write_bytes(data.getvalue())
        except OSError as error:
            raise UserError(
                f"The picture cannot be kept: {error}.", next="Make room on the disk, try again."
            ) from error
        return name


def read_cutout(path: Path) -> Image.Image:
    """A person's PNG or WebP with transparent parts: RGBA, cut to what is to be seen, at most MAX_SIDE large.

    Raises UserError with a sentence for everything else.
    """
    name = path.name
    no_cutout = "A toy is a PNG or WebP picture whose surroundings are transparent."
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # MAX_PIXELS is the limit here
            image = Image.open(path, formats=FORMATS)
            if image.width * image.height > MAX_PIXELS:
                raise _too_large(name)
            if "A" not in image.getbands() and "transparency" not in image.info:
                raise UserError(f"{name} has no transparent parts.", next=f"{no_cutout} Or open it as a picture.")
            rgba = image.convert("RGBA")
    except FileNotFoundError as error:
        raise UserError(f"There is no picture at {path}.", next="Choose another one.") from error
    except Image.DecompressionBombError as error:
        raise _too_large(name) from error
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError) as error:  # what decoders raise on damaged data
        raise UserError(f"{name} cannot be read as a PNG or WebP picture.", next=no_cutout) from error
    alpha = np.asarray(rgba.getchannel("A"))
    if alpha.max() <= _SEEN:
        raise UserError(f"{name} is transparent everywhere: there is nothing to see.", next="Choose another one.")
    if alpha.min() >= _CLEAR:
        raise UserError(f"{name} has no transparent parts.", next=f"{no_cutout} Or open it as a picture.")
    cut = _trimmed(rgba)
    if min(cut.size) < MIN_SIDE:
        raise UserError(f"{name} is too small.", next=f"Choose one of at least {MIN_SIDE}x{MIN_SIDE} pixels.")
    cut.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    return cut


def _trimmed(rgba: Image.Image) -> Image.Image:
    seen = rgba.getchannel("A").point(lambda a: 255 if a > _SEEN else 0).getbbox()
    return rgba.crop(seen) if seen else rgba


def _too_large(name: str) -> UserError:
    return UserError(f"{name} is too large.", next=f"Make it smaller: at most {MAX_PIXELS // 1_000_000} megapixels.")
