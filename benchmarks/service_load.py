"""1, 8 and 32 clients at the served network: failures, times, memory, overhead over the bare pass.

    python benchmarks/service_load.py            # LeukocyteNet at 64 px with random weights
    python benchmarks/service_load.py --model out/runs/RUN

The server is a process of its own, started as people start it. Goals: nothing but 200, 413, 429 and
503 with a reason; bounded memory; at one client at most 10 ms and a tenth over the bare forward
pass of one picture. Bare pass and requests take turns, so that other work on the machine disturbs
both alike. Ends with 1 if a goal is missed.
"""

import argparse
import http.client
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
CLASSES = ("AML", "CLL", "CML", "Healthy")
CLIENTS = (1, 8, 32)
ALLOWED = {200, 413, 429, 503}


def random_run(folder):
    """Folder of a finished run of LeukocyteNet at 64 px that never learned anything."""
    import pandas as pd

    from leukocytenet.model import LeukocyteNet
    from smears.runs import KEYS, Run

    run = Run(folder, "random", {"model": "LeukocyteNet", "size": 64, "seed": 0})
    LeukocyteNet((64, 64, 3), len(CLASSES), weights=None).save(run.folder / "model.keras")
    run.note(classes=CLASSES, preprocess="caffe")
    frame = pd.DataFrame([dict.fromkeys(KEYS, "x") | {"part": "test", "label": "AML"}])
    run.write_predictions(frame, CLASSES, np.full((1, len(CLASSES)), 1 / len(CLASSES)))
    return run.folder


def started(folder):
    """(process, port) of the server."""
    command = [sys.executable, "-m", "leukocytenet.service", "--port", "0", "--model", str(folder)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    for line in process.stdout:
        print(line, end="", flush=True)
        if "Serving" in line:
            return process, int(line.rpartition("127.0.0.1:")[2].partition("/")[0])
    raise SystemExit("the server did not start")


def request(size):
    """(body, headers) of a form with one PNG of that side."""
    noise = np.random.default_rng(0).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).resize((size, size)).save(file, "PNG")
    body = (
        b'--x\r\nContent-Disposition: form-data; name="images"; filename="a.png"\r\n\r\n'
        + file.getvalue() + b"\r\n--x--\r\n"
    )  # fmt: skip
    return body, {"Content-Type": "multipart/form-data; boundary=x"}


class Client:
    """One connection that asks again and again."""

    def __init__(self, port, size):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=180)
        self.body, self.headers = request(size)

    def ask(self):
        """(status, whether an answer that is no 200 gives a reason, seconds)."""
        began = time.perf_counter()
        self.connection.request("POST", "/api/predict", self.body, self.headers)
        answer = self.connection.getresponse()
        content = answer.read()
        seconds = time.perf_counter() - began
        reason = answer.status == 200 or bool(json.loads(content).get("error"))
        return answer.status, reason, seconds


def overhead(classifier, port, rounds):
    """(median seconds of the bare pass, median seconds of a request), taken in turns."""
    client = Client(port, classifier.size)
    x = classifier.prepare([np.zeros((classifier.size, classifier.size, 3), np.uint8)])
    bare, asked = [], []
    for number in range(rounds + 3):
        began = time.perf_counter()
        classifier.network.predict_on_batch(x)
        middle = time.perf_counter() - began
        seconds = client.ask()[2]
        if number >= 3:
            bare.append(middle)
            asked.append(seconds)
    return float(np.median(bare)), float(np.median(asked))


def crowd(port, size, count, seconds):
    """Counter of (status, reason given) and the times of so many clients for so long."""
    outcomes, times, lock = Counter(), [], threading.Lock()
    end = time.perf_counter() + seconds

    def work():
        client = Client(port, size)
        while time.perf_counter() < end:
            try:
                status, reason, needed = client.ask()
            except (OSError, http.client.HTTPException) as problem:
                status, reason, needed = type(problem).__name__, False, 0.0
                client = Client(port, size)
            with lock:
                outcomes[status, reason] += 1
                times.append(needed)

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes, times


def memory(process):
    """Resident megabytes of the server."""
    text = Path(f"/proc/{process.pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) / 1000


def main():
    """Measure, print, and end with 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--model", type=Path, help="a run. Default: a random network, 64 px")
    parser.add_argument("--seconds", type=float, default=20, help="a crowd. Default: 20")
    parser.add_argument("--rounds", type=int, default=50, help="for the overhead. Default: 50")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    from smears import backend

    backend.start()
    from leukocytenet import model  # noqa: F401
    from smears.classifier import Classifier

    missed = []
    with tempfile.TemporaryDirectory() as place:
        folder = options.model or random_run(place)
        classifier = Classifier.load(folder)
        process, port = started(folder)
        try:
            bare, asked = overhead(classifier, port, options.rounds)
            allowed = 1.1 * bare + 0.010
            print(
                f"one client: bare pass {1000 * bare:.1f} ms, request {1000 * asked:.1f} ms, "
                f"allowed {1000 * allowed:.1f} ms (medians of {options.rounds})"
            )
            if asked > allowed:
                missed.append("overhead")
            before = memory(process)
            for count in CLIENTS:
                outcomes, times = crowd(port, classifier.size, count, options.seconds)
                now = memory(process)
                print(
                    f"{count} clients: {len(times) / options.seconds:.1f} pictures/s, median "
                    f"{np.median(times):.3f} s, 99% within {np.percentile(times, 99):.3f} s, "
                    f"memory {now:.0f} MB (began with {before:.0f}), {dict(outcomes)}"
                )
                if not all(status in ALLOWED and reason for status, reason in outcomes):
                    missed.append(f"failures at {count} clients")
                if now > before + 300:
                    missed.append(f"memory at {count} clients")
        finally:
            process.terminate()
            process.wait(30)
    print("goals missed: " + (", ".join(missed) or "none"))
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
