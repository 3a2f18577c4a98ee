"""Ids say who brought a track."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inference.track_ids import CAMERA, IDS_PER_HANDLE, SOURCE_IDS, grid_ids, holder_of, source_ids

numbers = st.integers(0, 2**20)


@given(numbers, numbers, st.integers(0, IDS_PER_HANDLE - 1))
def test_a_grids_ids_name_its_handle_however_often_it_was_laid(handle: int, birth: int, place: int) -> None:
    assert holder_of(grid_ids(handle, birth, np.array([place]))).tolist() == [handle]


@given(st.integers(1, 2**20), st.integers(0, SOURCE_IDS - 1), numbers)
def test_a_source_is_no_handle_and_no_other_source(key: int, number: int, handle: int) -> None:
    ids = source_ids(key, np.array([number]))
    assert (ids < 0).all()
    assert holder_of(ids).tolist() == holder_of(source_ids(key, np.array([0]))).tolist()
    assert holder_of(ids) not in (handle, *holder_of(source_ids(CAMERA, np.array([0, number]))))
    assert holder_of(ids) != holder_of(source_ids(key + 1, np.array([number])))
