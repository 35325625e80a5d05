"""How the process of a command ends: what is said, and the exit code."""

import errno
import os
import sys
from contextlib import contextmanager

from smears import InputError

GO_ON = "Stopped. Finished epochs and rows are kept: the same command goes on from there."
FREE = "Free some space, or give another --out: the same command goes on where it was."
MOVE = "Move away what stands there, see who may write there, or give another --out."
PLACES = (FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError)
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def exits(stopped=GO_ON):
    """End the process as people expect.

    130 after Ctrl-C, 2 with one message on bad input, a full disk or a place that is not free, 1
    in silence where no one reads on (`| head`). What a terminal cannot show is printed as a
    question mark.

    Args:
        stopped: what is said after Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        yield
        sys.stdout.flush()  # while a closed pipe can still be answered
    except KeyboardInterrupt:
        print(f"\n{stopped}", file=sys.stderr)
        sys.exit(130)
    except InputError as problem:
        print(f"\n{problem}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        # Else Python complains once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as problem:
        if isinstance(problem, PLACES) and problem.filename:
            place = problem.filename2 or problem.filename  # of a rename, where it was to go
            print(f"\n{place}: {problem.strerror}. {MOVE}", file=sys.stderr)
            sys.exit(2)
        full = _full(problem)
        if not full:
            raise
        print(f"\nThe disk is full ({full}). {FREE}", file=sys.stderr)
        sys.exit(2)


def _full(problem):
    """The message of a full disk, or of a used-up quota, among an exception and its causes; ""."""
    while problem:
        if getattr(problem, "errno", None) in FULL or "No space left" in str(problem):
            return str(problem).strip().splitlines()[-1]
        problem = problem.__cause__ or problem.__context__
    return ""
