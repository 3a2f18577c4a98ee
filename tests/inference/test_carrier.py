"""What tracks make of a picture: things that move over a scene, whole."""

import numpy as np
import pytest
import torch

from inference.carrier import Carrier
from inference.crowd import Led
from inference.holding import Holding
from inference.track_ids import A_FILE

HEIGHT, WIDTH, FRAMES = 144, 256, 4
RED, BLUE = (0.8, -0.8, -0.8), (-0.8, -0.8, 0.8)
LEFT, RIGHT = np.s_[48:96, 48:96], np.s_[48:96, 144:192]  # where they stand; 48 pixels wide


def two_things() -> tuple[torch.Tensor, torch.Tensor]:
    """[1, 3, H, W] and its features: a red and a blue square before stripes."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    pixels = np.repeat((0.3 * np.sin(x / 6.0) * np.cos(y / 9.0))[..., None], 3, axis=2)
    features = torch.zeros(1, 2, HEIGHT // 4, WIDTH // 4)
    for n, (where, colour) in enumerate(((LEFT, RED), (RIGHT, BLUE))):
        pixels[where] = colour
        features[0, n, where[0].start // 4 : where[0].stop // 4, where[1].start // 4 : where[1].stop // 4] = 3.0
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float(), features


def crowd() -> np.ndarray:
    """[N, 2] in pixels, every 8."""
    y, x = np.mgrid[4:HEIGHT:8, 4:WIDTH:8]
    return np.stack([x.ravel(), y.ravel()], 1).astype(np.float64)


def on(places: np.ndarray, where: tuple[slice, slice]) -> np.ndarray:
    rows, columns = where
    x, y = places.T
    return (x > columns.start) & (x < columns.stop) & (y > rows.start) & (y < rows.stop)


class Rig:
    """Chunks of a crowd whose parts go by pixels a frame."""

    def __init__(self) -> None:
        self.picture, features = two_things()
        self.carrier = Carrier(self.picture, Holding(features, (HEIGHT, WIDTH), 0.7), None)
        self.places = crowd()
        self.ids = np.arange(len(self.places))
        self.frame = 0

    def advance(self, ways: list[tuple[np.ndarray, tuple[float, float]]], gone: np.ndarray | None = None) -> np.ndarray:
        """The chunk's last frame, [H, W, 3]. gone: bool [N], tracks that ended."""
        xy = np.repeat(self.places[None], FRAMES, axis=0)
        for row in range(FRAMES):
            self.frame += 1
            for of, way in ways:
                xy[row, of] += self.frame * np.array(way)
        stay = np.ones(len(self.places), np.bool_) if gone is None else ~gone
        scale = np.array([WIDTH, HEIGHT])
        origin = torch.from_numpy((self.places / scale)[stay]).float()[None]
        at = torch.from_numpy((xy / scale)[:, stay]).float()[None]
        visible = ((at >= 0) & (at <= 1)).all(-1)
        holders = np.full(int(stay.sum()), A_FILE)
        carried = self.carrier.carried(Led(self.ids[stay], holders, origin, at, visible))
        assert carried.frames.shape == (1, FRAMES, 3, HEIGHT, WIDTH)
        assert 0.0 <= carried.shown.min() <= carried.shown.max() <= 1.0
        return carried.frames[0, -1].permute(1, 2, 0).numpy()


def test_two_things_pass_over_a_still_scene_whole() -> None:
    rig = Rig()
    one, other = on(rig.places, LEFT), on(rig.places, RIGHT)
    for _ in range(4):
        frame = rig.advance([(one, (0.0, 2.0)), (other, (-1.5, -2.0))])  # 32 pixels down, and 24 left, 32 up
    np.testing.assert_allclose(frame[84:124, 52:92], np.broadcast_to(RED, (40, 40, 3)), atol=0.1)
    np.testing.assert_allclose(frame[20:60, 124:164], np.broadcast_to(BLUE, (40, 40, 3)), atol=0.1)
    picture = rig.picture[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(frame[:, 210:], picture[:, 210:], atol=0.02)  # what nobody moved
    np.testing.assert_allclose(frame[130:, 110:], picture[130:, 110:], atol=0.02)
    assert np.abs(frame[50:76, 54:90]).max() < 0.7, "red stayed where it had been"


def test_a_thing_goes_its_own_way_over_a_scene_that_moves() -> None:
    rig = Rig()
    one = on(rig.places, LEFT)
    for _ in range(4):
        frame = rig.advance([(~one, (2.0, 0.0)), (one, (-1.0, 1.5))])  # 32 right; 16 left and 24 down
    np.testing.assert_allclose(frame[78:114, 38:74], np.broadcast_to(RED, (36, 36, 3)), atol=0.12)
    np.testing.assert_allclose(frame[52:92, 180:220], np.broadcast_to(BLUE, (40, 40, 3)), atol=0.12)
    picture = rig.picture[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(frame[4:28, 60:200], picture[4:28, 28:168], atol=0.06)  # above what red uncovers
    assert (frame[50:76, 90:120, 0] < 0.7).all(), "the scene took the red along"


@pytest.mark.parametrize("ended", [False, True])
def test_what_left_the_picture_does_not_come_back(ended: bool) -> None:
    """Whether its tracks are there, outside, or are given no more."""
    rig = Rig()
    one = on(rig.places, LEFT)
    for _ in range(7):
        rig.advance([(one, (0.0, 4.0))])
    frame = rig.advance([(one, (0.0, 4.0))], gone=one if ended else None)
    assert (frame[..., 0] < 0.7).all()
    np.testing.assert_allclose(frame[52:92, 148:188], np.broadcast_to(BLUE, (40, 40, 3)), atol=0.05)


class Hand:
    """Chunks of a hand's 25 points on the red square, at places in pixels; what it shows in the last frame."""

    def __init__(self) -> None:
        picture, features = two_things()
        self.carrier = Carrier(picture, Holding(features, (HEIGHT, WIDTH), 0.7), None)
        x, y = np.meshgrid(np.linspace(-12, 12, 5), np.linspace(-12, 12, 5))
        self.places = np.stack([x.ravel(), y.ravel()], 1) + 72.0

    def advance(self, by: tuple[float, float], seen: bool | None = None) -> np.ndarray:
        scale = np.array([WIDTH, HEIGHT])
        at = np.repeat((self.places + by)[None], FRAMES, axis=0) / scale
        visible = ((at >= 0) & (at <= 1)).all(-1) if seen is None else np.full(at.shape[:2], seen)
        origin, xy = (torch.from_numpy(x).float()[None] for x in (self.places / scale, at))
        led = Led(np.arange(25), np.zeros(25, np.int64), origin, xy, torch.from_numpy(visible)[None])
        return self.carrier.carried(led).frames[0, -1].permute(1, 2, 0).numpy()


def redness(frame: np.ndarray) -> np.ndarray:
    return frame[..., 0] - frame[..., 1] > 0.8


def test_what_a_hand_drags_out_of_the_picture_stays_out() -> None:
    hand = Hand()
    assert redness(hand.advance((0.0, 0.0))).sum() > 2000
    hand.advance((-60.0, 0.0))
    half = redness(hand.advance((-72.0, 0.0)))  # its middle at the border
    assert 900 < half.sum() < 1500
    assert half[:, 40:].sum() == 0
    for _ in range(2):
        assert redness(hand.advance((-140.0, 0.0))).sum() == 0, "all of its points are outside"
    assert redness(hand.advance((30.0, 0.0)))[60:84, 90:114].all(), "and it can be dragged back"


def test_what_a_hand_holds_stays_where_it_was_last_seen() -> None:
    """As a tracker that lost it says, or a file's hidden points: it did not go home."""
    hand = Hand()
    hand.advance((0.0, 0.0))
    hand.advance((70.0, 20.0))
    lost = redness(hand.advance((0.0, 0.0), seen=False))
    assert lost[80:104, 130:154].all()
    assert lost[60:72, 50:90].sum() == 0


class Ground:
    """Chunks of a hand on the red square, another on the ground below it, and whoever else, each [n, 2] in pixels."""

    def __init__(self, *others: np.ndarray, holders: tuple[int, ...] = ()) -> None:
        self.picture, features = two_things()
        self.carrier = Carrier(self.picture, Holding(features, (HEIGHT, WIDTH), 0.7, self.segment), None)
        x, y = (offsets.ravel() for offsets in np.meshgrid(np.linspace(-12, 12, 5), np.linspace(-12, 12, 5)))
        self.places = np.concatenate([np.stack([x + 72, y + 72], 1), np.stack([x + 30, y + 125], 1), *others])
        who = holders or range(2, 2 + len(others))
        brought = (np.full(len(places), one) for places, one in zip(others, who, strict=True))
        self.holders = np.concatenate([np.repeat([0, 1], 25), *brought])

    @staticmethod
    def segment(on: torch.Tensor, beside: torch.Tensor) -> torch.Tensor:
        """The red square to the pixel; any other place means everything, as ground does."""
        x, y = (on[0, 0] * torch.tensor([WIDTH, HEIGHT])).tolist()
        if not (48 <= x < 96 and 48 <= y < 96):
            return torch.ones(HEIGHT // 2, WIDTH // 2)
        likely = torch.zeros(HEIGHT // 2, WIDTH // 2)
        likely[24:48, 24:48] = 1.0
        return likely

    def advance(self, thing: tuple[float, float], ground: tuple[float, float], *, seen: bool = True) -> np.ndarray:
        """The last frame, [H, W, 3]. seen: whether the ground's tracks are."""
        scale, by = np.array([WIDTH, HEIGHT]), np.zeros_like(self.places)
        by[:50] = np.repeat([thing, ground], 25, axis=0)
        at = np.repeat((self.places + by)[None], FRAMES, axis=0) / scale
        origin, xy = (torch.from_numpy(each).float()[None] for each in (self.places / scale, at))
        visible = torch.ones(xy.shape[:3], dtype=torch.bool)
        visible[:, :, 25:50] = seen
        self.carried = self.carrier.carried(Led(np.arange(len(self.places)), self.holders, origin, xy, visible))
        return self.carried.frames[0, -1].permute(1, 2, 0).numpy()


def test_who_drags_the_ground_takes_along_all_that_nobody_holds() -> None:
    """A thing that was dragged away stays where it is held, and leaves nothing at home."""
    stage = Ground()
    stage.advance((40.0, -40.0), (0.0, 0.0))
    frame = stage.advance((40.0, -40.0), (32.0, 0.0))
    layers = stage.carried.layers[0, -1].numpy()
    shares = layers[2:].sum(0)  # on cells of two pixels: how far the photograph is laid there
    assert shares[28:44, 42:62].max() < 0.1, "where the red stood there is nothing of the photograph's"
    assert shares[8:24, 48:64].min() > 0.9, "but on the thing itself"
    assert shares[30:44, 92:108].min() > 0.9, "and on the ground"
    jumps = np.abs(np.diff(layers[0], axis=1)) > 0.02
    assert (shares[:, 1:] + shares[:, :-1])[jumps].max() == 0.0, "between two displacements there is none"
    np.testing.assert_allclose(frame[12:52, 92:132], np.broadcast_to(RED, (40, 40, 3)), atol=0.1)
    assert not redness(frame)[60:].any(), "red stayed where it had been, or its ghost went with the ground"
    np.testing.assert_allclose(frame[52:92, 180:220], np.broadcast_to(BLUE, (40, 40, 3)), atol=0.1)  # 32 to the right
    before = stage.picture[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(frame[108:140, 40:240], before[108:140, 8:208], atol=0.06)
    places = np.array([[72 / WIDTH, 100 / HEIGHT], [104 / WIDTH, 72 / HEIGHT]])  # the second is imagined ground
    came = (stage.carrier.traced(places).numpy() - places) * WIDTH
    np.testing.assert_allclose(came[:, 0], -32.0, atol=0.5)


def test_pins_on_the_ground_bend_it_and_do_not_hold_it() -> None:
    """Six hands' grids, or forty points; far from the hand."""
    x, y = np.meshgrid(np.linspace(-6, 6, 5), np.linspace(-6, 6, 5))
    middles = np.stack(np.meshgrid([200.0, 215.0, 230.0], [10.0, 30.0]), -1).reshape(-1, 1, 2)
    points = np.stack(np.meshgrid(np.linspace(195, 235, 8), np.linspace(5, 35, 5)), -1).reshape(-1, 1, 2)
    for pins in (list(middles + np.stack([x.ravel(), y.ravel()], 1)), list(points)):
        stage = Ground(*pins)
        before = stage.picture[0].permute(1, 2, 0).numpy()
        stage.advance((40.0, -40.0), (0.0, 0.0))
        pinned = stage.advance((40.0, -40.0), (16.0, 0.0))
        assert np.abs(pinned[120:130, 40:60] - before[120:130, 24:44]).max() < 0.1
        np.testing.assert_allclose(pinned[15:30, 205:225], before[15:30, 205:225], atol=0.1)


def test_the_ground_gives_way_under_a_still_crowd_too() -> None:
    places = crowd()
    stage = Ground(places[~on(places, LEFT) & (places[:, 0] > 90)], holders=(7,))
    before = stage.picture[0].permute(1, 2, 0).numpy()
    stage.advance((40.0, -40.0), (0.0, 0.0))
    frame = stage.advance((40.0, -40.0), (16.0, 0.0))
    assert np.abs(frame[120:130, 40:50] - before[120:130, 24:34]).max() < 0.1


def test_ground_that_is_hidden_stays_where_it_was_last_seen() -> None:
    stage = Ground()
    stage.advance((0.0, 0.0), (32.0, 0.0))
    seen = stage.advance((0.0, 0.0), (32.0, 0.0))
    np.testing.assert_allclose(stage.advance((0.0, 0.0), (32.0, 0.0), seen=False), seen, atol=0.02)
