from hypothesis import given
from hypothesis import strategies as st

from render.viewport_map import PictureRect, letterbox, to_picture, to_viewport

sides = st.integers(1, 4000)
sizes = st.tuples(sides, sides)
# A picture thinner than a pixel would need a rectangle outside its own shape.
shapes = st.sampled_from([(256, 144), (192, 192), (144, 256), (832, 480), (1, 1), (3, 2)])


@given(shapes, sizes)
def test_letterbox_is_the_largest_centred_rectangle_of_the_picture(picture, viewport):
    rect = letterbox(picture, viewport)
    assert rect.x >= 0
    assert rect.y >= 0
    assert rect.x + rect.width <= viewport[0]
    assert rect.y + rect.height <= viewport[1]
    assert rect.width == viewport[0] or rect.height == viewport[1]
    assert abs(viewport[0] - rect.width - 2 * rect.x) <= 1
    assert abs(viewport[1] - rect.height - 2 * rect.y) <= 1
    ideal_width, ideal_height = rect.height * picture[0] / picture[1], rect.width * picture[1] / picture[0]
    assert abs(rect.width - ideal_width) <= 1 or abs(rect.height - ideal_height) <= 1


@given(shapes, st.integers(1, 5))
def test_whole_multiples_of_the_picture_fill_the_viewport(picture, times):
    viewport = picture[0] * times, picture[1] * times
    assert letterbox(picture, viewport) == PictureRect(0, 0, *viewport)


@given(shapes, sizes, st.floats(-0.5, 1.5), st.floats(-0.5, 1.5))
def test_there_and_back_again(picture, viewport, x, y):
    rect = letterbox(picture, viewport)
    back = to_picture(rect, *to_viewport(rect, x, y))
    assert abs(back[0] - x) < 1e-9
    assert abs(back[1] - y) < 1e-9


def test_corners_and_pixel_centres():
    rect = letterbox((256, 144), (1280, 800))
    assert rect == PictureRect(0, 40, 1280, 720)
    assert to_picture(rect, 0, 40) == (0, 0)
    assert to_picture(rect, 1280, 760) == (1, 1)
    assert to_viewport(rect, 0.5 / 256, 0.5 / 144) == (2.5, 42.5)


def test_a_viewport_of_no_size_still_gives_a_rectangle():
    assert letterbox((256, 144), (0, 0)) == PictureRect(0, 0, 1, 1)
