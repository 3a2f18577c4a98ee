"""Paths: the curve, its timing, its edits, a drawn line, and the performer through the director."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.channels import ControlSnapshot, Handle
from inference.motion.director import Director, Span
from inference.motion.hand import GRID_SIDE
from inference.motion.paths import DRAWN_TOLERANCE, MAX_KNOTS, Path, PathPerformer, drawn_path, simplified
from inference.motion.spline import Spline, monotone
from inference.track_ids import IDS_PER_HANDLE

T, FPS, SIZE = 4, 24.0, (256, 144)
ASPECT = SIZE[0] / SIZE[1]
CENTRE = GRID_SIDE * GRID_SIDE // 2
BENT = Path(((0.2, 0.3), (0.4, 0.7), (0.7, 0.6), (0.8, 0.2)), (0.0, 0.2, 0.7, 1.0), 2.0, aspect=ASPECT)
STRAIGHT = Path(((0.1, 0.5), (0.9, 0.5)), (0.0, 1.0), 1.0, aspect=ASPECT)
places = st.tuples(st.floats(0, 1), st.floats(0, 1))


# ---- the curve ------------------------------------------------------------------------------------


@given(st.lists(places, min_size=2, max_size=12), st.booleans())
def test_the_curve_passes_every_knot_wherever_they_are(knots: list[tuple[float, float]], closed: bool) -> None:
    """Also where knots coincide."""
    spline = Spline(np.array(knots), closed)
    at = spline.at(spline.at_knots)
    np.testing.assert_allclose(at[: len(knots)], knots, atol=1e-9)
    assert np.all(np.diff(spline.at_knots) >= 0)
    assert spline.length >= np.linalg.norm(np.diff(np.array(knots), axis=0), axis=1).sum() - 1e-6


def test_a_straight_line_stays_straight_however_uneven_its_knots() -> None:
    line = Spline(np.array([[0.0, 0.0], [0.01, 0.01], [0.9, 0.9], [1.0, 1.0]]))
    at = line.at(np.linspace(0, line.length, 50))
    np.testing.assert_allclose(at[:, 0], at[:, 1], atol=1e-12)
    assert np.all(np.diff(at[:, 0]) > 0), "it went back"
    assert line.length == pytest.approx(math.sqrt(2), abs=1e-9)


def test_a_curve_through_a_circle_is_nearly_one() -> None:
    turns = np.arange(12) / 12 * 2 * np.pi
    spline = Spline(np.stack([np.cos(turns), np.sin(turns)], 1), closed=True)
    assert np.abs(np.linalg.norm(spline.at(np.linspace(0, spline.length, 400)), axis=1) - 1).max() < 0.01
    assert spline.length == pytest.approx(2 * np.pi, rel=0.01)


@given(st.lists(st.floats(0, 5), min_size=2, max_size=9), st.lists(st.floats(0.01, 1), min_size=1, max_size=8))
def test_time_never_turns_back(values: list[float], steps: list[float]) -> None:
    values = sorted(values[: len(steps) + 1])
    times = np.concatenate([[0.0], np.cumsum(steps)])[: len(values)]
    if len(times) < 2:
        return
    out = monotone(times, np.array(values), np.linspace(-1, times[-1] + 1, 200))
    assert np.all(np.diff(out) >= -1e-12)
    np.testing.assert_allclose(monotone(times, np.array(values), times), values, atol=1e-9)


# ---- timing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("ease", ["none", "in", "out", "both"])
def test_every_knot_is_passed_at_its_time(ease: str) -> None:
    path = replace(BENT, ease=ease)
    np.testing.assert_allclose(path.at(path.knot_times_s), path.knots, atol=1e-9)
    assert path.knot_times_s[0] == pytest.approx(0.0, abs=1e-12)
    assert path.knot_times_s[-1] == pytest.approx(path.duration_s)
    np.testing.assert_allclose(path.at(path.polyline[:, 0]), path.polyline[:, 1:], atol=1e-9)


def test_before_it_waits_and_after_it_stays() -> None:
    np.testing.assert_array_equal(BENT.at(np.array([-3.0, 0.0])), [BENT.knots[0]] * 2)
    np.testing.assert_allclose(BENT.at(np.array([2.0, 7.0])), [BENT.knots[-1]] * 2, atol=1e-12)
    assert replace(BENT, delay_s=0.5).ends_s == 2.5


def test_ease_begins_and_ends_slowly_where_it_says() -> None:
    moments = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
    x = {ease: replace(STRAIGHT, ease=ease).at(moments)[:, 0] for ease in ("none", "in", "out", "both")}
    np.testing.assert_allclose(x["none"], [0.1, 0.3, 0.5, 0.7, 0.9], atol=1e-9)
    steps = {ease: np.diff(line) for ease, line in x.items()}
    assert steps["in"][0] < 0.2 < steps["in"][-1]
    assert steps["out"][0] > 0.2 > steps["out"][-1]
    assert max(steps["both"][0], steps["both"][-1]) < 0.2 < steps["both"][1]
    assert x["both"][2] == pytest.approx(0.5)


def test_ping_pong_goes_there_and_back() -> None:
    path = replace(BENT, repeat="ping-pong")
    assert path.ends_s == math.inf
    there, back = path.at(np.linspace(0, 2, 21)), path.at(np.linspace(4, 2, 21))
    np.testing.assert_allclose(there, back, atol=1e-9)
    np.testing.assert_allclose(path.at(np.array([2.0, 4.0, 6.0])), [path.knots[k] for k in (-1, 0, -1)], atol=1e-9)


def test_a_loop_returns_to_its_beginning_without_a_jump() -> None:
    path = BENT.repeated("loop")
    moments = np.linspace(0, 3 * path.duration_s, 3000)
    line = path.at(moments)
    np.testing.assert_allclose(line[0], path.at(np.array([path.duration_s]))[0], atol=1e-9)
    steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
    assert steps.max() < 5 * steps.mean()
    np.testing.assert_allclose(path.at(path.knot_times_s), path.knots, atol=1e-9)
    assert path.repeated("once").times == pytest.approx(BENT.times, abs=1e-9), "what the hand timed was lost"


def test_a_rest_is_a_rest() -> None:
    path = Path(((0.1, 0.5), (0.5, 0.5), (0.5, 0.5), (0.9, 0.5)), (0.0, 0.3, 0.7, 1.0), 1.0)
    np.testing.assert_allclose(path.at(np.array([0.31, 0.5, 0.69]))[:, 0], 0.5, atol=1e-6)


def test_length_is_in_picture_heights() -> None:
    assert STRAIGHT.length == pytest.approx(0.8 * ASPECT)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"knots": ((0.1, 0.1),), "times": (0.0,)}, "1 knots"),
        ({"knots": ((0.1, math.nan), (0.2, 0.2))}, "not a number"),
        ({"knots": ((0.1, 0.1),) * (MAX_KNOTS + 1), "times": tuple(range(MAX_KNOTS + 1))}, "257 knots"),
        ({"knots": ((0.1, 0.1), (9.0, 0.2))}, "leaves the picture"),
        ({"times": (0.0, 0.5)}, "rise from 0 to 1"),
        ({"duration_s": 0.0}, "takes 0 s"),
        ({"ease": "sideways"}, "unknown ease"),
    ],
)
def test_what_is_no_path_says_why(wrong: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        replace(STRAIGHT, **wrong)


# ---- edits ----------------------------------------------------------------------------------------


def test_a_knot_is_added_on_the_curve_and_taken_away() -> None:
    more = BENT.with_knot_added(1.0)
    assert len(more.knots) == 5
    np.testing.assert_allclose(more.knots[2], BENT.at(np.array([1.0]))[0], atol=1e-9)
    less = more.without_knot(2)
    assert less is not None
    assert less.knots == BENT.knots
    assert less.times == pytest.approx(BENT.times)
    assert STRAIGHT.without_knot(0) is None
    first_gone = BENT.without_knot(0)
    assert first_gone is not None
    assert (first_gone.times[0], first_gone.times[-1]) == (0.0, 1.0)


def test_a_speed_handle_stays_between_its_neighbours() -> None:
    assert BENT.with_knot_time(1, 1.0).knot_times_s[1] == pytest.approx(1.0)
    assert BENT.with_knot_time(1, 99.0).knot_times_s[1] < BENT.knot_times_s[2]
    assert BENT.with_knot_time(0, 0.5) == BENT
    assert BENT.with_knot_time(3, 0.5) == BENT


def test_evenly_timed_is_one_speed() -> None:
    line = BENT.evenly_timed().at(np.linspace(0, 2, 200)) * (ASPECT, 1.0)
    steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
    assert steps.max() / steps.min() < 1.02


def test_nearest_says_how_far_and_when() -> None:
    away, time_s = STRAIGHT.nearest((0.5, 0.6))
    assert away == pytest.approx(0.1)
    assert time_s == pytest.approx(0.5, abs=1e-6)


@settings(max_examples=60)
@given(st.lists(places, min_size=2, max_size=8), st.integers(0, 7), st.sampled_from(["once", "loop", "ping-pong"]))
def test_edits_of_any_path_are_paths(knots: list[tuple[float, float]], index: int, repeat: str) -> None:
    path = Path(tuple(knots), tuple(k / (len(knots) - 1) for k in range(len(knots))), 1.0).repeated(repeat)
    for edited in (
        path.evenly_timed(),
        path.with_knot_added(0.37),
        path.without_knot(index % len(knots)),
        path.with_knot_time(index % len(knots), 0.9),
        path.moved_by(0.3, -0.2).repeated("once").repeated("loop"),
    ):
        if edited is not None:
            assert np.isfinite(edited.at(np.linspace(0, 3, 40))).all()


# ---- drawing --------------------------------------------------------------------------------------


def test_few_knots_keep_shape_and_timing_of_the_hand() -> None:
    """A wave, slow at first, then four times as fast."""
    seconds = np.linspace(0, 2, 250)
    x = np.where(seconds < 1, 0.1 + 0.16 * seconds, 0.26 + 0.64 * (seconds - 1))
    hand = np.stack([seconds, x, 0.5 + 0.2 * np.sin(8 * x)], axis=1)
    path = drawn_path(hand, ASPECT)
    assert path is not None
    assert len(path.knots) <= 16
    assert path.duration_s == pytest.approx(2.0)
    off = np.linalg.norm((path.at(seconds) - hand[:, 1:]) * (ASPECT, 1.0), axis=1)
    assert off.max() < 3 * DRAWN_TOLERANCE
    np.testing.assert_allclose(path.at(np.array([0.0, 2.0])), hand[[0, -1], 1:], atol=1e-9)


def test_simplified_is_near_at_every_moment() -> None:
    rng = np.random.default_rng(0)
    samples = np.concatenate([np.linspace(0, 1, 400)[:, None], np.cumsum(rng.normal(0, 0.01, (400, 2)), 0)], axis=1)
    kept = simplified(samples, ASPECT, 0.05)
    line = np.stack([np.interp(samples[:, 0], samples[kept, 0], samples[kept, axis]) for axis in (1, 2)], axis=1)
    assert np.linalg.norm((line - samples[:, 1:]) * (ASPECT, 1.0), axis=1).max() <= 0.05 + 1e-9
    assert 2 < len(kept) < 200


def test_a_click_is_no_path() -> None:
    assert drawn_path(np.array([[0.0, 0.5, 0.5], [0.2, 0.5, 0.5]]), ASPECT) is None
    assert drawn_path(np.array([[0.0, 0.5, 0.5]]), ASPECT) is None


# ---- performing -----------------------------------------------------------------------------------


def performed(path: Path, chunks: int, *handles: Handle, span_s: float = 0.2, first: int = 1) -> np.ndarray:
    """Where the path's handle was in every frame, float [frames, 2]; nan while there is none."""
    director, rows = Director(SIZE, 400), []
    for chunk in range(chunks):
        since_s = 5.0 + chunk * span_s
        snapshot = ControlSnapshot(handles, {}, since_s, since_s + span_s, None, (PathPerformer(3, 7, path, 1),))
        tracks = director.direct(snapshot, Span(since_s, since_s + span_s, first + chunk * T, T, FPS))
        middle = tracks.ids == 7 * IDS_PER_HANDLE + CENTRE
        rows.append(tracks.xy[:, middle][:, 0] if middle.any() else np.full((T, 2), np.nan))
    return np.concatenate(rows).astype(np.float64)


@pytest.mark.parametrize("span_s", [0.2, 0.0, 7.0])
@pytest.mark.parametrize("path", [BENT, BENT.repeated("loop"), replace(BENT, repeat="ping-pong", ease="both")])
def test_every_frame_is_on_the_path_however_fast_the_machine(path: Path, span_s: float) -> None:
    seen = performed(path, 20, span_s=span_s)
    np.testing.assert_allclose(seen, path.at(np.arange(20 * T) / FPS), atol=1e-6)
    np.testing.assert_allclose(seen[0], path.knots[0], atol=1e-7)


def test_it_comes_in_the_frame_of_its_delay_and_not_before() -> None:
    path = replace(STRAIGHT, delay_s=10 / FPS)  # in the middle of the third chunk
    seen = performed(path, 10)
    assert np.isnan(seen[:8]).all()
    np.testing.assert_allclose(seen[8:11], [path.knots[0]] * 3, atol=1e-7)
    np.testing.assert_allclose(seen[8:], path.at(np.arange(8, 40) / FPS - 10 / FPS), atol=1e-6)


def test_at_the_end_it_stays_as_a_pin() -> None:
    seen = performed(STRAIGHT, 10)
    np.testing.assert_allclose(seen[24:], np.full((16, 2), (0.9, 0.5)), atol=1e-6)


def test_a_point_with_its_id_goes_on_with_the_same_tracks() -> None:
    """What stopping does: no track is born or lost, nothing jumps."""
    director = Director(SIZE, 400)
    start = ControlSnapshot((), {}, 0.0, 0.2, None, (PathPerformer(3, 7, STRAIGHT, 1),))
    before = director.direct(start, Span(0.0, 0.2, 1, T, FPS))
    xy = tuple(STRAIGHT.at(np.array([3 / FPS]))[0])
    pin = Handle(7, xy, pinned=True, held=False, radius=STRAIGHT.radius, hold=1)
    both = director.direct(replace(start, handles=(pin,)), Span(0.2, 0.4, 5, T, FPS))
    after = director.direct(ControlSnapshot((pin,), {}, 0.4, 0.6, None), Span(0.4, 0.6, 9, T, FPS))
    assert before.ids.tolist() == both.ids.tolist() == after.ids.tolist()
    np.testing.assert_allclose(after.xy[-1, CENTRE], xy, atol=1e-6)


@pytest.mark.parametrize("paused", [True, False])
def test_played_again_it_has_what_it_had(paused: bool) -> None:
    director = Director(SIZE, 400)
    playing = ControlSnapshot((), {}, 0.0, 0.2, None, (PathPerformer(3, 7, STRAIGHT, 1),))
    first = director.direct(playing, Span(0.0, 0.2, 1, T, FPS))
    if paused:  # otherwise it is stopped and played within one chunk
        director.direct(replace(playing, performers=()), Span(0.2, 0.4, 5, T, FPS))
    again = replace(playing, since_s=0.4, now_s=0.6, performers=(PathPerformer(4, 7, STRAIGHT, 1),))
    again = director.direct(again, Span(0.4, 0.6, 9, T, FPS))
    assert again.ids.tolist() == first.ids.tolist()
    np.testing.assert_allclose(again.xy, first.xy, atol=1e-6)
