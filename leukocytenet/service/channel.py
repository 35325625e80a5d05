"""What waitress itself answers, as JSON, and a limit to how slowly a request may come."""

import json
import time

from waitress.channel import HTTPChannel
from waitress.task import ErrorTask
from waitress.utilities import Error

from leukocytenet.service.app import HEADERS

GRACE = 15  # seconds that every request has until it is whole
SLOWEST = 20_000  # bytes a second that it must bring beyond these


class TooSlow(Error):
    """The reason why a request was not waited for."""

    code, reason = 408, "Request Timeout"


class JsonErrorTask(ErrorTask):
    """An error that is met before the application is asked: its form, and its headers."""

    def execute(self):
        error = self.request.error
        text = f"{error.reason}: {error.body}" if error.body else error.reason
        body = json.dumps({"status": error.code, "error": text}).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers += [("Content-Type", "application/json"), *HEADERS.items()]
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class Channel(HTTPChannel):
    """A connection whose requests must come at `SLOWEST` bytes a second, after `GRACE` seconds.

    waitress closes a connection that is silent; one that sends a byte now and then would keep its
    place for ever, and a few dozen of them would keep everybody else out.
    """

    error_task_class = JsonErrorTask
    unfinished = None
    began = arrived = 0

    def received(self, data):
        taken = super().received(data)
        if self.request is not self.unfinished:
            self.unfinished, self.began, self.arrived = self.request, time.monotonic(), 0
        self.arrived += len(data)
        return taken

    def readable(self):
        """Asked by the server's loop at least once a second, of every connection."""
        waited = time.monotonic() - self.began
        if self.request is not None and waited > GRACE + self.arrived / SLOWEST:
            self._refuse()
        return super().readable()

    def _refuse(self):
        with self.requests_lock:
            request, self.request = self.request, None
            request.error = TooSlow(f"not whole after {GRACE} s and more; send it faster")
            self.requests.append(request)
            if len(self.requests) == 1:
                self.server.add_task(self)
