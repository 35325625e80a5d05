"""One thread that owns the network: a bounded queue, in which waiting pictures become batches."""

import math
import threading
from collections import deque
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late
from time import monotonic, perf_counter

import numpy as np

MOST_WAITING = 64  # pictures in the queue, beyond which requests are sent away
SIZES = (1, 2, 4, 8, 16)  # batches that may be formed; nothing is compiled for any other
LONGEST = 1.0  # seconds of a batch: nobody should wait longer for other people's pictures
GAIN = 0.9  # a larger batch must need at most this share of the time a picture
PATIENCE = 120  # seconds after which a request gives up


class Busy(Exception):
    """Others are served first; `seconds` is when to come again."""

    def __init__(self, seconds, reason="The queue is full"):
        self.seconds = max(1, math.ceil(seconds))
        super().__init__(f"{reason}: try again in {self.seconds} s.")


class Stopped(Exception):
    """The thread has ended, which only a defect brings about: nothing can be computed any more."""

    def __init__(self):
        super().__init__("The network has stopped: start the server again.")


class Worker:
    """Answers requests of many threads in one.

    Args:
        classifier: smears.classifier.Classifier, or anything with its `scores`, `classes`, `size`.

    Attributes:
        sizes: batches that are formed, smallest first; one that saves no time is not among them.
        seconds: measured time a picture in the batch that is fastest.
    """

    def __init__(self, classifier):
        self.classifier = classifier
        self.sizes, self.seconds = [1], 0.0
        self._entries, self._changed = deque(), threading.Condition()
        self._ended = False
        ready = Future()
        self._thread = threading.Thread(
            target=self._work, args=[ready], name="network", daemon=True
        )
        self._thread.start()
        ready.result()

    @property
    def alive(self):
        """Whether the thread answers."""
        return not self._ended

    @property
    def waiting(self):
        """Number of pictures and other tasks in the queue."""
        return len(self._entries)

    def scores(self, pictures):
        """The network's own probabilities, float64 (n, classes).

        Args:
            pictures: list of uint8 (h, w, 3) RGB.

        Raises:
            Busy: they do not fit into the queue, or wait too long in it.
            Stopped: the thread has ended.
        """
        return np.stack(self._results(pictures, MOST_WAITING))

    def run(self, function):
        """What a function returns that needs the network for itself, run in its thread."""
        return self._results([function], MOST_WAITING)[0]

    def lend(self):
        """A stand-in for the classifier whose `scores` waits its turn, for long computations."""
        return _Lent(self)

    def _results(self, things, most):
        """What becomes of pictures (arrays) and functions, in order."""
        entries = [(thing, Future()) for thing in things]
        with self._changed:
            if not self.alive:
                raise Stopped
            if len(self._entries) + len(entries) > most:
                raise Busy(len(self._entries) * self.seconds)
            self._entries.extend(entries)
            self._changed.notify()
        end = monotonic() + PATIENCE
        try:
            return [future.result(max(0, end - monotonic())) for _, future in entries]
        except Late as reason:
            for _, future in entries:
                future.cancel()
            raise Busy(self.waiting * self.seconds) from reason

    def _work(self, ready):
        try:
            self._warm()
        except Exception as problem:
            ready.set_exception(problem)
            return
        ready.set_result(None)
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._entries)
                    batch = self._next()
                batch = [entry for entry in batch if entry[1].set_running_or_notify_cancel()]
                if batch:
                    self._answer(batch)
        finally:
            # Nobody waits for a thread that has ended.
            with self._changed:
                self._ended = True
                for _, future in self._entries:
                    if future.set_running_or_notify_cancel():
                        future.set_exception(Stopped())
                self._entries.clear()

    def _next(self):
        """The entries that are answered together: a function, or as many pictures as pay."""
        if callable(self._entries[0][0]):
            return [self._entries.popleft()]
        count = 0
        while count < min(len(self._entries), self.sizes[-1]):
            if callable(self._entries[count][0]):
                break
            count += 1
        count = max(size for size in self.sizes if size <= count)
        return [self._entries.popleft() for _ in range(count)]

    def _answer(self, batch):
        things, futures = zip(*batch, strict=True)
        try:
            found = [things[0]()] if callable(things[0]) else self._compute(things)
        except Exception as problem:
            for future in futures:
                future.set_exception(problem)
            return
        for future, result in zip(futures, found, strict=True):
            future.set_result(result)

    def _compute(self, pictures):
        # Where a request was cancelled, what remains may be no size that was compiled.
        batch = min(size for size in SIZES if size >= len(pictures))
        return self.classifier.scores(list(pictures), batch=batch)

    def _warm(self):
        """Compile each batch, and keep those that save time."""
        picture = np.zeros((self.classifier.size, self.classifier.size, 3), np.uint8)
        for size in SIZES:
            if size > 1 and size * self.seconds > LONGEST:
                break
            self._compute([picture] * size)
            times = []
            for _ in range(3):
                began = perf_counter()
                self._compute([picture] * size)
                times.append((perf_counter() - began) / size)
            if size == 1:
                self.seconds = min(times)
            elif min(times) <= GAIN * self.seconds:
                self.seconds = min(times)
                self.sizes.append(size)


class _Lent:
    """Probabilities by the worker, sixteen pictures at a time, between other people's requests."""

    def __init__(self, worker):
        self._worker = worker
        self.classes, self.size = worker.classifier.classes, worker.classifier.size

    def scores(self, pictures):
        """As `Classifier.scores`; let in even where the queue is full, for its work has begun."""
        found = []
        for start in range(0, len(pictures), SIZES[-1]):
            found += self._worker._results(list(pictures[start : start + SIZES[-1]]), math.inf)
        return np.stack(found)
