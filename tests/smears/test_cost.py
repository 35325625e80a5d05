"""What a piece of work costs."""

import mmap
import sys
import time

import pytest

from smears import cost


def _hold(size=240_000_000):
    """Touch so many bytes and give them back to the system, which malloc need not do."""
    with mmap.mmap(-1, size) as held:
        for start in range(0, size, mmap.PAGESIZE):
            held[start] = 1


def test_seconds_and_the_highest_memory_of_what_is_done_inside():
    with cost.measured() as first:
        _hold()
        time.sleep(0.2)
    assert 0.2 <= first["wall_seconds"] < 20
    if first["peak_memory_mb"] is not None:
        assert first["peak_memory_mb"] > 229


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the peak is the process's own")
def test_an_earlier_peak_is_forgotten():
    with cost.measured() as first:
        _hold()
    with cost.measured() as second:
        pass
    assert second["peak_memory_mb"] < first["peak_memory_mb"] - 150
