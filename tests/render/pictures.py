"""Something to show."""

import numpy as np


def photograph(width: int = 64, height: int = 36) -> np.ndarray:
    """uint8 [H, W, 4]: soft colours, a few hard edges, and an alpha channel that must not matter."""
    y, x = np.mgrid[0:height, 0:width]
    image = np.stack([x * 255 // width, y * 255 // height, (x + y) % 97 * 2, x % 200], -1).astype(np.uint8)
    image[height // 4 : height // 2, width // 4 : width // 2, :3] = (250, 250, 240)
    image[height // 2 : 3 * height // 4, width // 2 : 3 * width // 4, :3] = (5, 8, 20)
    return image
