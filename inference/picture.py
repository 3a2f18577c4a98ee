"""Pictures from outside: any file or clipboard content a person has becomes plain 8-bit pixels, or a
sentence.

Owns decoding, orientation, colour, transparency and the crop to a bucket. Never keeps a decoded picture
larger than the working size, never runs a decoder that can execute code, never touches Qt. Any thread.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from inference.errors import UserError

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")  # none whose decoder runs other programs
MAX_PIXELS = 128_000_000  # the largest cameras make 102 MP
MIN_SIDE = 16  # below this there is nothing to see once it is enlarged
WORKING_PIXELS = 4_000_000  # leaves a 256-pixel bucket sharp down to an eighth of the picture
MID_GREY = (128, 128, 128)
MAX_ZOOM = 8.0
PHOTOGRAPH_SCALE = (2.0, 4.0)  # least and most, against a bucket: 1024x576 for one of 256x144

_NEXT = "Choose a PNG, JPEG or WebP picture."
_ORIENTATION_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture. pixels: uint8 [H, W, 3], sRGB, upright, at most the working size. note: what a
    person should know about it, "" when nothing."""

    pixels: np.ndarray
    name: str = ""
    note: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]

    def crop_box(
        self, bucket: tuple[int, int], centre: tuple[float, float] = (0.5, 0.5), zoom: float = 1.0
    ) -> tuple[float, float, float, float]:
        """The part that `crop` shows: left, top, right, bottom in normalised picture coordinates.

        zoom 1 is the largest part with the bucket's aspect, up to MAX_ZOOM; the centre is moved so that it
        stays inside.
        """
        width, height = self.size
        scale = min(width / bucket[0], height / bucket[1]) / min(max(zoom, 1.0), MAX_ZOOM)
        wide, high = bucket[0] * scale / width, bucket[1] * scale / height
        left = min(max(centre[0] - wide / 2, 0.0), max(1.0 - wide, 0.0))
        top = min(max(centre[1] - high / 2, 0.0), max(1.0 - high, 0.0))
        return left, top, min(left + wide, 1.0), min(top + high, 1.0)

    def crop(self, bucket: tuple[int, int], centre: tuple[float, float] = (0.5, 0.5), zoom: float = 1.0) -> np.ndarray:
        """The part of the picture at a bucket's size (width, height) -> uint8 [H, W, 3], averaged over areas
        where it shrinks and smooth where it grows."""
        width, height = self.size
        left, top, right, bottom = self.crop_box(bucket, centre, zoom)
        box = (left * width, top * height, right * width, bottom * height)
        shrinks = box[2] - box[0] >= bucket[0]
        resample = Image.Resampling.BOX if shrinks else Image.Resampling.BICUBIC
        return np.array(Image.fromarray(self.pixels).resize(bucket, resample, box))

    def photograph(
        self, bucket: tuple[int, int], centre: tuple[float, float] = (0.5, 0.5), zoom: float = 1.0
    ) -> np.ndarray:
        """The same part of the picture at its own resolution, but two to four times the bucket's size -> uint8 [H, W,
        3]: what the model's frames are too small to hold."""
        left, _, right, _ = self.crop_box(bucket, centre, zoom)
        least, most = PHOTOGRAPH_SCALE
        scale = min(max((right - left) * self.size[0] / bucket[0], least), most)
        return self.crop((round(bucket[0] * scale), round(bucket[1] * scale)), centre, zoom)


def best_bucket(picture: Picture, buckets: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The bucket (width, height) whose aspect is nearest to the picture's."""
    return nearest_bucket(picture.size[0] / picture.size[1], buckets)


def nearest_bucket(aspect: float, buckets: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The bucket (width, height) whose width over height is nearest to `aspect`."""
    return min(buckets, key=lambda bucket: abs(math.log(bucket[0] / bucket[1] / aspect)))


def load_picture(source: str | Path | bytes, name: str = "") -> Picture:
    """Decode a file or its bytes. UserError with a sentence for whatever cannot be opened."""
    if isinstance(source, bytes):
        data, name = source, name or "The picture"
    else:
        path = Path(source)
        name = name or path.name
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise UserError(f"There is no picture at {path}.", next="Check the name, or choose another one.") from error
        except OSError as error:
            raise UserError(f"{name} cannot be read ({error.strerror}).", next=_NEXT) from error
    if not data:
        raise UserError(f"{name} is empty.", next=_NEXT)
    try:
        return _decode(data, name)
    except MemoryError as error:
        raise UserError(f"{name} does not fit into the memory.", next="Make it smaller, then open it.") from error


def _decode(data: bytes, name: str) -> Picture:
    image = _open(data, name)
    full_size = image.size
    if full_size[0] * full_size[1] > MAX_PIXELS:
        raise _too_large(name, f" ({full_size[0]}x{full_size[1]})")
    if min(full_size) < MIN_SIDE:
        raise UserError(
            f"{name} is too small ({full_size[0]}x{full_size[1]} pixels).",
            next=f"Choose a picture of at least {MIN_SIDE}x{MIN_SIDE} pixels.",
        )
    notes = []
    if getattr(image, "is_animated", False) and image.format not in ("MPO", "TIFF"):
        notes.append(f"{name} is an animation; its first frame is used.")
    profile = image.info.get("icc_profile")
    try:
        # A JPEG is decoded at 1/2, 1/4 or 1/8 already: no memory for its full size.
        image.draft(image.mode, _working_size(full_size))
        image.load()
        turn = _TURNS.get(image.getexif().get(_ORIENTATION_TAG, 1))
        pixels = _to_rgb(_reduced(_plain_mode(image)), profile)
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
    ) as error:  # what Pillow's decoders raise on damaged data
        raise UserError(f"{name} is damaged or cut short, so it cannot be opened.", next=_NEXT) from error
    if turn is not None:
        pixels = pixels.transpose(turn)
    if min(full_size) < 144:
        notes.append(f"{name} is small ({full_size[0]}x{full_size[1]} pixels) and will look soft.")
    return Picture(np.array(pixels), name, " ".join(notes))


def _open(data: bytes, name: str) -> Image.Image:
    """The header only; nothing is decoded yet."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # MAX_PIXELS is the limit here
            return Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise _too_large(name, "") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise UserError(f"{name} is not a picture this program can read, or it is damaged.", next=_NEXT) from error


def _too_large(name: str, size: str) -> UserError:
    return UserError(
        f"{name} is larger than {MAX_PIXELS // 1_000_000} megapixels{size}.",
        next="Make it smaller, then open it.",
    )


def _working_size(size: tuple[int, int]) -> tuple[int, int]:
    scale = min(1.0, math.sqrt(WORKING_PIXELS / (size[0] * size[1])))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _plain_mode(image: Image.Image) -> Image.Image:
    """A mode whose values may be averaged, 8 bits a channel: no palette, no single bits, no 16 bits."""
    if image.mode.startswith("I;16"):
        values = np.asarray(image)
        return Image.fromarray((values >> 8).astype(np.uint8))
    if image.mode == "I":
        return Image.fromarray((np.asarray(image).clip(0, 65535) >> 8).astype(np.uint8))
    if image.mode == "F":
        return Image.fromarray((np.nan_to_num(np.asarray(image)).clip(0, 1) * 255).round().astype(np.uint8))
    if image.has_transparency_data:
        return image if image.mode in ("RGBA", "LA") else image.convert("RGBA")
    if image.mode in ("L", "RGB", "CMYK"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _reduced(image: Image.Image) -> Image.Image:
    """At most the working size, averaged over areas."""
    size = _working_size(image.size)
    return image if size == image.size else image.resize(size, Image.Resampling.BOX, reducing_gap=1.0)


def _to_rgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """sRGB without transparency, which lies over mid grey."""
    if image.mode in ("RGBA", "LA"):
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, (*MID_GREY, 255))
        image = Image.alpha_composite(ground, image).convert("RGB")
    if profile and image.mode in ("RGB", "CMYK"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            return converted if converted is not None else image.convert("RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # a broken or mismatching profile: the plain conversion is right enough
    return image.convert("RGB")
