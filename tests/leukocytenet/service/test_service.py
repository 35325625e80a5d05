"""The API answers with the run's own probabilities, and refuses everything else with a reason."""

import base64
import builtins
import io
import os
import re
import struct
import tempfile
import threading
import zlib

import bombs
import numpy as np
import pytest
from PIL import Image
from tiny_service import CLASSES, METHODS, SIZE
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.test import encode_multipart

from leukocytenet.service import heat, uploads
from leukocytenet.service.app import create_app
from smears import images
from smears.explain import Explanation


def _predict(client, *files, query=""):
    data = {"images": [(io.BytesIO(content), name) for name, content in files]}
    return client.post(f"/api/predict{query}", data=data)


def _explain(client, content, **fields):
    return client.post("/api/explain", data={"image": (io.BytesIO(content), "a.png"), **fields})


def _refused(answer, status):
    """The reason in an answer that must be a refusal."""
    assert answer.status_code == status, answer.text
    assert answer.json["status"] == status
    assert "Traceback" not in answer.text
    return answer.json["error"]


@pytest.mark.contract
def test_the_classes_are_ranked_with_calibrated_and_own_probabilities(client, classifier, encoded):
    answer = _predict(client, ("cell.png", encoded()))
    assert answer.status_code == 200
    (entry,) = answer.json["images"]
    own = classifier.scores([images.decode(encoded())])
    calibrated = classifier.calibrated(own)[0]
    order = np.argsort(-own[0])
    assert entry["predicted"] == CLASSES[order[0]]
    ranked = entry["probabilities"]
    assert [row["class"] for row in ranked] == [CLASSES[place] for place in order]
    np.testing.assert_allclose([row["uncalibrated"] for row in ranked], own[0][order], atol=1e-6)
    np.testing.assert_allclose([row["probability"] for row in ranked], calibrated[order], atol=1e-6)
    assert (entry["width"], entry["height"]) == (20, 16)
    assert "Research use only, not a medical device" in answer.json["notice"]


@pytest.mark.contract
def test_many_pictures_of_all_formats_answer_in_order_as_one_by_one(client, encoded):
    kinds = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF")
    files = [(f"{kind}.{kind.lower()}", encoded(n, kind)) for n, kind in enumerate(kinds * 3)]
    together = _predict(client, *files).json["images"]
    assert [entry["name"] for entry in together] == [name for name, _ in files]
    for file, entry in zip(files, together, strict=True):
        (alone,) = _predict(client, file).json["images"]
        assert alone["predicted"] == entry["predicted"]
        for a, b in zip(alone["probabilities"], entry["probabilities"], strict=True):
            assert a["probability"] == pytest.approx(b["probability"], abs=1e-6)


def test_a_bad_file_among_good_ones_gets_its_reason_and_the_others_their_results(client, encoded):
    found = _predict(client, ("a.png", encoded()), ("b.png", b"no image"), ("c.png", encoded(1)))
    assert found.status_code == 200
    assert found.json["images"][1] == {"name": "b.png", "error": "not an image"}
    assert all("predicted" in found.json["images"][place] for place in (0, 2))


def test_a_preview_is_sent_when_asked_for_and_shows_the_picture(client, encoded):
    (plain,) = _predict(client, ("a.tif", encoded(kind="TIFF"))).json["images"]
    assert "preview" not in plain
    large = encoded(kind="TIFF", size=(1500, 900))
    (entry,) = _predict(client, ("a.tif", large), query="?preview=1").json["images"]
    with Image.open(io.BytesIO(base64.b64decode(entry["preview"]))) as shown:
        assert (shown.format, shown.size) == ("JPEG", (640, 384))
        expected = Image.fromarray(images.decode(large)).resize(shown.size)
        assert np.abs(np.asarray(shown).astype(int) - np.asarray(expected)).mean() < 4
    assert "preview='2'" in _refused(_predict(client, ("a", large), query="?preview=2"), 400)


def test_warnings_of_a_picture_come_with_it(client, encoded):
    (entry,) = _predict(client, ("a.png", encoded(size=(60, 6)))).json["images"]
    text = " ".join(entry["warnings"])
    assert "Small: 60 × 6 pixels" in text
    assert "Elongated" in text


@pytest.mark.parametrize("method", list(METHODS))
def test_an_explanation_is_a_transparent_picture_with_its_source(client, encoded, method):
    found = _explain(client, encoded(), method=method, **{"class": "CML"}).json
    assert found["class"] == "CML"
    assert found["source"] == {"side": 8}
    with Image.open(io.BytesIO(base64.b64decode(found["overlay"]))) as overlay:
        assert (overlay.format, overlay.mode) == ("PNG", "RGBA")
        alpha = np.asarray(overlay)[..., 3]
    # LIME finds its superpixels in the picture itself, the others explain what the network sees.
    picture = images.decode(encoded())
    light = (picture if method == "lime" else images.resize(picture, SIZE)).mean(2)
    expected = 255 * np.minimum(light / np.percentile(light, 99), 1)
    assert np.abs(alpha - expected).max() <= 1


def test_the_first_method_and_the_most_probable_class_are_explained_by_default(client, encoded):
    (entry,) = _predict(client, ("a", encoded())).json["images"]
    assert _explain(client, encoded()).json["class"] == entry["predicted"]


def test_wrong_requests_for_an_explanation_are_refused_with_what_there_is(client, encoded):
    reason = _refused(_explain(client, encoded(), method="magic"), 400)
    assert "give one of gradcam, saliency, lime" in reason
    reason = _refused(_explain(client, encoded(), **{"class": "Dog"}), 400)
    assert "AML, CML, Healthy" in reason
    assert "not an image" in _refused(_explain(client, b"x"), 422)
    two = {"image": [(io.BytesIO(encoded()), "a"), (io.BytesIO(encoded()), "b")]}
    assert "2 files" in _refused(client.post("/api/explain", data=two), 400)


def test_regions_for_and_against_a_class_have_two_colours():
    regions = np.array([[0, 0], [1, 2]])
    found = Explanation(
        np.zeros((2, 2), np.float32), 0, "LIME", regions=regions, weights=np.array([0.4, -0.2, 0])
    )
    green, orange = (0, 158, 115), (213, 94, 0)
    assert heat.layer(found).tolist() == [
        [[*green, 255], [*green, 255]], [[*orange, 128], [*orange, 0]],
    ]  # fmt: skip


def test_what_a_network_cannot_explain_is_told(classifier, encoded):
    def impossible(*_):
        raise ValueError("it has no map")

    client = create_app(classifier, methods={"gradcam": impossible}).test_client()
    assert "it has no map" in _refused(_explain(client, encoded()), 422)


def test_a_second_long_explanation_is_sent_away_while_one_is_computed(classifier, encoded):
    began, end = threading.Event(), threading.Event()

    def slow(lent, pictures, target=None):
        began.set()
        end.wait(10)
        return METHODS["lime"](lent, pictures, target)

    app = create_app(classifier, methods={"lime": slow})
    answers = []
    thread = threading.Thread(
        target=lambda: answers.append(_explain(app.test_client(), encoded(), method="lime"))
    )
    thread.start()
    began.wait(10)
    second = _explain(app.test_client(), encoded(), method="lime")
    assert "try again" in _refused(second, 503)
    assert int(second.headers["Retry-After"]) >= 1
    assert _predict(app.test_client(), ("a", encoded())).status_code == 200  # goes on meanwhile
    end.set()
    thread.join()
    assert answers[0].status_code == 200


def test_requests_are_sent_away_while_others_pictures_are_decoded_for_too_long(
    client, encoded, monkeypatch
):
    monkeypatch.setattr(uploads, "PATIENCE", 0.1)
    monkeypatch.setattr(uploads, "_decoding", threading.BoundedSemaphore(1))
    with uploads._decoding:
        for answer in (_predict(client, ("a", encoded())), _explain(client, encoded())):
            assert "try again" in _refused(answer, 503)
            assert int(answer.headers["Retry-After"]) >= 1
    for content, status in ((encoded(), 200), (b"x", 422), (encoded(), 200)):
        assert _predict(client, ("a", content)).status_code == status  # each gives its place back


def test_what_is_known_of_the_model_and_its_health(client):
    model = client.get("/api/model").json
    assert model["classes"] == list(CLASSES)
    assert model["input"] == {"pixels": SIZE, "scaling": "tf"}
    assert model["metrics"] is None
    assert model["warnings"]["unlike_training"] is False
    assert "did not record" in model["warnings"]["reason"]
    assert client.get("/health").json == {"status": "ok", "waiting": 0}


def test_the_page_takes_nothing_from_elsewhere_and_no_script_in_its_text(client):
    page = client.get("/").text
    assert "not a medical device" in page
    assert "<script src=" in page
    for path in ("/", "/page.css", "/page.js", "/icon.svg"):
        answer = client.get(path)
        assert answer.status_code == 200
        text = answer.text.replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text
        assert "https://" not in text
        assert "style=" not in text
        assert " onclick" not in text
        assert "innerHTML" not in text


def test_what_the_page_says_reaches_keyboards_touch_and_screen_readers(client):
    """As far as can be told without a browser; test_service_browser.py uses the page in one."""
    page, script = client.get("/").text, client.get("/page.js").text
    # A name of its own: "Waiting" or "Computing" beside it.
    assert re.search(r"<label[^>]*><progress></progress><span>\w+</span></label>", page)
    assert page.count("<progress") == 1
    # A title shows itself to the mouse alone.
    assert ".title" not in script
    assert " title=" not in page
    assert "<summary>Uncalibrated probabilities</summary>" in page


@pytest.mark.parametrize("path", ["/", "/api/model", "/health", "/none", "/api/predict"])
def test_every_answer_carries_the_security_headers(client, path):
    headers = client.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "Access-Control-Allow-Origin" not in headers


def test_other_sites_may_use_the_api_only_where_they_are_named(classifier, client):
    origin = {"Origin": "https://lab.example"}
    assert "Access-Control-Allow-Origin" not in client.get("/health", headers=origin).headers
    open_to = create_app(classifier, cors="https://lab.example", methods=METHODS).test_client()
    allowed = open_to.get("/health", headers=origin)
    assert allowed.headers["Access-Control-Allow-Origin"] == "https://lab.example"
    other = open_to.get("/health", headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in other.headers


def test_a_form_on_another_site_cannot_make_it_compute(classifier, client, encoded):
    def post(app, host="localhost:8000", **headers):
        form = {"images": (io.BytesIO(encoded()), "a.png")}
        headers = {"Host": host, **headers}
        return app.post("/api/predict", data=form, headers=headers)

    assert "--cors https://evil.example" in _refused(
        post(client, Origin="https://evil.example"), 403
    )
    assert "--cors null" in _refused(post(client, Origin="null"), 403)
    assert post(client).status_code == 200
    assert post(client, Origin="http://localhost:8000").status_code == 200
    # A name that somebody else gave this machine.
    at_home = create_app(classifier, local=True, methods=METHODS).test_client()
    assert "not as evil.example" in _refused(
        post(at_home, "evil.example:8000", Origin="http://evil.example:8000"), 403
    )
    assert post(client, "evil.example:8000").status_code == 200
    for name in ("localhost:8000", "127.0.0.1", "[::1]:8000"):
        assert post(at_home, name).status_code == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_wrong_methods_are_refused_with_the_right_ones(client, method):
    answer = client.open("/api/predict", method=method)
    assert "method" in _refused(answer, 405)
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize(
    "path", ["/nothing", "/page/../app.py", "/..%2f..%2fetc/passwd", "/page.js.map", "/page/"]
)
def test_there_is_nothing_else_to_fetch(client, path):
    _refused(client.get(path), 404)


def _chunk(kind, content):
    whole = kind + content
    return struct.pack(">I", len(content)) + whole + struct.pack(">I", zlib.crc32(whole))


def _bomb(width, height):
    """A small PNG that claims and unpacks to so many pixels."""
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    lines = zlib.compress(b"\0" * ((1 + -(-width // 8)) * height), 9)
    return (
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", lines) + _chunk(b"IEND", b"")
    )


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(1)</script>"


def test_files_that_are_no_pictures_are_refused_with_the_reason(client, encoded):
    png, jpeg = encoded(), encoded(kind="JPEG")
    film = io.BytesIO()
    Image.new("L", (4, 4)).save(
        film, "GIF", save_all=True, append_images=[Image.new("L", (4, 4), 255)]
    )
    for content, reason in (
        (b"", "empty file"),
        (SVG, "not an image"),
        (HTML, "not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
        (b"\x80\x04\x95", "not an image"),
        (png[:60], "not a"),
        (png[:-30], "not a whole image"),
        (jpeg[:-20], "not a whole image"),
        (_bomb(12_000, 12_000), "12000 x 12000 pixels, more than 16,000,000"),
        (_bomb(4_100, 4_000), "more than 16,000,000"),
        (bombs.tiff(1_000_000), "1,000,000 strips or tiles in 16 x 16 pixels"),
        (bombs.exif_segments(jpeg, 20_000), "more than 64 Exif segments"),
        (film.getvalue(), "more than one frame"),
    ):
        assert reason in _refused(_predict(client, ("cell.png", content)), 422)
    mislabelled = _predict(client, ("cell.png", jpeg))
    assert mislabelled.status_code == 200  # what it is decides, not what it is called


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/passwd", "passwd"), ("C:\\cells\\one.png", "one.png"), ("", "unnamed"),
        ("a\x00b\u202egnp.exe", "abgnp.exe"), ("x" * 500, "x" * 100), ("/", "unnamed"),
        ("zwei Zellen é.png", "zwei Zellen é.png"), ("<b>.png", "<b>.png"),
    ],
)  # fmt: skip
def test_names_are_shown_without_paths_and_signs_that_deceive(given, shown):
    assert uploads.name(given) == shown


def test_path_tricks_in_names_write_nothing(client, encoded, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("../../trick.png", f"{tmp_path}/trick.png", "..\\trick.png", "trick\x00.png"):
        answer = _predict(client, (name, encoded()))
        assert "trick" in answer.json["images"][0]["name"]
    assert not list(tmp_path.rglob("*"))


def test_hundreds_of_files_are_refused(client, encoded):
    many = [(f"{n}.png", encoded()) for n in range(300)]
    assert "up to 32 files" in _refused(_predict(client, *many), 413)
    assert "33 files" in _refused(_predict(client, *many[:33]), 400)
    assert _predict(client, *many[:32]).status_code == 200


def test_bodies_that_are_too_large_or_no_form_are_refused(client):
    large = b"\0" * (uploads.MAX_BYTES + 1)
    assert _refused(_predict(client, ("a.png", large)), 413)
    assert "multipart/form-data" in _refused(client.post("/api/predict", data=b"x"), 400)
    assert "multipart/form-data" in _refused(client.post("/api/explain", json={"image": "x"}), 400)
    assert 'No file in the field "images"' in _refused(
        client.post("/api/predict", data=b"--x--", content_type="multipart/form-data; boundary=x"),
        400,
    )
    other = {"image": (io.BytesIO(b"x"), "a")}
    assert "Unknown fields image: give images." in _refused(
        client.post("/api/predict", data=other), 400
    )
    kind = "multipart/form-data; boundary=x"
    for body in (
        b"",
        b"--x\r\n",
        b"--x\r\nContent-Disposition: form-data; name=images\r\n",
        b"--y--",
    ):
        _refused(client.post("/api/predict", data=body, content_type=kind), 400)
    _refused(client.post("/api/predict", data=b"--x", content_type="multipart/form-data"), 400)
    long = {"image": (io.BytesIO(b"x"), "a"), "method": "m" * 600_000}
    _refused(client.post("/api/explain", data=long), 413)


PICTURE = b'Content-Disposition: form-data; name="images"; filename="a.png"\r\n\r\nx\r\n'


@pytest.mark.parametrize(
    ("path", "parts", "reason"),
    [
        ("predict", [b'Content-Disposition: form-data; filename="a.png"\r\n\r\nx\r\n'],
         "A part of the form has no field name: give images."),
        ("explain", [PICTURE, b"Content-Disposition: form-data\r\n\r\nx\r\n"],
         "no field name: give image, method, class."),
        ("predict", [PICTURE.replace(b"a.png", "Zellen-ä.png".encode("latin-1"))],
         "cannot be read: file names must be UTF-8."),
        ("predict", [PICTURE, PICTURE.replace(b"a.png", b"\xff.png")],
         "cannot be read: file names must be UTF-8."),
        ("predict", [b"Content-Type: image/png\r\n\r\nx\r\n"], "cannot be read: it is empty"),
        ("predict", [b'Content-Disposition: form-data; name="images"\r\n\r\ncell.png\r\n'],
         'a file, not a text, in the field "images", e.g. with curl -F "images=@cell.png".'),
        ("predict", [PICTURE, b'Content-Disposition: form-data; name="images"\r\n\r\nx\r\n'],
         'a file, not a text, in the field "images"'),
        ("explain", [PICTURE.replace(b"images", b"image"), PICTURE.replace(b"images", b"method")],
         'a text, not a file, in the field "method".'),
    ],
)  # fmt: skip
def test_forms_that_are_written_wrongly_are_refused_with_what_is_wrong(client, path, parts, reason):
    body = b"".join(b"--x\r\n" + part for part in parts) + b"--x--\r\n"
    answer = client.post(f"/api/{path}", data=body, content_type="multipart/form-data; boundary=x")
    assert reason in _refused(answer, 400)


def test_nothing_that_is_uploaded_touches_the_disk(client, encoded, monkeypatch):
    large = encoded(size=(1000, 900), kind="BMP")
    assert len(large) > 2_000_000
    fields = {
        "predict": [("images", large, "a.bmp"), ("images", encoded(), "b.png")],
        "explain": [("image", large, "a.bmp")],
    }
    # Encoded before, for the test client itself uses a file for large forms.
    bodies = {
        name: encode_multipart(
            MultiDict((field, FileStorage(io.BytesIO(data), title)) for field, data, title in files)
        )
        for name, files in fields.items()
    }
    opened = []
    real = os.open
    for name in ("TemporaryFile", "SpooledTemporaryFile", "NamedTemporaryFile", "mkstemp"):
        monkeypatch.setattr(tempfile, name, lambda *_, name=name, **__: opened.append(name))
    monkeypatch.setattr(os, "open", lambda *a, **k: opened.append(a) or real(*a, **k))
    plain = io.open

    def watched(file, mode="r", *more, **options):
        if set(mode) & set("wax+"):
            opened.append((file, mode))
        return plain(file, mode, *more, **options)

    monkeypatch.setattr(builtins, "open", watched)
    monkeypatch.setattr(io, "open", watched)
    for name, (boundary, body) in bodies.items():
        kind = f'multipart/form-data; boundary="{boundary}"'
        answer = client.post(f"/api/{name}", data=body, content_type=kind)
        assert answer.status_code == 200, answer.text
    assert not opened


def test_what_nobody_foresaw_is_logged_and_not_shown(classifier, encoded, caplog):
    def broken(*_):
        raise RuntimeError("secret path /home/x")

    app = create_app(classifier, methods={"gradcam": broken})
    answer = _explain(app.test_client(), encoded())
    assert "its log says why" in _refused(answer, 500)
    assert "secret" not in answer.text
    assert "secret path" in caplog.text
    assert _predict(app.test_client(), ("a", encoded())).status_code == 200
