"""The thread that owns the network: batches where they pay, a queue that ends, no lost answer."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from leukocytenet.service import worker
from leukocytenet.service.worker import Busy, Stopped, Worker


class _Clock:
    """A clock that only computing moves, so that other work on the machine decides nothing."""

    now = 0.0

    def __call__(self):
        return self.now


CLOCK = _Clock()


@pytest.fixture(autouse=True)
def _own_clock(monkeypatch):
    monkeypatch.setattr(worker, "perf_counter", CLOCK)


class _Slow:
    """Answers with each picture's first pixel; a batch costs `start` and `each` a picture."""

    classes, size = ("a", "b"), 4

    def __init__(self, start, each):
        self.start, self.each, self.batches, self.gate = start, each, [], threading.Event()
        self.gate.set()

    def scores(self, pictures, batch):
        assert len(pictures) <= batch
        self.gate.wait(20)
        CLOCK.now += self.start + self.each * batch
        time.sleep(0.001)
        self.batches.append(len(pictures))
        return np.array([[picture[0, 0, 0], 0.0] for picture in pictures])


def _picture(number):
    return np.full((4, 4, 3), number, np.uint8)


def _held(classifier, count):
    """A worker whose queue holds so many pictures behind one that is being computed."""
    found = Worker(classifier)
    classifier.batches.clear()
    classifier.gate.clear()
    pool = ThreadPoolExecutor(count + 1)
    answers = [pool.submit(found.scores, [_picture(0)])]
    while found.waiting:
        time.sleep(0.001)
    time.sleep(0.01)
    for number in range(1, count + 1):
        answers.append(pool.submit(found.scores, [_picture(number)]))
        while found.waiting < number:
            time.sleep(0.001)
    return found, answers


def _numbers(answers):
    return [answer.result(20)[0, 0] for answer in answers]


def test_waiting_pictures_become_batches_and_each_gets_its_own_answer():
    classifier = _Slow(0.005, 0)
    found, answers = _held(classifier, 13)
    assert found.sizes == [1, 2, 4, 8, 16]
    classifier.gate.set()
    assert _numbers(answers) == list(range(14))
    assert classifier.batches == [1, 8, 4, 1]


def test_nothing_is_batched_where_it_does_not_help():
    classifier = _Slow(0, 0.003)
    found, answers = _held(classifier, 6)
    assert found.sizes == [1]
    assert found.seconds == pytest.approx(0.003)
    classifier.gate.set()
    assert _numbers(answers) == list(range(7))
    assert classifier.batches == [1] * 7


def test_no_batch_takes_longer_than_people_wait(monkeypatch):
    monkeypatch.setattr(worker, "LONGEST", 0.1)
    assert Worker(_Slow(0.02, 0.01)).sizes == [1, 2, 4]


def test_a_full_queue_sends_requests_away_with_a_time_and_goes_on():
    classifier = _Slow(0.002, 0)
    found, answers = _held(classifier, worker.MOST_WAITING)
    with pytest.raises(Busy, match="try again in 1 s") as refused:
        found.scores([_picture(1)])
    assert refused.value.seconds == 1
    with pytest.raises(Busy):
        found.run(lambda: 1)
    classifier.gate.set()
    assert _numbers(answers) == list(range(worker.MOST_WAITING + 1))
    assert found.scores([_picture(7)])[0, 0] == 7


def test_a_request_that_waited_too_long_leaves_the_queue(monkeypatch):
    classifier = _Slow(0.001, 0)
    found, answers = _held(classifier, 1)
    monkeypatch.setattr(worker, "PATIENCE", 0.05)
    with pytest.raises(Busy):
        found.scores([_picture(9), _picture(9)])
    classifier.gate.set()
    assert _numbers(answers) == [0, 1]
    assert found.scores([_picture(3)])[0, 0] == 3
    assert sum(classifier.batches) == 3  # those that gave up were not computed


def test_functions_have_the_network_for_themselves_between_batches():
    classifier = _Slow(0.001, 0)
    found, answers = _held(classifier, 3)
    with ThreadPoolExecutor(1) as pool:
        thread = pool.submit(found.run, threading.current_thread)
        while found.waiting < 4:
            time.sleep(0.001)
        classifier.gate.set()
        assert thread.result(20) is not threading.main_thread()
    assert _numbers(answers) == [0, 1, 2, 3]


def test_an_error_reaches_its_request_alone():
    found = Worker(_Slow(0, 0))
    with pytest.raises(ZeroDivisionError):
        found.run(lambda: 1 / 0)
    with pytest.raises(IndexError):
        found.scores([np.zeros((0, 0, 3), np.uint8)])
    assert found.alive
    assert found.scores([_picture(5)])[0, 0] == 5


def test_nobody_waits_for_a_thread_that_has_ended(monkeypatch):
    classifier = _Slow(0.001, 0)
    found, answers = _held(classifier, 2)
    monkeypatch.setattr(threading, "excepthook", lambda *_: None)
    monkeypatch.setattr(found, "_next", None)  # a defect
    classifier.gate.set()
    assert answers[0].result(20)[0, 0] == 0
    for answer in answers[1:]:
        with pytest.raises(Stopped):
            answer.result(20)
    found._thread.join(20)  # its error is told before the hook goes
    assert not found.alive
    with pytest.raises(Stopped, match="start the server again"):
        found.scores([_picture(1)])


def test_a_network_that_cannot_be_computed_is_told_at_the_start():
    class Broken(_Slow):
        def scores(self, pictures, batch):
            raise ValueError("wrong input")

    with pytest.raises(ValueError, match="wrong input"):
        Worker(Broken(0, 0))


def test_long_computations_share_the_network_with_others():
    classifier = _Slow(0.002, 0)
    found = Worker(classifier)
    classifier.batches.clear()
    lent = found.lend()
    with ThreadPoolExecutor(1) as pool:
        long = pool.submit(lent.scores, [_picture(n % 200) for n in range(320)])
        while not classifier.batches:
            time.sleep(0.001)
        assert found.scores([_picture(9)])[0, 0] == 9
        assert not long.done()
        assert long.result(20)[:, 0].tolist() == [n % 200 for n in range(320)]
