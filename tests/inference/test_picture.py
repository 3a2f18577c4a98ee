"""Pictures as people have them: odd ones open right, bad ones get a sentence."""

import contextlib
import io
import itertools
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageFile

from inference.errors import UserError
from inference.picture import MIN_SIDE, WORKING_PIXELS, Picture, best_bucket, load_picture

BUCKETS = ((256, 144), (192, 192), (144, 256))
RED, GREEN, BLUE = (200, 30, 20), (20, 180, 40), (30, 40, 190)


def corners() -> Image.Image:
    """320x200: red top left, green top right, blue below."""
    image = Image.new("RGB", (320, 200), BLUE)
    image.paste(RED, (0, 0, 160, 100))
    image.paste(GREEN, (160, 0, 320, 100))
    return image


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def assert_corners(picture: Picture, tolerance: int = 2) -> None:
    height, width = picture.pixels.shape[:2]
    for x, y, colour in ((0.2, 0.2, RED), (0.8, 0.2, GREEN), (0.5, 0.8, BLUE)):
        pixel = picture.pixels[int(y * height), int(x * width)].astype(int)
        assert np.abs(pixel - colour).max() <= tolerance, (x, y, pixel)


# Ones that open


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True}), ("BMP", {}), ("TIFF", {})])
def test_plain_pictures(kind: str, options: dict[str, Any]) -> None:
    picture = load_picture(encoded(corners(), kind, **options))
    assert picture.pixels.dtype == np.uint8
    assert (picture.size, picture.note) == ((320, 200), "")
    assert_corners(picture, 0)


def test_a_file_has_its_name(tmp_path: Path) -> None:
    path = tmp_path / "toy.jpg"
    path.write_bytes(encoded(corners(), "JPEG", quality=95))
    picture = load_picture(path)
    assert picture.name == "toy.jpg"
    assert_corners(picture, 4)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_orientation_is_applied(orientation: int, kind: str) -> None:
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = corners() if undo is None else corners().transpose(undo)
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = load_picture(encoded(stored, kind, exif=exif.tobytes(), **({"quality": 95} if kind == "JPEG" else {})))
    assert picture.size == (320, 200)
    assert_corners(picture, 4)


@pytest.mark.parametrize("level", [0, 64, 128, 255])
def test_sixteen_bit_grey_has_the_right_brightness(level: int) -> None:
    values = np.full((40, 60), level * 257, np.uint16)
    picture = load_picture(encoded(Image.fromarray(values), "PNG"))
    assert np.abs(picture.pixels.astype(int) - level).max() <= 1


def test_sixteen_bit_colour_has_the_right_brightness() -> None:
    height, width = 40, 60
    row = b"\0" + struct.pack(">3H", *(value * 257 for value in RED)) * width

    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    data = b"\x89PNG\r\n\x1a\n" + part(b"IHDR", struct.pack(">2I5B", width, height, 16, 2, 0, 0, 0))
    data += part(b"IDAT", zlib.compress(row * height)) + part(b"IEND", b"")
    assert np.abs(load_picture(data).pixels.astype(int) - RED).max() <= 1


def test_float_and_bilevel_pictures() -> None:
    grey = load_picture(encoded(Image.fromarray(np.full((40, 60), 0.5, np.float32)), "TIFF"))
    assert np.abs(grey.pixels.astype(int) - 128).max() <= 1
    white = load_picture(encoded(Image.new("1", (60, 40), 1), "PNG"))
    assert (white.pixels == 255).all()


def test_cmyk_has_the_right_colours() -> None:
    picture = load_picture(encoded(corners().convert("CMYK"), "JPEG", quality=95))
    assert_corners(picture, 6)


def test_a_colour_profile_is_applied_and_a_broken_one_ignored() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert_corners(load_picture(encoded(corners(), "PNG", icc_profile=profile)), 2)
    assert_corners(load_picture(encoded(corners(), "PNG", icc_profile=b"nonsense")), 0)
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()  # does not fit RGB
    assert_corners(load_picture(encoded(corners(), "PNG", icc_profile=lab)), 0)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animation_gives_its_first_frame_and_a_note(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    later = [Image.new("RGB", (320, 200), colour) for colour in (RED, GREEN)]
    data = encoded(corners(), kind, save_all=True, append_images=later, duration=100, **options)
    picture = load_picture(data, "dance")
    assert picture.note == "dance is an animation; its first frame is used."
    assert_corners(picture, 8)


def test_transparency_lies_over_mid_grey() -> None:
    image = Image.new("RGBA", (60, 40), (255, 0, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 30, 40))
    for data in (
        encoded(image, "PNG"),
        encoded(image, "WEBP", lossless=True),
        encoded(image.quantize(), "PNG"),
        encoded(image, "GIF"),
    ):
        pixels = load_picture(data).pixels
        assert np.abs(pixels[20, 10].astype(int) - (255, 0, 0)).max() <= 2
        assert np.abs(pixels[20, 50].astype(int) - 128).max() <= 2
    half = load_picture(encoded(Image.new("LA", (60, 40), (0, 128)), "PNG"))
    assert np.abs(half.pixels.astype(int) - 64).max() <= 1


def test_a_small_picture_opens_with_a_note() -> None:
    picture = load_picture(encoded(corners().resize((MIN_SIDE, MIN_SIDE)), "PNG"), "icon.png")
    assert "will look soft" in picture.note
    assert picture.crop((256, 144)).shape == (144, 256, 3)


# Ones that are large


def test_a_large_picture_is_reduced_to_the_working_size() -> None:
    for kind in ("JPEG", "PNG"):
        picture = load_picture(encoded(corners().resize((4000, 2500)), kind))
        width, height = picture.size
        assert width * height <= WORKING_PIXELS * 1.01
        assert width / height == pytest.approx(1.6, rel=0.01)
        assert_corners(picture, 4)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak of a process is read from /proc")
@pytest.mark.parametrize(("kind", "limit_mb"), [("JPEG", 250), ("PNG", 300)])
def test_100_megapixels_open_without_gigabytes(tmp_path: Path, kind: str, limit_mb: int) -> None:
    path = tmp_path / f"huge.{kind.lower()}"
    Image.new("L", (10_000, 10_000), 77).save(path, kind)
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from inference.picture import load_picture\n"
        "picture = load_picture(sys.argv[1])\n"
        "assert abs(picture.pixels.astype(int) - 77).max() <= 2\n"
        "status = dict(line.split(':', 1) for line in Path('/proc/self/status').read_text().splitlines())\n"
        "print(picture.size[0], int(status['VmHWM'].split()[0]) // 1024)\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], cwd=root, capture_output=True, text=True, check=True, timeout=120
    )
    side, peak_mb = map(int, done.stdout.split())
    assert side <= 2000
    assert peak_mb < limit_mb


def test_more_than_the_limit_is_refused_from_the_header_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def header(side: int) -> bytes:
        data = struct.pack(">2I5B", side, side, 8, 2, 0, 0, 0)
        chunk = struct.pack(">I", len(data)) + b"IHDR" + data + struct.pack(">I", zlib.crc32(b"IHDR" + data))
        idat = zlib.compress(b"")
        return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", len(idat)) + b"IDAT" + idat + bytes(4)

    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda image: pytest.fail("it was decoded"))
    for side in (12_000, 60_000):
        with pytest.raises(UserError, match="larger than 128 megapixels"):
            load_picture(header(side), "sky.png")


# Ones that do not open


def test_bad_files_get_a_sentence(tmp_path: Path) -> None:
    whole = encoded(corners(), "PNG")
    noise = np.random.default_rng(0).integers(0, 255, (200, 320, 3), np.uint8)
    jpeg = encoded(Image.fromarray(noise), "JPEG")
    files = {
        "empty.png": (b"", "empty.png is empty"),
        "text.png": (b"dear diary, today\n" * 50, "not a picture this program can read"),
        "cut.png": (whole[:-300], "damaged or cut short"),
        "cut.jpg": (jpeg[: len(jpeg) // 2], "damaged or cut short"),
        "stub.png": (whole[:20], "not a picture this program can read"),
        "pixel.png": (encoded(Image.new("RGB", (1, 1)), "PNG"), r"too small \(1x1 pixels\)"),
        "line.png": (encoded(Image.new("RGB", (500, 2)), "PNG"), r"too small \(500x2 pixels\)"),
        "script.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
    }
    for name, (data, sentence) in files.items():
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(UserError, match=sentence) as caught:
            load_picture(path)
        assert name in str(caught.value)
        assert caught.value.next


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There is no picture at"):
        load_picture(tmp_path / "absent.png")
    with pytest.raises(UserError, match="cannot be read"):
        load_picture(tmp_path)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow says which tag it skipped
@given(st.integers(0, 2**32), st.integers(1, 20), st.sampled_from(["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP"]))
def test_any_damage_opens_or_is_a_sentence(seed: int, count: int, kind: str) -> None:
    data = bytearray(encoded(corners().resize((40, 24)), kind))
    rng = np.random.default_rng(seed)
    for place in rng.integers(0, len(data), count):
        data[place] = rng.integers(0, 256)
    with contextlib.suppress(UserError):
        picture = load_picture(bytes(data))
        assert picture.pixels.dtype == np.uint8
        assert picture.pixels.shape[2] == 3


# The crop


def test_the_best_bucket_has_the_nearest_aspect() -> None:
    for size, bucket in (((1920, 1080), (256, 144)), ((1000, 990), (192, 192)), ((600, 900), (144, 256))):
        assert best_bucket(Picture(np.zeros((*size[::-1], 3), np.uint8)), BUCKETS) == bucket
    assert best_bucket(Picture(np.zeros((20, 4000, 3), np.uint8)), BUCKETS) == (256, 144)


@given(
    st.sampled_from(BUCKETS),
    st.tuples(st.integers(16, 300), st.integers(16, 300)),
    st.tuples(st.floats(-1, 2), st.floats(-1, 2)),
    st.floats(0.5, 20),
)
def test_every_crop_is_inside_and_keeps_the_aspect(
    bucket: tuple[int, int], size: tuple[int, int], centre: tuple[float, float], zoom: float
) -> None:
    picture = Picture(np.full((size[1], size[0], 3), 77, np.uint8))
    left, top, right, bottom = picture.crop_box(bucket, centre, zoom)
    assert 0 <= left < right <= 1
    assert 0 <= top < bottom <= 1
    aspect = (right - left) * size[0] / ((bottom - top) * size[1])
    assert aspect == pytest.approx(bucket[0] / bucket[1], rel=1e-6)
    pixels = picture.crop(bucket, centre, zoom)
    assert pixels.shape == (bucket[1], bucket[0], 3)
    assert (pixels == 77).all()


def test_the_crop_shows_what_it_says() -> None:
    picture = Picture(np.asarray(corners()))
    assert (picture.crop((192, 192), (0.2, 0.2), 4.0) == RED).all()
    assert (picture.crop((192, 192), (0.8, 0.2), 4.0) == GREEN).all()


def test_shrinking_averages_over_areas() -> None:
    stripes = np.zeros((288, 512, 3), np.uint8)
    stripes[:, ::2] = 255
    shrunk = Picture(stripes).crop((256, 144)).astype(int)
    assert np.abs(shrunk - 127.5).max() <= 1


@pytest.mark.parametrize(
    ("size", "zoom", "expected"),
    [((4000, 2250), 1.0, (1024, 576)), ((640, 360), 1.0, (640, 360)), ((300, 169), 1.0, (512, 288)),
     ((1600, 900), 4.0, (512, 288)), ((1600, 900), 2.0, (800, 450))],
)  # fmt: skip
def test_the_photograph_keeps_the_pictures_own_pixels(size, zoom, expected) -> None:
    picture = Picture(np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), np.uint8))
    photograph = picture.photograph((256, 144), (0.4, 0.6), zoom)
    assert photograph.shape == (expected[1], expected[0], 3)
    if size == expected:
        assert np.array_equal(photograph, picture.pixels)


def test_the_photograph_shows_what_the_crop_shows() -> None:
    y, x = np.mgrid[0:900, 0:1600]
    picture = Picture(np.stack([x * 255 // 1600, y * 255 // 900, (x + y) % 256], 2).astype(np.uint8))
    crop, photograph = (f((192, 192), (0.3, 0.7), 1.3).astype(float) for f in (picture.crop, picture.photograph))
    columns = np.linspace(0, photograph.shape[1], 193).astype(int)
    means = np.array([photograph[:, a:b, :2].mean((0, 1)) for a, b in itertools.pairwise(columns)])
    assert np.abs(means - crop[..., :2].mean(0)).max() < 2.0
