"""In which precision whole networks are trained, on GPUs and processors that are played."""

from types import SimpleNamespace

import pytest

from smears import backend


def _gpu(monkeypatch, version):
    """Have the backend see a GPU of a compute capability, None for one of another maker."""
    monkeypatch.setattr(backend, "has_gpu", lambda: True)
    if backend.start() == "jax":
        import jax

        named = "gfx90a" if version is None else f"{version[0]}.{version[1]}"
        device = SimpleNamespace(compute_capability=named)
        monkeypatch.setattr(jax, "local_devices", lambda backend: [device])
    else:
        import tensorflow as tf

        details = {} if version is None else {"compute_capability": version}
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
        monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda device: details)


@pytest.mark.contract
@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ((9, 0), "mixed_bfloat16"),  # H200
        ((8, 0), "mixed_bfloat16"),
        ((7, 5), "float32"),  # T4, which would emulate it
        ((12, 0), "mixed_bfloat16"),
        (None, "float32"),
    ],
)
def test_gpus_that_multiply_bfloat16_train_in_it(monkeypatch, version, expected):
    _gpu(monkeypatch, version)
    assert backend.precision() == expected


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("fpu avx2", "float32"), ("avx2 amx_bf16", "mixed_bfloat16"), (None, "float32")],
)
def test_without_a_gpu_that_the_backend_sees_the_processor_decides(
    monkeypatch, tmp_path, flags, expected
):
    """Even if the machine has one: TensorFlow's plain wheel lacks CUDA."""
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "nvidia0").touch()
    if flags:
        (tmp_path / "proc").mkdir()
        (tmp_path / "proc" / "cpuinfo").write_text(f"flags : {flags}\n", encoding="utf-8")
    monkeypatch.setattr(backend, "Path", lambda path: tmp_path / path.lstrip("/"))
    monkeypatch.setattr(backend, "has_gpu", lambda: False)
    assert backend.nvidia()
    assert backend.precision() == expected
