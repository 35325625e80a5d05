"""What a piece of work costs."""

import sys
import time

import numpy as np
import pytest

from smears import cost


def test_seconds_and_the_highest_memory_of_what_is_done_inside():
    with cost.measured() as first:
        held = np.ones(30_000_000)  # 229 MiB, touched
        time.sleep(0.2)
        del held
    assert 0.2 <= first["wall_seconds"] < 20
    if first["peak_memory_mb"] is not None:
        assert first["peak_memory_mb"] > 229


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the peak is the process's own")
def test_an_earlier_peak_is_forgotten():
    with cost.measured() as first:
        held = np.ones(30_000_000)
        del held
    with cost.measured() as second:
        pass
    assert second["peak_memory_mb"] < first["peak_memory_mb"] - 150
