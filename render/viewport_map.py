"""Where the picture lies in the viewport, and the way between the two. Pure functions, any thread.

Viewport positions are device pixels from the top left corner, y down. Picture positions are normalised,
(0, 0) the top left corner and (1, 1) the bottom right one; outside positions are kept, never clamped.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class PictureRect:
    """The picture's rectangle in the viewport: whole device pixels from the top left corner, y down."""

    x: int
    y: int
    width: int
    height: int


def letterbox(picture_size: tuple[int, int], viewport_size: tuple[int, int]) -> PictureRect:
    """The largest centred rectangle of the picture's shape; both sizes are (width, height).

    Whole pixels, so that a viewport of the picture's own size shows it pixel for pixel.
    """
    picture_width, picture_height = picture_size
    viewport_width, viewport_height = max(1, viewport_size[0]), max(1, viewport_size[1])
    if picture_width * viewport_height > viewport_width * picture_height:
        width, height = viewport_width, max(1, round(viewport_width * picture_height / picture_width))
    else:
        width, height = max(1, round(viewport_height * picture_width / picture_height)), viewport_height
    return PictureRect((viewport_width - width) // 2, (viewport_height - height) // 2, width, height)


def to_picture(rect: PictureRect, x_px: float, y_px: float) -> tuple[float, float]:
    """A viewport position as a picture position."""
    return (x_px - rect.x) / rect.width, (y_px - rect.y) / rect.height


def to_viewport(rect: PictureRect, x: float, y: float) -> tuple[float, float]:
    """A picture position as a viewport position."""
    return rect.x + x * rect.width, rect.y + y * rect.height
