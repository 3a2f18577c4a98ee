"""A person's own depth models: small ONNX files with the inputs and outputs of the real exports, and a stand-in for
MoGe's package. The real weights were never run here."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import numpy as np
import onnx
import pytest
import torch
from onnx import helper

from inference.depth_models import MEAN, PATCH, SIDE, STD, open_depth_model
from inference.errors import UserError
from inference.motion.ground import FARTHEST
from tests.small_onnx import FLOAT, HALF, bright_is_near, write

RAMP = np.repeat(np.linspace(40, 250, 256).astype(np.uint8)[None, :, None], 144, axis=0).repeat(3, axis=2)


@pytest.mark.parametrize("kind", [FLOAT, HALF], ids=["float32", "float16"])
@pytest.mark.parametrize("size", [["height", "width"], [518, 518]], ids=["any size", "one size"])
def test_the_two_usual_exports_are_run(tmp_path: Path, size: list, kind: int) -> None:
    """The hub's names and an open size, and another exporter's with a fixed one and a channel of its own."""
    if size[0] == 518:
        file = bright_is_near(tmp_path / "depth.onnx", size, kind, given="image", told="depth", channel="kept")
    else:
        file = bright_is_near(tmp_path / "depth.onnx", size, kind)
    found = open_depth_model(file)(RAMP, (256, 144))
    assert (found.shape, found.dtype) == ((144, 256), np.float32)
    assert found.min() >= np.float32(FARTHEST)
    wanted = np.mean([(RAMP[..., 0] / 255 - m) / s for m, s in zip(MEAN, STD, strict=True)], axis=0) + 3
    np.testing.assert_allclose(found, np.clip(wanted / np.quantile(wanted, 0.99), FARTHEST, 1), atol=6e-3)


@pytest.mark.parametrize("size", [(144, 256), (256, 144), (192, 192), (1080, 1920)])
def test_an_open_size_is_of_whole_patches_and_keeps_the_shape(tmp_path: Path, size: tuple[int, int]) -> None:
    """The network answers with how high and how wide its picture was, one on each side."""
    shape = helper.make_node("Shape", ["pixel_values"], ["shape"], start=2)
    number = helper.make_node("Cast", ["shape"], ["sides"], to=FLOAT)
    axes = helper.make_node("Constant", [], ["axes"], value=onnx.numpy_helper.from_array(np.array([0, 1])))
    lifted = helper.make_node("Unsqueeze", ["sides", "axes"], ["predicted_depth"])  # [1, 1, 2]: a map of two pixels
    file = write(tmp_path / "sides.onnx", [shape, number, axes, lifted], ["h", "w"], [1, 1, 2])
    model = open_depth_model(file)
    asked: list[tuple[int, ...]] = []
    run = model._run
    model._run = lambda given: asked.append(given.shape[2:]) or run(given)
    if size[0] == size[1]:
        with pytest.raises(UserError, match="finds no depth"):  # both sides are alike, so the map is flat
            model(np.zeros((*size, 3), np.uint8), (32, 18))
    else:
        model(np.zeros((*size, 3), np.uint8), (32, 18))
    (height, width) = asked[0]
    assert max(height, width) == SIDE
    assert height % PATCH == width % PATCH == 0
    assert width / height == pytest.approx(size[1] / size[0], rel=0.05)


def test_what_is_wrong_with_a_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"not a model")
    (tmp_path / "empty.pt").write_bytes(b"")
    (tmp_path / "depth.safetensors").write_bytes(b"")
    two = helper.make_node("Identity", ["pixel_values"], ["predicted_depth"])
    write(tmp_path / "three.onnx", [two], [14, 14], [1, 3, 14, 14])  # makes pictures, not a map
    points = helper.make_node("Transpose", ["image"], ["points"], perm=[0, 2, 3, 1])
    write(tmp_path / "moge.onnx", [points], [14, 14], [1, 14, 14, 3], given="image", told="points")
    classes = helper.make_node("GlobalAveragePool", ["pixel_values"], ["pooled"])
    flat = helper.make_node("Flatten", ["pooled"], ["predicted_depth"])
    write(tmp_path / "classes.onnx", [classes, flat], [14, 14], [1, 3])
    said = {
        "gone.onnx": "There is no depth model",
        "broken.onnx": "damaged, or is no ONNX model",
        "three.onnx": "not one that makes depth",
        "classes.onnx": "not one that makes depth",
        "moge.onnx": "only up to a shift",
        "depth.safetensors": "no depth model that can be opened",
    }
    for name, words in said.items():
        with pytest.raises(UserError, match=words) as fault:
            open_depth_model(tmp_path / name)(RAMP, (256, 144))
        assert fault.value.kept
        assert fault.value.next


def test_an_answer_without_any_depth_is_refused(tmp_path: Path) -> None:
    model = open_depth_model(bright_is_near(tmp_path / "depth.onnx", ["h", "w"]))
    with pytest.raises(UserError, match="finds no depth"):
        model(np.full((144, 256, 3), 90, np.uint8), (256, 144))


@pytest.mark.parametrize(("package", "file"), [("inference.onnx_network", "depth.onnx"), ("moge", "model.pt")])
def test_what_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, file: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, f"{package}.model", None)
    (tmp_path / file).write_bytes(b"x")
    with pytest.raises(UserError, match="not installed") as fault:
        open_depth_model(tmp_path / file)
    assert "nstall" in fault.value.next


class StandIn:
    """`MoGeModel` as its package has it: metric depth, infinite where the mask says nothing is there."""

    versions: ClassVar[list[str]] = []

    @classmethod
    def from_pretrained(cls, file: Path) -> StandIn:
        assert torch.load(file, weights_only=True)["model"] == {}
        return cls()

    def eval(self) -> StandIn:
        return self

    def infer(self, image: torch.Tensor, use_fp16: bool = True) -> dict[str, torch.Tensor]:
        assert image.shape[0] == 3
        assert not use_fp16
        depth = 2.0 / image[0].clamp(min=1e-3)  # what is bright is near
        depth[:20] = torch.inf
        return {"points": torch.zeros(*depth.shape, 3), "depth": depth}


@pytest.fixture
def moge(monkeypatch: pytest.MonkeyPatch) -> type[StandIn]:
    package, model = ModuleType("moge"), ModuleType("moge.model")
    StandIn.versions.clear()
    model.import_model_class_by_version = lambda version: StandIn.versions.append(version) or StandIn  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "moge", package)
    monkeypatch.setitem(sys.modules, "moge.model", model)
    return StandIn


@pytest.mark.parametrize(("encoder", "version"), [({"backbone": "dinov2_vits14"}, "v2"), ("dinov2_vitl14", "v1")])
def test_moge_is_asked_through_its_own_package(
    tmp_path: Path, moge: type[StandIn], encoder: object, version: str
) -> None:
    torch.save({"model_config": {"encoder": encoder}, "model": {}}, tmp_path / "model.pt")
    found = open_depth_model(tmp_path / "model.pt")(RAMP, (256, 144))
    assert moge.versions == [version]
    assert (found[:20] == np.float32(FARTHEST)).all()  # the sky has no depth: it is infinitely far
    near = RAMP[20:, :, 0] / 255
    np.testing.assert_allclose(found[20:], np.clip(near / np.quantile(near, 0.99), 0, 1), atol=0.01)


def test_a_checkpoint_that_would_run_code_is_not_opened(tmp_path: Path, moge: type[StandIn]) -> None:
    class Harm:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "harmed",))

    torch.save({"model_config": {"encoder": Harm()}, "model": {}}, tmp_path / "model.pt")
    with pytest.raises(UserError, match="damaged, or is no model of MoGe"):
        open_depth_model(tmp_path / "model.pt")
    assert not (tmp_path / "harmed").exists()
