"""Choose the Keras backend and start it without TensorFlow's start-up chatter."""

import importlib.util
import os
import sys
import tempfile
from contextlib import contextmanager
from functools import cache
from pathlib import Path

AMPERE = (8, 0)  # NVIDIA's compute capability from which on GPUs multiply bfloat16


@contextmanager
def quiet_stderr():
    """Hold back what C++ code writes to file descriptor 2; show it after all if the block raises.

    TensorFlow 2.21 prints six lines on import whatever TF_CPP_MIN_LOG_LEVEL says, from C++, so
    that redirecting sys.stderr does not help.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            if failed:
                held.seek(0)
                sys.stderr.write(held.read().decode(errors="replace"))


def load():
    """Import Keras on the backend that KERAS_BACKEND names, else on the one that is installed.

    Returns the backend's name, "tensorflow" or "jax". TensorFlow is preferred where both are
    installed. Raises ImportError, saying what to install, where neither is.
    """
    if "keras" not in sys.modules and "KERAS_BACKEND" not in os.environ:
        for name in ("tensorflow", "jax"):
            if importlib.util.find_spec(name):
                os.environ["KERAS_BACKEND"] = name
                break
        else:
            raise ImportError(
                "Keras needs a backend: pip install -r requirements.txt (TensorFlow), "
                "or pip install jax for machines with JAX alone."
            )
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet_stderr():
        import keras
    return keras.backend.backend()


def start():
    """`load` the backend and have it compute something, so that its devices are found quietly."""
    name = load()
    with quiet_stderr():
        import keras

        keras.ops.zeros((1,))
    return name


def nvidia():
    """Whether there is an NVIDIA GPU, by the machine's files, so that no backend starts.

    In WSL2 all GPUs, of whatever maker, are one device; NVIDIA's driver brings its CUDA along.
    """
    wsl = Path("/dev/dxg").exists() and Path("/usr/lib/wsl/lib/libcuda.so.1").exists()
    return wsl or any(Path("/dev").glob("nvidia[0-9]*"))


def share_gpu():
    """Have processes that start from now on take a GPU's memory as they need it.

    Else the first takes all of it on TensorFlow, three quarters on JAX, and the next one fails.
    This process, too, if its backend has not started. What the user has set stays.
    """
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")


def precision():
    """The Keras dtype policy in which whole networks train fastest on this machine.

    "mixed_bfloat16" on a GPU and on processors that multiply bfloat16 themselves (NVIDIA's from
    Ampere on; AVX512_BF16 or AMX: half the time of float32 for VGG19's steps); else "float32", for
    on others, and on a GPU that the backend does not see, it would be emulated and slower.
    """
    if has_gpu():
        return "mixed_bfloat16" if _compute_capability() >= AMPERE else "float32"
    try:
        flags = set(Path("/proc/cpuinfo").read_text().split())
    except OSError:
        return "float32"
    return "mixed_bfloat16" if flags & {"avx512_bf16", "amx_bf16"} else "float32"


def _compute_capability():
    """(major, minor) of the first GPU that the backend sees; (0, 0) of one that is not NVIDIA's."""
    if start() == "jax":
        import jax

        named = jax.local_devices(backend="gpu")[0].compute_capability
        found = tuple(map(int, named.split("."))) if named.replace(".", "").isdecimal() else None
    else:
        import tensorflow as tf

        first = tf.config.list_physical_devices("GPU")[0]
        found = tf.config.experimental.get_device_details(first).get("compute_capability")
    return found or (0, 0)


@contextmanager
def policy(name):
    """Layers made inside have this Keras dtype policy; the global one is put back afterwards."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def seed(number):
    """Start anew: seed Python's, NumPy's and Keras's random numbers, an integer >= 0.

    Layers are named from 0 again, so that the same training has the same names whatever ran before
    it in this process. Quietly, for Keras imports TensorFlow here wherever it is installed, on JAX
    too.
    """
    import keras

    keras.utils.clear_session()
    with quiet_stderr():
        keras.utils.set_random_seed(number)


@cache
def has_gpu():
    """Whether the backend sees a GPU (starts the backend); asked once a process."""
    if start() == "jax":
        import jax

        return any(device.platform == "gpu" for device in jax.devices())
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))
