import moderngl
import numpy as np
import pytest

from render import context, renderer
from render.renderer import BACKGROUND, Renderer
from render.surface import Surface
from tests.render.pictures import photograph

BOTH_FORMS = pytest.mark.parametrize("form", ["shader", "software"])


def drawn(ctx: moderngl.Context, image: np.ndarray, size: tuple[int, int], form: str) -> np.ndarray:
    target, painter = Surface(ctx, size), Renderer(ctx, form)
    painter.set_frame(image)
    painter.draw(target.framebuffer, size)
    painter.release()
    return target.read()


@BOTH_FORMS
def test_one_to_one_is_exact(ctx, form):
    image = photograph(256, 144)
    pixels = drawn(ctx, image, (256, 144), form)
    assert np.array_equal(pixels[..., :3], image[..., :3])
    assert (pixels[..., 3] == 255).all()


@BOTH_FORMS
@pytest.mark.parametrize("size", [(100, 200), (201, 50)])
def test_letterbox_bars(ctx, form, size):
    image = np.full((36, 64, 4), 200, np.uint8)
    pixels = drawn(ctx, image, size, form)
    target = Renderer(ctx, form)
    target.set_frame(image)
    rect = target.picture_rect(size)
    inside = np.zeros(pixels.shape[:2], bool)
    inside[rect.y : rect.y + rect.height, rect.x : rect.x + rect.width] = True
    assert (pixels[inside][:, :3] == 200).all()
    assert np.abs(pixels[~inside][:, :3] - 255 * np.array(BACKGROUND)).max() <= 0.51
    assert (pixels[..., 3] == 255).all()


@BOTH_FORMS
@pytest.mark.parametrize("size", [(128, 72), (200, 113), (300, 169), (40, 22)])
def test_enlarging_keeps_colours_and_never_rings(ctx, form, size):
    image = photograph(64, 36)
    pixels = drawn(ctx, image, size, form)[..., :3].astype(float)
    colours = image[..., :3].astype(float)
    assert np.abs(pixels.mean((0, 1)) - colours.mean((0, 1))).max() < 3.0
    assert (pixels.max((0, 1)) <= colours.max((0, 1))).all()
    assert (pixels.min((0, 1)) >= colours.min((0, 1))).all()


@BOTH_FORMS
def test_an_enlarged_edge_is_steeper_than_bilinear_and_has_no_halo(ctx, form):
    image = np.full((20, 20, 4), 60, np.uint8)
    image[:, 10:] = 180
    row = drawn(ctx, image, (160, 160), form)[80, :, 0].astype(int)
    assert row.min() == 60
    assert row.max() == 180
    assert (np.diff(row) >= 0).all()
    assert np.diff(row).max() > 1.3 * 120 / 8  # bilinear spreads 120 levels evenly over 8 pixels


def test_both_forms_of_the_filter_agree(ctx):
    for size in [(128, 72), (257, 160), (640, 360), (40, 30)]:
        image = photograph(64, 36)
        shader, software = (drawn(ctx, image, size, form).astype(int) for form in ("shader", "software"))
        assert np.abs(shader - software).max() <= 6
        assert np.abs(shader - software).mean() < 0.6


@BOTH_FORMS
def test_the_picture_is_the_right_way_up_when_enlarged(ctx, form):
    image = np.zeros((16, 16, 4), np.uint8)
    image[:8, :8, 0] = image[:8, 8:, 1] = image[8:, :8, 2] = 255
    pixels = drawn(ctx, image, (64, 64), form)
    corners = [pixels[5, 5], pixels[5, 58], pixels[58, 5], pixels[58, 58]]
    assert [tuple(map(int, corner[:3])) for corner in corners] == [
        (255, 0, 0),
        (0, 255, 0),
        (0, 0, 255),
        (0, 0, 0),
    ]


@BOTH_FORMS
def test_frames_sizes_and_shapes_change_while_drawing(ctx, form):
    painter = Renderer(ctx, form)
    for image_size, size in [
        ((64, 36), (128, 72)),
        ((64, 36), (90, 90)),
        ((36, 64), (90, 90)),
        ((36, 64), (36, 64)),
    ]:
        image, target = photograph(*image_size), Surface(ctx, size)
        painter.set_frame(image)
        painter.draw(target.framebuffer, size)
        assert np.array_equal(target.read(), drawn(ctx, image, size, form))
    painter.release()


@BOTH_FORMS
def test_the_frame_stays_when_its_array_is_written_again(ctx, form):
    image, target = photograph(64, 36), Surface(ctx, (64, 36))
    painter = Renderer(ctx, form)
    painter.set_frame(image)
    image[:] = 0
    painter.draw(target.framebuffer, target.size)
    assert np.array_equal(target.read()[..., :3], photograph(64, 36)[..., :3])
    painter.release()


def test_before_the_first_frame_there_is_only_background(ctx):
    target, painter = Surface(ctx, (40, 30)), Renderer(ctx)
    assert painter.picture_rect((40, 30)) is None
    painter.draw(target.framebuffer, target.size)
    assert np.abs(target.read()[..., :3] - 255 * np.array(BACKGROUND)).max() <= 0.51
    painter.release()


@pytest.mark.parametrize("wrong", [
    np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 4), np.float32), np.zeros((0, 4, 4), np.uint8),
])  # fmt: skip
def test_a_wrong_frame_is_refused_and_the_one_before_stays(ctx, wrong):
    target, painter = Surface(ctx, (64, 36)), Renderer(ctx)
    painter.set_frame(photograph())
    with pytest.raises(ValueError, match="uint8"):
        painter.set_frame(wrong)
    painter.draw(target.framebuffer, target.size)
    assert np.array_equal(target.read()[..., :3], photograph()[..., :3])
    painter.release()


def test_leaves_working_in_a_context_whose_state_others_changed(ctx):
    target, painter = Surface(ctx, (64, 36)), Renderer(ctx, "shader")
    painter.set_frame(photograph())
    ctx.enable_only(moderngl.DEPTH_TEST | moderngl.CULL_FACE | moderngl.BLEND)
    ctx.blend_func = moderngl.ZERO, moderngl.ZERO
    painter.draw(target.framebuffer, target.size)
    assert np.array_equal(target.read()[..., :3], photograph()[..., :3])
    painter.release()


def test_created_twice_and_in_two_contexts(ctx):
    for own in (ctx, ctx, context.offscreen_context()):
        with own:
            assert np.array_equal(drawn(own, photograph(), (64, 36), "shader")[..., :3], photograph()[..., :3])


@pytest.mark.parametrize(("software", "expected"), [(True, "SoftwareUpscaler"), (False, "ShaderUpscaler")])
def test_the_form_follows_the_context(ctx, monkeypatch, software, expected):
    monkeypatch.setattr(renderer, "is_software", lambda _: software)
    made: list[str] = []
    for name in ("SoftwareUpscaler", "ShaderUpscaler"):
        real = getattr(renderer, name)
        monkeypatch.setattr(renderer, name, lambda *a, real=real, name=name: made.append(name) or real(*a))
    Renderer(ctx).release()
    assert made == [expected]


def test_no_opengl_is_told_in_a_sentence(monkeypatch):
    def fails(**_: object) -> None:
        raise Exception("eglInitialize failed")

    monkeypatch.setattr(moderngl, "create_context", fails)
    with pytest.raises(context.GLUnavailable, match=r"eglInitialize failed.*Nothing was drawn.*apt-get install"):
        context.offscreen_context()


def test_a_frame_prepared_ahead_is_painted_as_any_other(ctx: moderngl.Context) -> None:
    rng = np.random.default_rng(3)
    photograph = rng.integers(0, 256, (288, 512, 3), np.uint8)
    frames = [rng.integers(0, 256, (72, 128, 4), np.uint8) for _ in range(3)]
    motion = np.zeros((18, 32, 4), np.float32)
    motion[..., 2] = 0.5
    drawn: dict[bool, list[np.ndarray]] = {False: [], True: []}
    for ahead in drawn:
        renderer, surface = Renderer(ctx, "software"), Surface(ctx, (400, 300))
        renderer.set_photograph(photograph)
        for i, frame in enumerate(frames):
            if ahead:
                renderer.prepare(frames[min(i + (i == 1), 2)], motion)  # the second time another one than comes
            renderer.set_frame(frame, motion)
            renderer.draw(surface.framebuffer, (400, 300))
            drawn[ahead].append(surface.read())
            if ahead:
                renderer.prepare(frames[(i + 1) % 3], motion)
        renderer.detail = False  # nothing that was prepared before holds now
        renderer.draw(surface.framebuffer, (400, 300))
        drawn[ahead].append(surface.read())
        renderer.release()
    for plain, prepared in zip(drawn[False], drawn[True], strict=True):
        assert np.array_equal(plain, prepared)
    assert not np.array_equal(drawn[True][2], drawn[True][3])
