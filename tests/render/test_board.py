"""The plate of an OpenGL that runs on the CPU."""

import numpy as np

from render.board import Board
from render.surface import Surface


def test_a_part_is_written_and_the_whole_shown_the_right_way_up_opaque_and_in_its_colours(ctx):
    size, pixels = (31, 17), np.random.default_rng(0).integers(0, 256, (5, 8, 4), np.uint8)
    pixels[..., 3] = 255
    board, target = Board(ctx, size), Surface(ctx, size)
    board.clear((1.0, 0.5, 0.0))
    board.write(pixels, (20, 3))
    board.show(target.framebuffer)
    expected = np.full((17, 31, 4), (255, 128, 0, 255), np.uint8)
    expected[3:8, 20:28] = pixels
    assert np.array_equal(target.read(), expected)
    for each in (board, target):
        each.release()


def test_who_draws_afterwards_finds_the_context_as_usual(ctx):
    """moderngl keeps in mind what is bound; the board binds behind its back."""
    board, target, other = Board(ctx, (8, 8)), Surface(ctx, (8, 8)), Surface(ctx, (8, 8))
    board.clear((0.0, 0.0, 1.0))
    board.show(target.framebuffer)
    other.clear((1.0, 0.0, 0.0))
    target.texture.write(np.full((4, 4, 4), 9, np.uint8), viewport=(0, 0, 4, 4))
    board.show(other.framebuffer)
    assert (target.read()[4:, :4] == 9).all()
    assert (target.read()[:4] == (0, 0, 255, 255)).all()
    assert (other.read() == (0, 0, 255, 255)).all()
    assert ctx.error == "GL_NO_ERROR"
    for each in (board, target, other):
        each.release()
