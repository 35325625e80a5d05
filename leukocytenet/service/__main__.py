"""python -m leukocytenet.service --model RUN: serve a trained network on this machine."""

import argparse
import sys
from pathlib import Path
from urllib.parse import urlsplit

from smears.ending import exits

THREADS = 24  # requests in hand; more wait in memory, unread
CONNECTIONS = 128  # beyond which the system holds new ones back
SLOW = 30  # seconds without a byte after which an idle connection is closed


def parse(argv=None):
    """Read the arguments: argparse.Namespace with model, host, port, cors."""
    parser = argparse.ArgumentParser(
        prog="python -m leukocytenet.service",
        description="Serve a trained network: a page for people, an API for programs. The page is "
        "at http://HOST:PORT/, the API's description at /openapi.json. Nothing that is uploaded "
        "is kept. Research use only, not a medical device.",
    )
    parser.add_argument(
        "--model", required=True, type=Path, metavar="RUN|FILE",
        help="folder of a finished run (tables print theirs, below out/runs), or the model.keras "
        "in it",
    )  # fmt: skip
    parser.add_argument(
        "--host", default="127.0.0.1",
        help="address to listen on; 0.0.0.0 lets other machines in, without any password. "
        "Default: 127.0.0.1, this machine alone",
    )  # fmt: skip
    parser.add_argument(
        "--port", type=_port, default=8000, help="0 takes a free one. Default: 8000"
    )
    parser.add_argument(
        "--cors", type=_origin, metavar="ORIGIN",
        help="let pages of this origin use the API, e.g. https://lab.example. Default: none",
    )  # fmt: skip
    return parser.parse_args(argv)


def _port(text):
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r}: give a number from 0 to 65535")
    return int(text)


def _origin(text):
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or text != f"{parts.scheme}://{parts.netloc}":
        raise argparse.ArgumentTypeError(
            f"{text!r}: give scheme and host without a path, e.g. https://lab.example"
        )
    return text


def server(app, host, port):
    """A waitress server that keeps whatever is sent to it in memory, within limits.

    Args:
        app: as `app.create_app` returns it. host, port: where to listen; port 0 takes a free one.

    Returns:
        The server; `run()` serves until it is interrupted, `effective_port` is its port.

    Raises:
        OSError: no such host, or nothing can listen there.
    """
    import logging
    import socket

    from waitress import create_server

    from leukocytenet.service import channel, uploads

    # It warns of every request that waits its turn, as they are meant to.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)

    # One address: "localhost" may have two, for which waitress makes a server without a port.
    address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0]
    found = create_server(
        app, host=address, port=port, threads=THREADS, connection_limit=CONNECTIONS,
        channel_timeout=SLOW, cleanup_interval=5, max_request_body_size=uploads.MAX_BYTES,
        # Above these sizes waitress would write to disk.
        inbuf_overflow=2 * uploads.MAX_BYTES, outbuf_overflow=2 * uploads.MAX_BYTES,
        ident=None, clear_untrusted_proxy_headers=True,
    )  # fmt: skip
    found.channel_class = channel.Channel
    return found


def main(argv=None):
    """Load, warm, serve until Ctrl-C."""
    options = parse(argv)
    host = f"[{options.host}]" if ":" in options.host else options.host  # as URLs have IPv6
    with exits("Stopped."):
        from smears import backend

        backend.start()
        from leukocytenet.service.app import LOOPBACK, create_app
        from smears.classifier import Classifier
        from smears.runs import Run

        print(f"Loading {options.model}", flush=True)
        classifier = Classifier.load(options.model)
        run = Run.read(options.model)
        app = create_app(classifier, run, cors=options.cors, local=options.host in LOOPBACK)
        try:
            listening = server(app, options.host, options.port)
        except (OSError, UnicodeError) as problem:  # the latter of a name that can be no host's
            print(
                f"Cannot listen on {host}:{options.port}: "
                f"{getattr(problem, 'strerror', None) or problem}. "
                "Give another --port (0 takes a free one) or --host.",
                file=sys.stderr,
            )
            sys.exit(2)
        sizes = ", ".join(map(str, app.extensions["worker"].sizes))
        print(
            f"{', '.join(classifier.classes)}\nBatches of {sizes}. Serving "
            f"http://{host}:{listening.effective_port}/  (Ctrl-C ends it)",
            flush=True,
        )
        listening.run()


if __name__ == "__main__":
    main()
