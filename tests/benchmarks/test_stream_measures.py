"""What the stream benchmark computes from what it saw: pairing of events and frames, FLOPs of a chunk."""

import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.stream import Record, flops_of_a_chunk, latencies_ms, order, paired
from inference.package import ModelPackage
from inference.stream import Stream
from inference.tracks import Tracks
from tests.tiny import write_package


def test_an_event_is_seen_in_the_first_frame_whose_sample_contains_it():
    # A chunk of four frames samples the pointer at 1.00, 1.25, 1.50, 1.75 and is shown from 2.0 on.
    record = Record(
        shown=[(1 + j, 1.0 + 0.25 * j, 2.0 + 0.04 * j) for j in range(4)],
        sent=[(0.99, 0.1, 0.5), (1.26, 0.2, 0.5), (1.9, 0.3, 0.5)],
        taken=[(1.00, 0.1, 0.5), (1.27, 0.2005, 0.5), (1.91, 0.3, 0.5)],
    )
    own, begin = latencies_ms(record, 4)
    assert own == pytest.approx([1010.0, 820.0])  # the third came after the last sample: no frame contains it
    assert begin == pytest.approx([1010.0, 740.0])


def test_dropped_frames_leave_the_next_one_to_count():
    record = Record(shown=[(1, 1.0, 2.0), (4, 1.75, 2.12)], sent=[(1.2, 0.5, 0.5)], taken=[(1.2, 0.5, 0.5)])
    own, begin = latencies_ms(record, 4)
    assert own == pytest.approx([920.0])
    assert begin == pytest.approx([800.0])


def test_moves_that_the_window_merged_are_left_out():
    sent = [(0.1 * i, 0.1 * i, 0.5) for i in range(1, 6)]
    record = Record(sent=sent, taken=[(0.15, 0.1, 0.5), (0.45, 0.4, 0.5), (0.55, 0.5, 0.5)])
    assert paired(record) == [(pytest.approx(0.1), 0.15), (pytest.approx(0.4), 0.45), (pytest.approx(0.5), 0.55)]


def test_frames_that_were_skipped_or_came_late_are_counted():
    shown = [(index, 0.0, 0.0) for index in (5, 6, 8, 7, 7, 11)]
    assert order(Record(shown=shown)) == (2, 2)  # 9 and 10 never; 7 after 8, and again
    assert order(Record(shown=shown[:2])) == (0, 0)


def test_flops_by_formula_are_the_flops_counted(tmp_path):
    package = ModelPackage.load(write_package(tmp_path))
    stream = Stream(package)
    stream.open(np.zeros((32, 64, 3), np.uint8))
    # The counter knows plain products only, not the CPU's fused attention.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        stream.advance(Tracks.empty(4))
    counted = sum(counter.get_flop_counts()["MotionTransformer"].values())
    assert flops_of_a_chunk(package.config, (64, 32)) == pytest.approx(counted, rel=0.01)
