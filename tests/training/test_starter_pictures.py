"""The bundled starter pictures agree with their list, and the camera that cut them keeps the horizon."""

from __future__ import annotations

import tomllib

import cv2
import numpy as np

from training.starter_pictures import FOLDER, LANDSCAPE, PORTRAIT, SQUARE, View, perspective


def test_every_listed_picture_is_there_small_and_credited() -> None:
    pictures = tomllib.loads((FOLDER / "pictures.toml").read_text(encoding="utf-8"))["picture"]
    assert len(pictures) >= 12
    credits = (FOLDER.parent.parent / "CREDITS.md").read_text(encoding="utf-8")
    sizes = set()
    assert {picture["file"] for picture in pictures} == {path.name for path in FOLDER.glob("*.jpg")}
    for picture in pictures:
        path = FOLDER / picture["file"]
        assert path.stat().st_size <= 150_000
        height, width = cv2.imread(str(path)).shape[:2]
        sizes.add((width, height))
        assert all(0 < share < 1 for share in picture["grab"])
        assert picture["title"]
        assert picture["prompt"]
        assert picture["credit"]
        assert picture["licence"]
        assert f"`{picture['file']}`" in credits, "CREDITS.md does not name it"
    assert sizes == {LANDSCAPE, SQUARE, PORTRAIT}


def test_the_horizon_is_level_and_rises_when_the_camera_looks_down() -> None:
    panorama = np.zeros((256, 512, 3), np.uint8)
    panorama[128:] = 255  # ground
    level = perspective(panorama, View("any", 30, 0, 80), (96, 54))
    down = perspective(panorama, View("any", 30, -10, 80), (96, 54))
    assert (level[:26] == 0).all()
    assert (level[28:] == 255).all()
    horizon = (down[..., 0] < 128).sum(axis=0)  # [96] rows of sky in each column
    focal = 48 / np.tan(np.radians(40))
    assert np.abs(horizon - (27 - focal * np.tan(np.radians(10)))).max() <= 1
