"""Each way to share the cores runs in a process of its own, and makes frames."""

import json
import sys

from benchmarks import threads
from tests.tiny import write_package


def test_every_way_is_there_and_the_shipped_one_is_first():
    found = threads.ways(2)
    assert len(set(found)) == len(found) == 8
    assert found[0] == threads.Way(beside=True, threads=1, policy="PASSIVE")
    assert len(threads.ways(1)) == 4  # a half of one core is that core


def test_one_way_in_this_process_and_one_in_its_own(tmp_path, monkeypatch, capsys):
    package = write_package(tmp_path)
    monkeypatch.setattr(threads.torch, "set_num_threads", lambda count: None)  # of the tests' own process: theirs
    assert threads.frames_a_second(package, threads.Way(False, 1, ""), 0.05) > 0
    only = threads.Way(True, 1, "ACTIVE")
    monkeypatch.setattr(threads, "ways", lambda _: [only])
    words = ["threads", "--package", str(package), "--seconds", "0.05", "--rounds", "2"]
    monkeypatch.setattr(sys, "argv", words)
    threads.main()
    (row,) = json.loads(capsys.readouterr().out.splitlines()[-1])["threads"]
    assert row["way"] == str(only)
    assert len(row["rounds"]) == 2
    assert min(row["rounds"]) > 0
