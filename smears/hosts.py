"""Several machines at one training: the same command on each, one process a machine (JAX).

Process 0 makes the results. The others train with it in folders of their own, where they keep what
they need to go on, and print no tables. They meet in three ways: they must have come to the same
place (`same`), they take over what process 0 has (`first`, `same_folder`), and JAX adds up their
gradients (smears.parallel). Which process is which stands in Keras's own environment variables:

    KERAS_DISTRIBUTION_JOB_ADDRESSES  address and port of process 0, e.g. 10.0.0.1:1234
    KERAS_DISTRIBUTION_NUM_PROCESSES  how many there are
    KERAS_DISTRIBUTION_PROCESS_ID     0 to that number less one
"""

import hashlib
import json
import os
import socket
import sys
import time
from pathlib import Path

import numpy as np

from smears import InputError, backend

ADDRESS, COUNT, NUMBER = (
    f"KERAS_DISTRIBUTION_{name}" for name in ("JOB_ADDRESSES", "NUM_PROCESSES", "PROCESS_ID")
)

# Seconds that the others look for process 0, less than the five minutes that it waits for them.
PATIENCE = 240


def asked():
    """Whether the environment names several processes, fully or not."""
    given = any(os.environ.get(name) for name in (ADDRESS, COUNT, NUMBER))
    return given and os.environ.get(COUNT) != "1"


def join():
    """Meet the other processes, before anything is computed; wait for them if they are late.

    All but process 0 show nothing from here on but their progress and errors.

    Raises:
        InputError: variables that lack or do not fit, another backend than JAX, or no process 0.
    """
    number, count = _numbers()
    if backend.load() != "jax":
        raise InputError(
            f"{COUNT}={count}: several hosts train together on JAX alone: set KERAS_BACKEND=jax "
            "on each, or unset that variable for the GPUs of this machine."
        )
    import keras

    print(f"Process {number} of {count} waits for the others, five minutes.", file=sys.stderr)
    if number:
        _find(os.environ[ADDRESS])
    # Else Keras would draw one with all processors of all hosts.
    backend.seed(0)
    try:
        keras.distribution.initialize()
    except ValueError as problem:
        raise InputError(f"{ADDRESS}, {COUNT}: {problem}") from problem
    print("All are here.", file=sys.stderr)
    if number:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (until the process ends)


def _find(addresses):
    """Wait until process 0 listens; JAX would end this process without a word of why.

    Raises:
        InputError: no address, or nobody there for `PATIENCE` seconds.
    """
    address = addresses.split(",")[0]
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise InputError(
            f"{ADDRESS}={addresses}: give the address and port of process 0, a.b.c.d:1234"
        )
    late = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
            return
        except (OSError, OverflowError) as problem:
            if time.monotonic() > late:
                raise InputError(
                    f"No process 0 at {address} ({problem}): start the same command on every host "
                    "within five minutes, and let the hosts reach that port."
                ) from problem
            time.sleep(0.2)


def _numbers():
    """(this process's number, how many there are) from the environment."""
    lacking = [name for name in (ADDRESS, COUNT, NUMBER) if not os.environ.get(name)]
    if lacking:
        raise InputError(f"Several hosts: set {', '.join(lacking)} too (README, GPU).")
    texts = [os.environ[name] for name in (NUMBER, COUNT)]
    if not all(text.isdecimal() for text in texts) or int(texts[0]) >= int(texts[1]):
        raise InputError(
            f"{NUMBER}={texts[0]}, {COUNT}={texts[1]}: give whole numbers, the first from 0 to the "
            "second less one."
        )
    return int(texts[0]), int(texts[1])


def place():
    """(number of this process, how many work together); (0, 1) where nobody was joined."""
    jax = sys.modules.get("jax")
    if jax is None or not jax.distributed.is_initialized():
        return 0, 1
    return jax.process_index(), jax.process_count()


def own(folder):
    """The folder that this process writes to: process 0 the one asked for, the others one in it."""
    number, _ = place()
    return Path(folder) / f"process-{number}" if number else Path(folder)


def same(text, what):
    """Go on only if every process is at the same place; does nothing for one process.

    Args:
        text: what must be the same, any text. what: what it is, for the message.

    Raises:
        InputError: on every process, if their texts differ.
    """
    number, count = place()
    if count == 1:
        return
    from jax.experimental import multihost_utils

    digest = np.frombuffer(hashlib.sha256(text.encode()).digest(), np.uint8)
    found = np.asarray(multihost_utils.process_allgather(digest))
    others = [n for n in range(count) if not np.array_equal(found[n], found[0])]
    if others:
        raise InputError(
            f"{what} differs between process 0 and process {', '.join(map(str, others))} (here, "
            f"in process {number}: {text[:200]}). Start the same command, with the same pictures "
            "and weights, on every host."
        )


def first(arrays):
    """The arrays of process 0, on every process; they are returned as they are for one process.

    Args:
        arrays: list of NumPy arrays, of the same shapes and dtypes on all.
    """
    if place()[1] == 1:
        return arrays
    from jax.experimental import multihost_utils

    # Bytes, for JAX would make float32 of float64.
    taken = []
    for array in arrays:
        if not array.size:
            taken.append(array)
            continue
        sent = multihost_utils.broadcast_one_to_all(array.reshape(-1).view(np.uint8))
        taken.append(np.asarray(sent).view(array.dtype).reshape(array.shape))
    return taken


def same_folder(folder, what):
    """Give every process process 0's files of a folder, before work goes on in it.

    So a training that was killed goes on from one epoch, and one that has ended on process 0 is
    not begun by the others. Only files that a process lacks or has otherwise are sent.

    Args:
        folder: pathlib.Path, by the same name on every process. what: see `same`.
    """
    number, count = place()
    if count == 1:
        return
    folder = Path(folder)
    same(folder.name, what)
    mine = _listing(folder)
    text = json.dumps(mine).encode()
    (length,) = first([np.array([len(text)], np.int64)])
    text = np.frombuffer(text, np.uint8) if number == 0 else np.zeros(int(length[0]), np.uint8)
    theirs = json.loads(first([text])[0].tobytes())
    for name in set(mine) - set(theirs):
        (folder / name).unlink()
    for name, (size, _) in _lacked(mine, theirs).items():
        sent = np.zeros(size, np.uint8)
        if number == 0:
            sent = np.fromfile(folder / name, np.uint8)
        (sent,) = first([sent])
        if number and mine.get(name) != theirs[name]:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            fresh = folder / f"{name}.partial"
            sent.tofile(fresh)
            fresh.replace(folder / name)
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def _listing(folder):
    """Dict name -> [bytes, sha256] of the files in a folder, locks left out."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != ".lock":
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            found[path.relative_to(folder).as_posix()] = [path.stat().st_size, digest]
    return found


def _lacked(mine, theirs):
    """Those of process 0's files that any process lacks or has otherwise."""
    from jax.experimental import multihost_utils

    lacking = np.array([mine.get(name) != theirs[name] for name in theirs], np.uint8)
    anyone = np.asarray(multihost_utils.process_allgather(lacking)).any(axis=0)
    return {name: theirs[name] for name, sent in zip(theirs, anyone, strict=True) if sent}
