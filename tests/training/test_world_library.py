"""The library: names, the split, decoding, and fetching what is pinned."""

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from inference.errors import UserError
from tests.training.world_pictures import drawn_object, drawn_place, tiny_library
from training.world import load_library, make_clip
from training.world.fetch import fetch, tone_map
from training.world.library import SPLITS, split_of, trimmed
from training.world.names import code_points, plain_name
from training.world.photographs import allowed, laid_around
from training.world.pieces import cut_piece
from training.world.sources import EMOJI, PANORAMAS, cache_root


def write_cache(root: Path, codes: tuple[int, ...]) -> None:
    emoji, places = root / EMOJI.folder / "assets", root / PANORAMAS.folder / "panoramas"
    emoji.mkdir(parents=True)
    places.mkdir(parents=True)
    for code in codes:
        (emoji / f"{code:04x}.webp").write_bytes(b"never decoded here")
    for name in ("dawn", "venice", "city", "hall"):
        (places / f"{name}.png").write_bytes(b"never decoded here")


def test_split_is_disjoint_and_by_name(tmp_path: Path) -> None:
    codes = code_points()[::4]
    write_cache(tmp_path, codes)
    train, held, test = (load_library(split, tmp_path) for split in SPLITS)
    for kind in ("objects", "places"):
        names = [{entry.name for entry in getattr(part, kind)} for part in (train, held, test)]
        assert all(names)
        assert len(set.union(*names)) == sum(map(len, names))
    assert len(train.objects) + len(held.objects) + len(test.objects) == len(codes)
    assert 0.04 < (len(held.objects) + len(test.objects)) / len(codes) < 0.18


def test_split_never_changes() -> None:
    assert split_of("kiara_1_dawn") == "test"
    assert split_of("venice") == "held"
    assert split_of("potsdamer_platz") == "train"
    splits = [split_of(f"thing {i}") for i in range(1000)]
    assert 35 < splits.count("held") < 65
    assert 35 < splits.count("test") < 65


def test_a_renamed_place_keeps_its_side(tmp_path: Path) -> None:
    write_cache(tmp_path, code_points()[::4])
    assert "kiara_1_dawn" in {entry.name for entry in load_library("test", tmp_path).places}


def test_empty_cache_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"training\.world\.fetch"):
        load_library("train", tmp_path)
    with pytest.raises(ValueError, match="split"):
        load_library("unseen", tmp_path)


def test_a_library_travels_to_a_worker_as_its_list() -> None:
    library = tiny_library()
    library.sprite(0)
    copy = pickle.loads(pickle.dumps(library))
    assert np.array_equal(copy.sprite(0), library.sprite(0))
    assert copy.split == library.split


def test_names_are_things() -> None:
    codes = code_points()
    names = [plain_name(code) for code in codes]
    assert 600 < len(codes) < 720
    assert all(names)
    assert names[codes.index(0x1F680)] == "rocket"
    assert names[codes.index(0x2B50)] == "star"
    assert 0x1F600 not in codes  # grinning face
    assert 0x2764 not in codes  # heart
    unwanted = ("symbol", "emoji", "sign", "person", "man", "woman", "flag", "heart")
    words = {word for name in names if "mailbox" not in name for word in name.split()}
    assert words.isdisjoint(unwanted)


def test_sprites_are_premultiplied_and_cut() -> None:
    sprite = trimmed(drawn_object("ring"))
    assert (sprite[..., :3] <= sprite[..., 3:]).all()
    assert not sprite[[0, 1, -1, -2], :, 3].any()
    assert sprite[2:-2, :, 3].max(axis=1).min() > 32


def test_pieces_are_whole_shapes() -> None:
    for seed in range(5):
        piece = cut_piece(np.random.default_rng(seed), drawn_place(3))
        assert (piece[..., :3] <= piece[..., 3:]).all()
        assert not piece[[0, -1], :, 3].any()
        assert not piece[:, [0, -1], 3].any()
        assert (piece[..., 3] == 255).mean() > 0.2
        shapes, _ = cv2.connectedComponents((piece[..., 3] > 127).astype(np.uint8))
        assert shapes == 2  # the outside and one piece


def test_tone_map_takes_negatives_and_the_sun() -> None:
    linear = np.full((8, 16, 3), 0.3)
    linear[0, 0], linear[0, 1] = -0.1, np.inf
    picture = tone_map(linear)
    assert tuple(picture[0, 0]) == (0, 0, 0)
    assert tuple(picture[0, 1]) == (255, 255, 255)
    assert 90 < picture[4, 4, 0] < 220


def test_fetch_says_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / EMOJI.folder).mkdir()
    with pytest.raises(UserError, match=r"holds 0 of 3391.*Remove the folder"):
        fetch(EMOJI, tmp_path)
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(UserError, match="npm was not found"):
        fetch(PANORAMAS, tmp_path)
    assert not (tmp_path / PANORAMAS.folder).exists()


COPYRIGHT = """Format: a Debian copyright file

Files: a/lake_by_Ann.jpg
Copyright: Ann, 2018
License: CC-BY-4.0

Files: a/wood_by_Bob.jpg
 a/moor_by_Bob.jpg
Copyright: Bob
License: CC0-1.0

Files: a/hill_by_Cy.jpg
Copyright: Cy
License: CC-BY-SA-4.0

Files: *
Copyright: Dee
License: CC-BY-4.0
"""


def test_only_free_photographs_are_kept() -> None:
    credits = {credit.file: (credit.author, credit.licence) for credit in allowed(COPYRIGHT)}
    assert credits == {
        "lake_by_Ann.jpg": ("Ann, 2018", "CC-BY-4.0"),
        "wood_by_Bob.jpg": ("Bob", "CC0-1.0"),
        "moor_by_Bob.jpg": ("Bob", "CC0-1.0"),
    }


@pytest.mark.parametrize("shape", [(90, 160), (160, 90)])
def test_a_photograph_closes_around_the_eye(shape: tuple[int, int]) -> None:
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    around = laid_around(np.stack([x, y, x], axis=2).astype(np.uint8), 256).astype(int)
    assert around.shape == (256, 512, 3)
    assert np.abs(np.diff(around, axis=0)).max() < 10
    assert np.abs(np.diff(around, axis=1)).max() < 10
    assert np.abs(around[:, 0] - around[:, -1]).max() < 10


def test_cache_root_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTIONSTREAM_CACHE", str(tmp_path))
    assert cache_root() == tmp_path / "world"
    monkeypatch.delenv("MOTIONSTREAM_CACHE")
    assert cache_root() == Path.home() / ".cache" / "motionstream" / "world"


@pytest.mark.skipif(not (cache_root() / EMOJI.folder).is_dir(), reason="`python -m training.world.fetch` was not run")
def test_the_real_world() -> None:
    libraries = [load_library(split) for split in SPLITS]
    assert sum(len(library.objects) for library in libraries) > 600
    assert sum(len(library.places) for library in libraries) >= 18
    for library in libraries:
        clip = make_clip(library, 7, frames=5)
        assert clip.frames.std() > 5
        assert clip.visible.any()
