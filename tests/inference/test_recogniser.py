"""What things look like in numbers: cut out as they stand, the same for the same thing, and other for another."""

from pathlib import Path

import numpy as np
import pytest
import torch

from inference.errors import UserError
from inference.recogniser import SIDE, WEIGHTS_FILE, WIDTH, Recogniser, cut_out
from training.recogniser import ASSET, asset_state


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return Recogniser.load(ASSET)


def picture() -> np.ndarray:
    """Stripes in a box on the left, a disc on the right, on grey."""
    drawn = np.full((64, 128, 3), 120, np.uint8)
    drawn[16:48, 16:48:4] = (250, 30, 30)
    y, x = np.mgrid[:64, :128]
    drawn[(y - 32) ** 2 + (x - 92) ** 2 < 200] = (240, 220, 40)
    return drawn


def box(rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros((8, 16), bool)
    mask[rows, columns] = True
    return mask


LEFT, RIGHT = box(slice(2, 6), slice(2, 6)), box(slice(2, 6), slice(9, 14))


def test_a_thing_is_cut_out_whole_in_the_middle() -> None:
    cut, mask = cut_out(picture(), LEFT)
    assert cut.shape == (SIDE, SIDE, 3)
    rows, columns = np.nonzero(mask > 127)
    for places in (rows, columns):
        assert abs(places.mean() - SIDE / 2) < 3
        assert 0.7 * SIDE < np.ptp(places) < 0.9 * SIDE
    red = cut[..., 0].astype(int) - cut[..., 1] > 80
    assert red.any()
    assert (mask[red] > 127).mean() > 0.9


def test_a_thing_at_the_rim_is_cut_out_too() -> None:
    cut, mask = cut_out(picture(), box(slice(6, 8), slice(14, 16)))
    assert cut.shape[:2] == mask.shape == (SIDE, SIDE)
    assert (mask > 127).any()


def test_things_look_like_themselves_wherever_they_stand(recogniser: Recogniser) -> None:
    first = recogniser.seen(picture(), [LEFT, RIGHT])
    moved = np.roll(picture(), 8, axis=1)
    again = recogniser.seen(moved, [np.roll(LEFT, 1, axis=1), np.roll(RIGHT, 1, axis=1)])
    assert first.shape == (2, WIDTH)
    alike = torch.nn.functional.cosine_similarity(first[:, None], again[None], dim=2)
    assert alike.argmax(1).tolist() == [0, 1]
    assert alike.diagonal().min() > alike.flip(1).diagonal().max() + 0.1


def test_the_asset_keeps_what_the_checkpoint_says() -> None:
    net = Recogniser()
    state = asset_state({**net.state_dict(), "_fc.weight": torch.zeros(1000, WIDTH)})
    assert state.keys() == net.state_dict().keys()
    assert state["_conv_stem.weight"].dtype == torch.float16
    assert state["_bn0.running_var"].dtype == torch.float32


def test_a_damaged_asset_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="recognises things"):
        Recogniser.load(tmp_path)
    (tmp_path / WEIGHTS_FILE).write_bytes(b"no weights")
    with pytest.raises(UserError, match="recognises things"):
        Recogniser.load(tmp_path)
