"""The toy box's pictures: what ships, and what a person's own files may be."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from desktop.directing import cutouts
from desktop.directing.cutouts import MAX_SIDE, Shelf, read_cutout
from inference.errors import UserError

TOYS = Path(__file__).resolve().parents[2] / "assets" / "toys"


def disc(side: int = 200) -> Image.Image:
    y, x = np.mgrid[0:side, 0:side] - (side - 1) / 2
    pixels = np.full((side, side, 4), 200, np.uint8)
    pixels[..., 3] = np.where(np.hypot(x, y) < side / 4, 255, 0)
    return Image.fromarray(pixels)


def test_what_ships_is_credited_and_small(tmp_path: Path) -> None:
    shelf = Shelf(TOYS, tmp_path)
    table = tomllib.loads((TOYS / "toys.toml").read_text(encoding="utf-8"))
    listed = {entry["file"] for entry in (*table["toy"], *table["background"])}
    assert listed == {path.name for path in TOYS.glob("*.webp")}
    assert {entry["licence"] for entry in table["toy"]} == {"MIT"}
    assert {entry["licence"] for entry in table["background"]} == {"CC0-1.0"}
    assert all(entry["credit"] for entry in (*table["toy"], *table["background"]))
    assert 24 <= len(shelf.toys) <= 40
    assert 6 <= len(shelf.backgrounds) <= 10
    assert sum(path.stat().st_size for path in TOYS.iterdir()) < 1_500_000
    for toy in shelf.toys:
        image = shelf.picture(toy.name)
        alpha = np.asarray(image.getchannel("A"))
        assert image.mode == "RGBA"
        assert max(image.size) > 128
        assert alpha.max() == 255
        assert alpha.min() == 0
    for background in shelf.backgrounds:
        assert shelf.picture(background.name).mode == "RGB"
        assert shelf.picture(background.name).size == (1024, 576)


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_an_own_cutout_is_trimmed_and_kept(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"disc{suffix}"
    disc().save(path)
    cut = read_cutout(path)
    assert cut.mode == "RGBA"
    assert cut.size == pytest.approx((100, 100), abs=4)
    shelf = Shelf(TOYS, tmp_path / "kept")
    name = shelf.keep(cut)
    assert shelf.keep(cut) == name
    again = Shelf(TOYS, tmp_path / "kept").picture(name)
    assert np.array_equal(np.asarray(again), np.asarray(cut))


def test_a_palette_with_transparency_and_a_large_one_do_too(tmp_path: Path) -> None:
    path = tmp_path / "palette.png"
    flat = Image.new("P", (64, 64), 0)
    flat.putpalette([0, 0, 0, 250, 10, 10])
    flat.paste(1, (16, 16, 48, 48))
    flat.save(path, transparency=0)
    assert read_cutout(path).size == (32, 32)
    disc(4000).save(tmp_path / "large.png")
    assert max(read_cutout(tmp_path / "large.png").size) == MAX_SIDE


def _png(path: Path, image: Image.Image) -> None:
    image.save(path, "PNG")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda p: _png(p, Image.new("RGB", (64, 64))), "no transparent parts"),
        (lambda p: _png(p, Image.new("RGBA", (64, 64), (9, 9, 9, 255))), "no transparent parts"),
        (lambda p: _png(p, Image.new("RGBA", (64, 64), (9, 9, 9, 0))), "nothing to see"),
        (lambda p: _png(p, disc(20)), "too small"),
        (lambda p: p.write_bytes(b"this is no picture"), "cannot be read"),
        (lambda p: p.write_bytes(b""), "cannot be read"),
        (lambda p: (_png(p, disc()), p.write_bytes(p.read_bytes()[:300])), "cannot be read"),
        (lambda p: Image.new("RGB", (64, 64)).save(p, "JPEG"), "cannot be read"),
        (lambda p: None, "There is no picture"),
    ],
)
def test_other_files_get_a_sentence(tmp_path: Path, make, says: str) -> None:
    path = tmp_path / "thing.png"
    make(path)
    with pytest.raises(UserError, match=says) as caught:
        read_cutout(path)
    assert caught.value.next


def test_a_huge_one_is_refused_before_it_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "huge.png"
    Image.new("LA", (9000, 5000)).save(path)
    monkeypatch.setattr(Image.Image, "convert", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(UserError, match="too large"):
        read_cutout(path)


def test_a_part_that_is_gone_is_told(tmp_path: Path) -> None:
    shelf = Shelf(TOYS, tmp_path)
    for name in ("own-0123.png", "../../pictures/dog.jpg"):
        with pytest.raises(UserError, match="cannot be read"):
            shelf.picture(name)


def test_without_the_folder_there_are_no_toys(tmp_path: Path) -> None:
    assert Shelf(tmp_path, tmp_path).toys == ()
    assert cutouts.FORMATS == ("PNG", "WEBP")
