"""The Flask application: page, API, errors as JSON, security headers."""

import re
import threading
from importlib import resources

import flask
import numpy as np
from werkzeug.exceptions import (
    BadRequest,
    Forbidden,
    HTTPException,
    UnprocessableEntity,
)

from leukocytenet.service import card, heat, openapi, uploads
from leukocytenet.service.worker import Busy, Stopped, Worker
from smears import images, inspection
from smears.card import warning

# The page's own files alone: nothing from elsewhere, no script in the text, in no frame.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
LOOPBACK = ("localhost", "127.0.0.1", "::1")  # names of this machine alone
PAGE = {"/": "index.html", "/page.css": "page.css", "/page.js": "page.js", "/icon.svg": "icon.svg"}

KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


def explainers():
    """Dict of the methods that can be asked for: name -> function (classifier, pictures, target).

    The first is what the page shows first.
    """
    from smears.explain import gradcam, lime, saliency

    return {"gradcam": gradcam.explain, "saliency": saliency.explain, "lime": lime.explain}


def create_app(classifier, run=None, *, cors=None, local=False, methods=None):
    """The application around one loaded network, which is warmed here.

    Args:
        classifier: smears.classifier.Classifier.
        run: the smears.runs.Run that it is of; its predictions and model card are shown.
        cors: origin whose pages may use the API, e.g. "https://lab.example"; None: none may.
        local: whether it is asked for as this machine alone (`LOOPBACK`), under no other name.
        methods: as `explainers` returns it, the default.

    Returns:
        flask.Flask; `extensions["worker"]` is the thread that owns the network.
    """
    app = flask.Flask(__name__, static_folder=None)
    app.request_class = uploads.MemoryRequest
    app.config["MAX_CONTENT_LENGTH"] = uploads.MAX_BYTES
    app.json.sort_keys = False
    app.json.ensure_ascii = True
    methods = explainers() if methods is None else methods
    app.extensions["worker"] = worker = Worker(classifier)
    served = _Served(classifier, run, worker, methods)
    model = card.card(classifier, run, methods)
    description = openapi.describe(classifier.classes, list(methods))
    files = {path: _page(name) for path, name in PAGE.items()}

    for path, (content, kind) in files.items():
        app.add_url_rule(
            path, path, lambda content=content, kind=kind: flask.Response(content, mimetype=kind)
        )
    app.add_url_rule("/api/model", "model", lambda: flask.jsonify(model))
    app.add_url_rule("/openapi.json", "openapi", lambda: flask.jsonify(description))
    app.add_url_rule("/health", "health", served.health)
    app.add_url_rule("/api/predict", "predict", served.predict, methods=["POST"])
    app.add_url_rule("/api/explain", "explain", served.explain, methods=["POST"])
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Busy, _busy)
    app.register_error_handler(Stopped, lambda problem: _error(503, str(problem)))
    app.register_error_handler(Exception, _unexpected)
    app.before_request(lambda: _refuse_other_sites(cors, local))
    app.after_request(lambda response: _headers(response, cors))
    return app


class _Served:
    """The views that use the network."""

    def __init__(self, classifier, run, worker, methods):
        self.classifier, self.run, self.worker, self.methods = classifier, run, worker, methods
        self.known = classifier.about.get("facts", {}).get("training_pictures")
        self.long = threading.Lock()  # LIME computes hundreds of pictures: one at a time

    def health(self):
        if not self.worker.alive:
            raise Stopped
        return flask.jsonify({"status": "ok", "waiting": self.worker.waiting})

    def predict(self):
        shown = _flag("preview")
        found, squares = [], []
        for file in uploads.files("images"):
            upload = uploads.read(file)
            if upload.problem:
                found.append({"name": upload.name, "error": upload.problem})
                continue
            # Only what the network sees is kept of each while the others are decoded.
            squares.append(images.resize(upload.picture, self.classifier.size))
            found.append(self._described(upload, shown))
        if not squares:
            reasons = "; ".join(f"{entry['name']}: {entry['error']}" for entry in found)
            return _error(UnprocessableEntity.code, reasons, images=found)
        scores = self.worker.scores(squares)
        calibrated = self.classifier.calibrated(scores)
        rows = zip(scores, calibrated, strict=True)
        for entry in found:
            if "error" not in entry:
                entry |= self._ranked(*next(rows))
        return flask.jsonify({"notice": card.NOTICE, "images": found})

    def _described(self, upload, shown):
        measured = inspection.measure(upload.picture, self.classifier.size)
        entry = {
            "name": upload.name, "width": measured["width"], "height": measured["height"],
            "note": upload.note,
            "warnings": inspection.warnings(measured, self.classifier.size, self.known),
        }  # fmt: skip
        if shown:
            entry["preview"] = heat.preview(upload.picture)
        return entry

    def _ranked(self, scores, calibrated):
        order = np.argsort(-calibrated, kind="stable")
        return {
            "predicted": self.classifier.classes[order[0]],
            "probabilities": [
                {
                    "class": self.classifier.classes[place],
                    "probability": float(calibrated[place]),
                    "uncalibrated": float(scores[place]),
                }
                for place in order
            ],
        }

    def explain(self):
        (file,) = uploads.files("image", 1, ("method", "class"))
        form = flask.request.form
        method = form.get("method", next(iter(self.methods), ""))
        if method not in self.methods:
            raise BadRequest(f"method={method!r}: give one of {', '.join(self.methods)}.")
        target = None
        if form.get("class"):
            if form["class"] not in self.classifier.classes:
                raise BadRequest(
                    f"class={form['class']!r}: give one of {', '.join(self.classifier.classes)}."
                )
            target = self.classifier.classes.index(form["class"])
        upload = uploads.read(file)
        if upload.problem:
            raise UnprocessableEntity(f"{upload.name}: {upload.problem}")
        try:
            found = self._explained(method, upload.picture, target)
        except ValueError as reason:
            # E.g. a network without a map has no Grad-CAM.
            raise UnprocessableEntity(f"No {method} of this network: {reason}") from reason
        notes = [found.note, warning(self.run, found.method) if self.run else ""]
        return flask.jsonify(
            card.finite(
                {
                    "name": upload.name, "method": found.method,
                    "class": self.classifier.classes[found.target],
                    "note": " ".join(filter(None, notes)),
                    "source": found.source, "overlay": heat.png(heat.layer(found)),
                }
            )
        )  # fmt: skip

    def _explained(self, method, picture, target):
        """The smears.explain.Explanation of one picture, a class number or None as target."""
        function = self.methods[method]
        if method != "lime":
            # What the network sees is explained; the page stretches the map over the picture.
            square = images.resize(picture, self.classifier.size)
            return self.worker.run(lambda: function(self.classifier, [square], target))[0]
        if not self.long.acquire(blocking=False):
            raise Busy(30, "Another picture's LIME is being computed")
        try:
            # Its superpixels are found in the picture itself.
            small = images.reduced(picture, max(heat.REGIONS, self.classifier.size))
            return function(self.worker.lend(), [small], target)[0]
        finally:
            self.long.release()


def _flag(name):
    value = flask.request.args.get(name, "0")
    if value not in ("0", "1"):
        raise BadRequest(f"{name}={value!r}: give 0 or 1.")
    return value == "1"


def _page(name):
    """(content, type) of one of the page's files."""
    content = (resources.files("leukocytenet.service") / "page" / name).read_bytes()
    return content, KINDS[name.rsplit(".", 1)[1]]


def _error(status, reason, **more):
    response = flask.jsonify({"status": status, "error": reason, **more})
    response.status_code = status
    return response


def _http_error(problem):
    response = _error(problem.code, problem.description or problem.name)
    if getattr(problem, "valid_methods", None):
        response.headers["Allow"] = ", ".join(sorted(problem.valid_methods))
    return response


def _busy(problem):
    response = _error(503, str(problem))
    response.headers["Retry-After"] = str(problem.seconds)
    return response


def _unexpected(problem):
    """What nobody foresaw: the log gets the trace, the client does not."""
    flask.current_app.logger.exception("unexpected")
    return _error(500, "The server could not do this; its log says why.")


def _refuse_other_sites(cors, local):
    """Let no page of another site make a visitor's browser use this server.

    A form may be sent anywhere without asking, and CORS only keeps its sender from the answer.
    Programs send no Origin. A browser on this machine that asks for it under another name has been
    given that name by somebody else (DNS rebinding).
    """
    request = flask.request
    origin, host = request.headers.get("Origin"), request.host
    if origin not in (None, cors, f"http://{host}", f"https://{host}"):
        raise Forbidden(f"{origin} may not use this server: start it with --cors {origin}.")
    if local and re.sub(r":\d*$", "", host).strip("[]") not in LOOPBACK:
        raise Forbidden(f"This server is meant for this machine alone, not as {host}.")


def _headers(response, cors):
    for name, value in HEADERS.items():
        response.headers[name] = value
    if flask.request.path.startswith(("/api/", "/health")):
        response.headers["Cache-Control"] = "no-store"
    if cors:
        response.headers["Vary"] = "Origin"
        if flask.request.headers.get("Origin") == cors:
            response.headers["Access-Control-Allow-Origin"] = cors
            response.headers["Access-Control-Expose-Headers"] = "Retry-After"
    return response
