"""The three channels and their rules about loss."""

import threading
from concurrent.futures import CancelledError
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.channels import (
    MAX_PATH_SAMPLES,
    RING,
    CommandQueue,
    ControlMailbox,
    Frame,
    FrameRing,
    Handle,
    Pause,
    Resume,
)

IMAGE = np.zeros((2, 2, 4), np.uint8)


def handle(identity: int = 1, x: float = 0.5, y: float = 0.5, *, held: bool = True) -> Handle:
    return Handle(identity, (x, y), False, held, 0.05)


def frames(start: int, count: int, due_s: float = 0.0) -> list[Frame]:
    return [Frame(start + j, IMAGE, due_s + j, due_s) for j in range(count)]


# ControlMailbox


def test_the_newest_state_wins_and_polylines_append() -> None:
    mailbox = ControlMailbox()
    mailbox.take(0.0)
    for step in range(1, 4):
        mailbox.put((handle(x=step / 10), handle(2, held=False)), step)
    snapshot = mailbox.take(4.0)
    assert snapshot.handles == (handle(x=0.3), handle(2, held=False))
    np.testing.assert_allclose(snapshot.paths[1], [[1, 0.1, 0.5], [2, 0.2, 0.5], [3, 0.3, 0.5]])
    np.testing.assert_allclose(snapshot.paths[2], [[1, 0.5, 0.5]])  # placed once, never moved
    assert (snapshot.since_s, snapshot.now_s, snapshot.oldest_event_s) == (0.0, 4.0, 1.0)


def test_taking_zeroes_but_keeps_the_handles() -> None:
    mailbox = ControlMailbox()
    mailbox.put((handle(),), 1.0)
    mailbox.take(2.0)
    again = mailbox.take(3.0)
    assert again.handles == (handle(),)
    assert (again.paths, again.since_s, again.oldest_event_s) == ({}, 2.0, None)


def test_a_repeated_state_is_no_event() -> None:
    mailbox = ControlMailbox()
    mailbox.put((handle(held=False),), 1.0)
    mailbox.take(2.0)
    mailbox.put((handle(held=False),), 2.5)
    assert mailbox.take(3.0).oldest_event_s is None
    mailbox.put((), 3.5)
    assert mailbox.take(4.0).oldest_event_s == 3.5


def test_the_release_position_is_in_the_path() -> None:
    mailbox = ControlMailbox()
    mailbox.put((handle(x=0.1),), 1.0)
    mailbox.put((handle(x=0.9, held=False),), 1.1)
    np.testing.assert_allclose(mailbox.take(2.0).paths[1][-1], [1.1, 0.9, 0.5])


def test_a_removed_handle_leaves_no_path() -> None:
    mailbox = ControlMailbox()
    mailbox.put((handle(),), 1.0)
    mailbox.put((), 1.1)
    snapshot = mailbox.take(2.0)
    assert (snapshot.handles, snapshot.paths, snapshot.oldest_event_s) == ((), {}, 1.0)


def test_a_late_event_counts_in_the_next_span() -> None:
    mailbox = ControlMailbox()
    mailbox.take(5.0)
    counted_s = mailbox.put((handle(),), 4.9)  # handled by the UI before the take, put after it
    snapshot = mailbox.take(6.0)
    assert 5.0 < counted_s == snapshot.oldest_event_s
    assert snapshot.paths[1][0, 0] == counted_s


def test_skipping_forgets_motion_but_not_handles() -> None:
    mailbox = ControlMailbox()
    mailbox.put((handle(x=0.2),), 1.0)
    mailbox.skip(9.0)
    snapshot = mailbox.take(10.0)
    assert (snapshot.handles, snapshot.paths, snapshot.since_s) == ((handle(x=0.2),), {}, 9.0)


def test_a_path_nobody_takes_stays_bounded_and_keeps_its_end() -> None:
    mailbox = ControlMailbox()
    for step in range(20 * MAX_PATH_SAMPLES):
        mailbox.put((handle(x=step / 1e6),), step)
    path = mailbox.take(1e9).paths[1]
    assert len(path) <= MAX_PATH_SAMPLES
    assert path[-1, 0] == 20 * MAX_PATH_SAMPLES - 1
    assert (np.diff(path[:, 0]) > 0).all()


def test_moves_that_waited_are_all_in_the_polyline_and_ask_from_the_first_on() -> None:
    mailbox = ControlMailbox()
    mailbox.put((handle(x=0.1), handle(2)), 1.0)
    mailbox.take(2.0)
    counts_s = mailbox.put(
        (handle(x=0.5), handle(2, held=False)), 3.0, [(1.5, handle(x=0.2)), (2.5, handle(x=0.9, y=0.1))]
    )
    snapshot = mailbox.take(3.5)
    assert counts_s == 3.0
    assert snapshot.oldest_event_s == snapshot.paths[1][0, 0] == np.nextafter(2.0, 3.0)
    np.testing.assert_allclose(snapshot.paths[1], [[2.0, 0.2, 0.5], [2.5, 0.9, 0.1], [3.0, 0.5, 0.5]], atol=1e-9)
    assert 2 not in snapshot.paths, "the way is the held handle's alone"


def test_turning_and_growing_have_a_polyline_too_and_every_handle_its_own_way() -> None:
    mailbox = ControlMailbox()
    mailbox.put((handle(), handle(2)), 1.0)
    mailbox.take(2.0)
    way = [(2.5, replace(handle(), turn=0.5)), (2.5, handle(2, x=0.1))]
    mailbox.put((replace(handle(), turn=1.0, grow=2.0), handle(2, x=0.2)), 3.0, way)
    snapshot = mailbox.take(4.0)
    np.testing.assert_allclose(snapshot.turns[1], [[2.5, 0.5, 0.0], [3.0, 1.0, np.log(2.0)]])
    np.testing.assert_allclose(snapshot.paths[2], [[2.5, 0.1, 0.5], [3.0, 0.2, 0.5]])
    mailbox.put((replace(handle(held=False), turn=2.0, grow=2.0),), 5.0)
    np.testing.assert_allclose(mailbox.take(6.0).turns[1], [[5.0, 2.0, np.log(2.0)]])


@settings(max_examples=40)
@given(st.integers(1, MAX_PATH_SAMPLES * 3), st.integers(1, 4))
def test_thinning_keeps_the_turning_points(turn: int, halves: int) -> None:
    mailbox = ControlMailbox()
    for step in range(MAX_PATH_SAMPLES * halves):
        mailbox.put((handle(x=0.9 if step == turn else 0.1),), step)
    path = mailbox.take(1e9).paths[1]
    assert len(path) <= MAX_PATH_SAMPLES
    assert (path[:, 1].max() == 0.9) == (turn < MAX_PATH_SAMPLES * halves)


def test_wrong_sets_are_refused() -> None:
    mailbox = ControlMailbox()
    with pytest.raises(ValueError, match="same id"):
        mailbox.put((handle(), handle()), 1.0)
    with pytest.raises(ValueError, match="no finite position"):
        handle(x=float("nan"))


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("put"), st.floats(-1, 2), st.sets(st.integers(0, 3), max_size=3)),
            st.tuples(st.just("take"), st.just(0.0), st.just(set())),
        ),
        max_size=40,
    )
)
def test_no_newest_state_is_lost(steps: list[tuple[str, float, set[int]]]) -> None:
    mailbox = ControlMailbox()
    newest: tuple[Handle, ...] = ()
    last_s = -np.inf
    for time_s, (what, x, ids) in enumerate([*steps, ("take", 0.0, set())]):
        if what == "put":
            newest = tuple(handle(identity, x) for identity in sorted(ids))
            mailbox.put(newest, time_s - 0.5)
            continue
        snapshot = mailbox.take(time_s)
        assert snapshot.handles == newest
        for one in snapshot.handles:
            if one.id in snapshot.paths:
                path = snapshot.paths[one.id]
                assert tuple(path[-1, 1:]) == one.xy
                assert (np.diff(path[:, 0]) >= 0).all()
                assert path[0, 0] > last_s
                assert path[-1, 0] <= snapshot.now_s
        last_s = snapshot.now_s


def test_two_threads_lose_nothing() -> None:
    mailbox = ControlMailbox()
    count = 2000

    def drag() -> None:
        for step in range(1, count + 1):
            mailbox.put((handle(x=step / count),), step)

    thread = threading.Thread(target=drag)
    thread.start()
    seen: list[float] = []
    while not seen or seen[-1] < 1.0:
        snapshot = mailbox.take(0.0)
        if 1 in snapshot.paths:
            seen += snapshot.paths[1][:, 1].tolist()
    thread.join()
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


# FrameRing


def test_the_newest_due_frame_is_given_once_and_older_ones_count_as_dropped() -> None:
    ring = FrameRing()
    for frame in frames(0, 4):
        ring.push(frame)
    assert ring.coming is not None
    assert ring.coming.due_s == 0.0
    newest = ring.due(2.5)
    assert newest is not None
    assert ring.coming is not None
    assert (newest.index, ring.dropped, ring.coming.due_s) == (2, 2, 3.0)
    assert ring.due(2.5) is None


def test_clearing_counts_nothing() -> None:
    ring = FrameRing()
    for frame in frames(0, 4):
        ring.push(frame)
    ring.clear()
    assert (ring.due(99.0), ring.dropped, ring.coming) == (None, 0, None)


@given(st.lists(st.integers(1, 12), max_size=30), st.integers(0, 3))
def test_the_ring_keeps_the_newest_and_never_grows(chunks: list[int], shown_every: int) -> None:
    ring = FrameRing()
    pushed = shown = 0
    for turn, count in enumerate(chunks):
        for frame in frames(pushed, count, due_s=pushed):
            ring.push(frame)
        pushed += count
        assert len(ring) <= RING
        if shown_every and turn % shown_every == 0:
            newest = ring.due(pushed)
            assert newest is not None
            assert newest.index == pushed - 1
            shown += 1
    assert len(ring) + shown + ring.dropped == pushed
    if len(ring):
        last = ring.due(np.inf)
        assert last is not None
        assert last.index == pushed - 1


# CommandQueue


def test_commands_come_in_order_and_are_answered() -> None:
    queue = CommandQueue()
    futures = [queue.put(Pause()), queue.put(Resume())]
    for expected in (Pause(), Resume()):
        item = queue.pop()
        assert item is not None
        command, future = item
        assert command == expected
        future.set_result(None)
    assert queue.pop() is None
    assert [future.result(0) for future in futures] == [None, None]


def test_a_cancelled_command_is_passed_over() -> None:
    queue = CommandQueue()
    first = queue.put(Pause())
    queue.put(Resume())
    assert first.cancel()
    item = queue.pop()
    assert item is not None
    assert item[0] == Resume()
    with pytest.raises(CancelledError):
        first.result(0)


def test_waiting_ends_with_a_command_or_the_time() -> None:
    queue = CommandQueue()
    assert not queue.wait(0.0)
    thread = threading.Thread(target=queue.put, args=(Pause(),))
    thread.start()
    assert queue.wait(10.0)
    thread.join()


def test_closing_answers_what_waits_and_what_comes() -> None:
    queue = CommandQueue()
    before = queue.put(Pause())
    queue.close(RuntimeError("over"))
    after = queue.put(Resume())
    for future in (before, after):
        with pytest.raises(RuntimeError, match="over"):
            future.result(0)
    assert queue.pop() is None
