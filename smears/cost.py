"""What a piece of work costs: seconds by the wall clock, and the highest memory on the way."""

import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def measured():
    """Measure what is done inside.

    Yields:
        Dict that is filled at the end: wall_seconds, and peak_memory_mb, the most that the
        process held at once, libraries and what was loaded before included; None where the
        system does not tell. Linux forgets earlier peaks at the start; elsewhere it is the
        highest since the process began.
    """
    found = {}
    _forget()
    began = time.perf_counter()
    yield found
    found["wall_seconds"] = round(time.perf_counter() - began, 1)
    found["peak_memory_mb"] = _peak()


def _forget():
    # Not Linux, or not allowed: the peak is then that of the whole process.
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak():
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / 2**20 if sys.platform == "darwin" else peak / 2**10)
