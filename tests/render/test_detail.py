"""The photograph's own pixels: where nothing moved, where it moved, and where it has no say."""

import cv2
import moderngl
import numpy as np
import pytest

from render import upscale
from render.detail import Photograph, agreed
from render.renderer import Renderer
from render.surface import Surface
from render.upscale import detailed, enlarged_part

FRAME, LARGE = (96, 54), (256, 144)
BOTH_FORMS = pytest.mark.parametrize("form", ["shader", "software"])


def texture(seed: int = 0) -> np.ndarray:
    """uint8 [144, 256, 3]: coarse colours under fine grain that a frame of a third of its size cannot hold."""
    rng = np.random.default_rng(seed)
    coarse = cv2.resize(rng.integers(40, 215, (6, 10, 3)).astype(np.uint8), LARGE, interpolation=cv2.INTER_CUBIC)
    return np.clip(coarse + rng.normal(0, 12, (LARGE[1], LARGE[0], 1)), 0, 255).astype(np.uint8)


def as_frame(picture: np.ndarray) -> np.ndarray:
    """What the model shows of it: uint8 [54, 96, 4]."""
    small = cv2.resize(picture, FRAME, interpolation=cv2.INTER_AREA)
    return np.dstack([small, np.full(small.shape[:2], 255, np.uint8)])


def layers(across: float = 0.0, down: float = 0.0, moving: float = 0.0, still: float = 0.0) -> np.ndarray:
    """One motion for the whole frame; the displacement in pixels of the photograph."""
    return np.full((9, 16, 4), [across / LARGE[1], down / LARGE[1], moving, still], np.float32)


def drawn(
    ctx: moderngl.Context,
    form: str,
    image: np.ndarray,
    photograph: np.ndarray | None,
    motion: np.ndarray | None = None,
    size: tuple[int, int] = LARGE,
    detail: bool = True,
) -> np.ndarray:
    """int [H, W, 3]."""
    target, painter = Surface(ctx, size), Renderer(ctx, form)
    painter.set_photograph(photograph)
    painter.set_frame(image, motion)
    painter.detail = detail
    painter.draw(target.framebuffer, size)
    painter.release()
    return target.read()[..., :3].astype(int)


@BOTH_FORMS
def test_where_nothing_moved_the_photograph_itself_is_shown(ctx, form):
    picture = texture()
    for motion in (None, layers(still=1.0)):
        assert np.abs(drawn(ctx, form, as_frame(picture), picture, motion) - picture).max() <= 1


@BOTH_FORMS
def test_detail_goes_along_with_what_moves(ctx, form):
    picture = texture()
    shifted = np.roll(picture, (-16, 16), axis=(0, 1))
    shown = drawn(ctx, form, as_frame(shifted), picture, layers(16, -16, moving=1.0))
    inside = np.s_[8:-52, 52:-8]  # the rest is near what came in from outside
    assert np.abs(shown - shifted)[inside].max() <= 3
    plain = drawn(ctx, form, as_frame(shifted), None)
    assert np.abs(plain - shifted)[inside].mean() > 5


@BOTH_FORMS
def test_two_layers_each_give_their_own(ctx, form):
    """The left half stands still, the right one has moved."""
    picture, motion = texture(), layers(20, 0, still=1.0)
    motion[:, 8:, 2:] = 1.0, 0.0
    truth = np.where(np.arange(256)[:, None] < 128, picture, np.roll(picture, 20, axis=1))
    shown = drawn(ctx, form, as_frame(truth), picture, motion)
    for inside in (np.s_[:, 4:116], np.s_[:, 140:]):
        assert np.abs(shown - truth)[inside].max() <= 3


@BOTH_FORMS
def test_new_content_stays_the_models(ctx, form):
    """A red thing that the photograph does not have appears in the frame: there it is the plain frame that is shown."""
    picture = texture()
    picture[..., 0] //= 3
    image = as_frame(picture)
    image[12:36, 30:60, :3] = (250, 0, 0)
    shown, plain = drawn(ctx, form, image, picture, layers(still=1.0)), drawn(ctx, form, image, None)
    assert np.abs(shown - plain)[40:88, 88:152].max() <= 8
    assert np.abs(shown - picture)[:, 190:].max() <= 2


@BOTH_FORMS
def test_what_no_layer_shows_stays_the_models(ctx, form):
    picture, motion = texture(), layers(still=1.0)
    motion[:, :8] = 0.0
    image = as_frame(picture)
    shown, plain = drawn(ctx, form, image, picture, motion), drawn(ctx, form, image, None)
    assert np.abs(shown - plain)[:, :116].max() <= 1
    assert np.abs(shown - picture)[:, 140:].max() <= 1


def test_agreement_is_none_for_another_colour_and_whole_for_a_softer_frame():
    picture = texture()
    image = as_frame(cv2.GaussianBlur(picture, (0, 0), 6))
    image[:, 48:, :3] = np.where(image[:, 48:, :3] < 128, 255, 0)
    shares = agreed(image, Photograph(picture), layers(still=1.0))[..., 3]
    assert shares[:, :6].min() > 0.9
    assert shares[:, 10:].max() < 0.2


def test_where_the_motion_folds_the_photograph_has_no_say():
    """Between a thing that moves right and what stands beside it the field would show a strip twice, once backwards."""
    picture, motion = np.full((144, 256, 3), 90, np.uint8), layers(moving=1.0)
    motion[:, :, 0] = np.interp(np.arange(16), [5, 9], [0.0, 12.0]) / 9  # 12 cells of displacement within 4
    shares = agreed(as_frame(picture), Photograph(picture), motion)[..., 2]
    assert (shares[:, 5:10] == 0).all()
    assert (shares[:, :4] > 0.99).all()
    assert (shares[:, 12:] > 0.99).all()
    turned = layers(moving=1.0)
    turned[:, :, 0], turned[:, :, 1] = np.linspace(-0.1, 0.1, 9)[:, None], -np.linspace(-0.18, 0.18, 16)
    assert (agreed(as_frame(picture), Photograph(picture), turned)[..., 2] > 0.99).all()


@pytest.mark.parametrize("size", [LARGE, (200, 113), (512, 288), (96, 54), (300, 100)])
def test_both_forms_agree(ctx, size):
    rng = np.random.default_rng(3)
    motion = cv2.resize(rng.normal(0, 0.04, (4, 5, 4)).astype(np.float32), (16, 9), interpolation=cv2.INTER_CUBIC)
    motion[..., 2:] = cv2.resize(rng.uniform(0, 0.5, (4, 5, 2)).astype(np.float32), (16, 9))
    motion[:, :3, 2] = 0.0
    picture = texture()
    shader, software = (drawn(ctx, f, as_frame(picture), picture, motion, size) for f in ("shader", "software"))
    assert np.abs(shader - software).max() <= 8
    assert np.abs(shader - software).mean() < 0.7


@pytest.mark.parametrize("size", [(288, 162), (200, 113)])
def test_only_what_is_not_the_photograph_is_enlarged_and_nothing_is_seen_of_it(monkeypatch, size):
    motion, picture = layers(still=1.0), Photograph(cv2.resize(texture(), (288, 162), interpolation=cv2.INTER_CUBIC))
    motion[4:7, 5:9] = 0.05, -0.03, 0.8, 0.1
    frame = as_frame(texture(1))
    shown = detailed(frame, picture, motion, size)
    parts = []
    monkeypatch.setattr(upscale, "enlarged_part", lambda *part: parts.append(part) or enlarged_part(*part))
    monkeypatch.setattr(upscale, "not_the_photograph", lambda motion, size: np.s_[0 : size[1], 0 : size[0]])
    assert np.array_equal(shown, detailed(frame, picture, motion, size))
    monkeypatch.undo()
    assert np.array_equal(detailed(frame, picture, layers(still=1.0), size), picture.at(size))
    assert bool(parts) == (size == (288, 162)), "three times the frame, and not"


@BOTH_FORMS
def test_off_at_one_to_one_or_with_a_photograph_of_another_shape_the_frame_is_plain(ctx, form):
    picture, image = texture(), as_frame(texture())
    plain = drawn(ctx, form, image, None)
    assert np.array_equal(drawn(ctx, form, image, picture, detail=False), plain)
    assert np.array_equal(drawn(ctx, form, image, picture[:, :144]), plain)
    assert np.array_equal(drawn(ctx, form, image, picture, size=FRAME), image[..., :3])


@BOTH_FORMS
def test_the_switch_works_on_a_frame_that_stands(ctx, form):
    picture = texture()
    target, painter = Surface(ctx, LARGE), Renderer(ctx, form)
    painter.set_photograph(picture)
    painter.set_frame(as_frame(picture))
    seen = []
    for on in (True, False, True):
        painter.detail = on
        painter.draw(target.framebuffer, LARGE)
        seen.append(target.read().astype(int)[..., :3])
    painter.release()
    assert np.array_equal(seen[0], seen[2])
    assert np.abs(seen[0] - picture).max() <= 1
    assert np.abs(seen[1] - picture).mean() > 5


@pytest.mark.parametrize(
    ("size", "widest", "expected"),
    [((1280, 720), None, (1024, 576)), ((1280, 720), 768, (768, 432)), ((301, 169), 768, (301, 169))],
)
def test_blending_takes_no_more_pixels_than_there_are_or_may_be(size, widest, expected):
    assert Photograph(np.zeros((576, 1024, 3), np.uint8)).working_size(size, widest) == expected
