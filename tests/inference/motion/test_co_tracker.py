"""CoTracker3 behind the function that follows points: a stand-in with its predictor's interface, which refuses what the
real one would misunderstand. No real weights were ever run here."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from inference.errors import UserError
from inference.motion.borrow import borrow
from inference.motion.co_tracker import EVERY, FIRST, LATER, CoTracker
from inference.motion.point_tracks import Seen
from tests.inference.motion.driving import even, frames, shift, write

SPEED = 0.25  # pixels a frame, to the right
LOST = 30  # the frame in which every second point is hidden, for good


class Model(nn.Module):
    def __init__(self, window_len: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2))
        self.register_buffer("time_emb", torch.zeros(1, window_len, 4))


class Predictor(nn.Module):
    """`CoTrackerOnlinePredictor`: told the queries first, then windows of two steps, one step further each time; the
    last may be shorter. It answers with all frames so far. A frame's number stands in its first pixel."""

    def __init__(self, checkpoint: object = "", offline: bool = False, v2: bool = False, window_len: int = 16) -> None:
        super().__init__()
        assert checkpoint is None, "would be read without weights_only"
        self.model, self.step = Model(window_len), window_len // 2
        self.queries: Tensor | None = None

    def forward(self, video_chunk: Tensor, is_first_step: bool = False, queries: Tensor | None = None) -> tuple:
        if is_first_step:
            self.queries, self.known = queries, 0
            return None, None
        assert self.queries is not None
        numbers = video_chunk[0, :, 0, 0, 0].long().tolist()
        begin = max(0, self.known - self.step)
        assert numbers == list(range(begin, numbers[-1] + 1))
        assert len(numbers) <= 2 * self.step
        assert numbers[-1] >= self.known
        self.known = numbers[-1] + 1
        born, at = self.queries[..., :1], self.queries[..., 1:]  # [1, N, 1], [1, N, 2]
        t = torch.arange(self.known).float()[:, None]
        xy = at[0] + torch.stack([(t - born[0, :, 0]) * SPEED, torch.zeros(self.known, born.shape[1])], dim=2)
        visible = (t < LOST) | (torch.arange(born.shape[1]) % 2 == 0)
        return xy[None], visible[None]


@pytest.fixture
def checkpoint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    package, predictor = ModuleType("cotracker"), ModuleType("cotracker.predictor")
    predictor.CoTrackerOnlinePredictor = Predictor  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cotracker", package)
    monkeypatch.setitem(sys.modules, "cotracker.predictor", predictor)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    torch.save({"model": Model(16).state_dict()}, tmp_path / "scaled_online.pth")
    return tmp_path / "scaled_online.pth"


def numbered(count: int) -> Iterator[np.ndarray]:
    for number in range(count):
        yield np.full((72, 128, 3), number, np.uint8)


def places(sights: list[Seen], point: int) -> dict[int, tuple[float, float]]:
    return {t: tuple(seen.xy[seen.ids == point][0]) for t, seen in enumerate(sights) if point in seen.ids}


@pytest.mark.parametrize("count", [1, 5, 8, 15, 16, 17, 23, 24, 25, 60])
def test_a_video_of_any_length_is_asked_in_windows(checkpoint: Path, count: int) -> None:
    sights = CoTracker(checkpoint)(numbered(count))
    assert len(sights) == count
    assert all((np.diff(seen.ids) > 0).all() for seen in sights)
    assert len(sights[0].ids) == FIRST[0] * FIRST[1]
    way = places(sights, 0)  # the first point is never hidden: it goes until the video ends
    assert list(way) == list(range(count))
    wanted = (0.5 / FIRST[0] * 128, 0.5 / FIRST[1] * 72)
    np.testing.assert_allclose(way[0], wanted, atol=1e-4)
    np.testing.assert_allclose(way[count - 1], (wanted[0] + (count - 1) * SPEED, wanted[1]), atol=1e-4)


def test_no_video_has_no_points(checkpoint: Path) -> None:
    assert CoTracker(checkpoint)(numbered(0)) == []


def test_what_is_hidden_or_leaves_is_let_go_and_later_points_begin_later(checkpoint: Path) -> None:
    sights = CoTracker(checkpoint)(numbered(EVERY + 20))
    hidden = 1
    assert max(places(sights, hidden)) == LOST - 1
    right = FIRST[0] - 2  # every point of the last columns goes out of the frame: 128 pixels at a quarter a frame
    left_at = max(places(sights, right))
    assert right % 2 == 0
    assert places(sights, right)[left_at][0] < 128 <= places(sights, right)[left_at][0] + SPEED
    later = FIRST[0] * FIRST[1]  # the first of the second grid
    assert min(places(sights, later)) == EVERY
    assert len(sights[-1].ids) > LATER[0] * LATER[1] / 2


def test_a_video_is_borrowed_by_it(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbers in the pixels do not survive a codec: here the windows' lengths alone count."""
    shown = Predictor.forward

    def forward(
        self: Predictor, video_chunk: Tensor, is_first_step: bool = False, queries: Tensor | None = None
    ) -> tuple:
        if not is_first_step:
            begin, length = max(0, self.known - self.step), video_chunk.shape[1]
            video_chunk[0, :, 0, 0, 0] = torch.arange(begin, begin + length)
        return shown(self, video_chunk, is_first_step, queries)

    monkeypatch.setattr(Predictor, "forward", forward)
    path = write(tmp_path / "driving.mp4", even(1.0), frames(even(1.0), shift(30.0, 0.0)))
    driving = borrow(path, 24.0, follow=CoTracker(checkpoint))
    assert driving is not None
    motion = driving.motions["all"]
    way = (motion.xy[-1] - motion.xy[0]) * 256
    np.testing.assert_allclose(np.median(way, axis=0), (SPEED * 24, 0), atol=SPEED)


def test_what_is_missing_or_wrong_is_a_sentence(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.pth").write_bytes(b"no checkpoint")
    torch.save({"model": {"weight": torch.zeros(2)}}, tmp_path / "other.pth")
    torch.save(Model(60).state_dict(), tmp_path / "scaled_offline.pth")
    said = {
        "gone.pth": "no checkpoint at",
        "broken.pth": "is damaged",
        "other.pth": "no checkpoint of CoTracker3",
        "scaled_offline.pth": "whole videos at once",
    }
    for name, words in said.items():
        with pytest.raises(UserError, match=words) as fault:
            CoTracker(tmp_path / name)
        assert fault.value.kept
        assert fault.value.next
    monkeypatch.setitem(sys.modules, "cotracker.predictor", None)
    with pytest.raises(UserError, match="not installed"):
        CoTracker(checkpoint)


def test_a_checkpoint_that_would_run_code_is_not_opened(checkpoint: Path, tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "harmed",))

    torch.save({"model": Harm()}, tmp_path / "harm.pth")
    with pytest.raises(UserError, match="is damaged"):
        CoTracker(tmp_path / "harm.pth")
    assert not (tmp_path / "harmed").exists()
