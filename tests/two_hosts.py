"""Two processes of this machine that work together as two hosts do."""

import os
import socket
import subprocess

from smears import hosts


def run(commands, **environment):
    """Run two commands as process 0 and 1 of JAX.

    Args:
        commands: two lists of str. environment: variables to set in both.

    Returns:
        List of (exit status, output, errors).
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    environment = {
        **os.environ, "KERAS_BACKEND": "jax", hosts.ADDRESS: address, hosts.COUNT: "2",
        **environment,
    }  # fmt: skip
    processes = [
        subprocess.Popen(
            command, env={**environment, hosts.NUMBER: str(number)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for number, command in enumerate(commands)
    ]  # fmt: skip
    texts = [process.communicate() for process in processes]
    return [(p.returncode, *both) for p, both in zip(processes, texts, strict=True)]
