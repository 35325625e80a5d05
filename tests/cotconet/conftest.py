"""Networks run op by op, in tests whose few steps take TensorFlow less time than tracing them."""

from contextlib import contextmanager

import keras
import pytest


@contextmanager
def _op_by_op():
    if keras.backend.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


@pytest.fixture
def op_by_op():
    """For one test."""
    with _op_by_op():
        yield


@pytest.fixture(scope="module")
def all_op_by_op():
    """For the tests of a module from the first one that asks for it."""
    with _op_by_op():
        yield
