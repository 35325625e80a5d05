"""The page in a real Chromium, and the server as a process: what people and strangers do to it."""

import base64
import http.client
import json
import os
import re
import resource
import shutil
import socket
import time
import urllib.request
from pathlib import Path

import keras
import pytest
import tiny_service

ROOT = Path(__file__).parent.parent.parent.parent
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return tiny_service.run(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def port(run, tmp_path_factory):
    """Port of a server that runs in an empty folder and may write no files once it serves."""
    place = tmp_path_factory.mktemp("empty")
    environment = {
        **os.environ, "KERAS_BACKEND": keras.backend.backend(), "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(place),
        "MPLCONFIGDIR": str(tmp_path_factory.mktemp("fonts")),
    }  # fmt: skip
    process, said = tiny_service.command(run[0].folder, cwd=place, env=environment)
    assert "Serving http://127.0.0.1:" in said, said
    # From here on it can write no byte into any file.
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, 0))
    yield int(said.rpartition("127.0.0.1:")[2].partition("/")[0])
    assert process.poll() is None, process.stdout.read()
    process.terminate()
    process.wait(20)
    left = [path for path in place.rglob("*") if path.is_file() and path.stat().st_size]
    assert not left


def _health(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=20) as answer:
        return answer.status


def _form(*contents):
    """(body, content type) of a form with these files."""
    parts = b"".join(
        b'--x\r\nContent-Disposition: form-data; name="images"; filename="../%d.png"\r\n\r\n'
        b"%s\r\n" % (number, content)
        for number, content in enumerate(contents)
    )
    return parts + b"--x--\r\n", "multipart/form-data; boundary=x"


def _post(port, body, kind, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/api/predict", body, {"Content-Type": kind, **headers})
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_large_pictures_are_answered_without_a_file_being_written(port, encoded):
    large = encoded(kind="BMP", size=(2000, 1500))
    assert len(large) > 8_000_000
    status, content = _post(port, *_form(large, encoded()))
    assert status == 200, content


def test_oversized_bodies_are_refused_before_they_are_sent(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest("POST", "/api/predict")
    connection.putheader("Content-Type", "multipart/form-data; boundary=x")
    connection.putheader("Content-Length", str(10**9))
    connection.endheaders(b"--x")
    answer = connection.getresponse()
    assert answer.status == 413
    assert answer.getheader("Content-Security-Policy").startswith("default-src 'none'")
    told = json.load(answer)
    assert told["status"] == 413
    assert "20000000" in told["error"]
    assert _health(port) == 200


def test_clients_that_send_slowly_or_nonsense_hold_nobody_up(port, encoded):
    body, kind = _form(encoded())
    head = (
        f"POST /api/predict HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode()
    slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(30)]
    for connection in slow:
        connection.sendall(head + body[:10])
    began = time.perf_counter()
    assert _post(port, body, kind)[0] == 200
    assert time.perf_counter() - began < 2
    for connection in slow[1:]:
        connection.close()
    slow[0].sendall(body[10:])
    assert b"200 OK" in slow[0].recv(100)  # late, but whole
    slow[0].close()
    for nonsense in (b"\x16\x03\x01\x02\x00", b"GET / HTTP/9.9\r\n\r\n", b"A" * 300_000):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(nonsense)
    assert _health(port) == 200


@pytest.fixture(scope="module")
def browser():
    if not (CHROMIUM and DRIVER):
        pytest.skip("no Chromium: apt-get install chromium chromium-driver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage"):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    found = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    yield found
    found.quit()


def _wait(browser, what, seconds=40):
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, seconds).until(what)


def _all(browser, selector):
    return browser.find_elements("css selector", selector)


@pytest.mark.parametrize("width", [1200, 390])
def test_pictures_are_chosen_answered_and_explained_and_bad_ones_named(
    browser, port, run, tmp_path, width
):
    _, frame = run
    blurred = tmp_path / "no picture.png"
    blurred.write_text("<svg onload=alert(1)>")
    browser.set_window_size(width, 900)
    browser.get(f"http://127.0.0.1:{port}/")
    _wait(browser, lambda _: "AML, CML, Healthy" in _all(browser, "#subtitle")[0].text)
    _all(browser, "#files")[0].send_keys(f"{frame['path'].iloc[0]}\n{blurred}")
    _wait(browser, lambda _: _all(browser, "article .problem"))
    first, second = _all(browser, "article")
    bars = first.find_elements("css selector", ".bars li")
    names = {bar.text.split("\n")[0] for bar in bars}
    assert names == set(tiny_service.CLASSES)
    values = [float(bar.text.split("\n")[1].rstrip("%")) for bar in bars]
    assert values == sorted(values, reverse=True)
    assert sum(values) == pytest.approx(100, abs=0.2)
    assert "not an image" in second.text
    own = first.find_element("css selector", ".own")
    own.find_element("css selector", "summary").click()
    shown = own.text.split("\n")[1:]
    assert set(shown[::2]) == names
    assert sum(float(value.rstrip("%")) for value in shown[1::2]) == pytest.approx(100, abs=0.2)
    own.find_element("css selector", "summary").click()
    overlay = first.find_element("css selector", ".overlay")
    _wait(browser, lambda _: overlay.is_displayed())
    natural = browser.execute_script("return arguments[0].naturalWidth", overlay)
    assert natural == 32
    slider = first.find_element("css selector", "input[type=range]")
    slider.send_keys("\ue010")  # the End key
    assert overlay.value_of_css_property("opacity") == "1"
    seen = first.find_element("css selector", ".picture")
    assert overlay.size == seen.size
    assert browser.execute_script(
        "return document.documentElement.scrollWidth <= window.innerWidth"
    )
    assert not [entry for entry in browser.get_log("browser") if "Content Security" in str(entry)]
    _all(browser, "#card summary")[0].click()
    told = _all(browser, "#about")[0].text
    assert "intervals, 95%, bootstrap over subjects" in told
    assert re.search(r"Test accuracy\n[\d.]+% \([\d.–]+\) of 9 pictures", told)
    shots = os.environ.get("SCREENSHOTS")
    if shots:
        height = browser.execute_script("return document.documentElement.scrollHeight")
        browser.set_window_size(width, height + 150)
        browser.save_screenshot(f"{shots}/page-{width}.png")


DROP = """
const [name, content] = arguments;
const data = new DataTransfer();
data.items.add(new File([Uint8Array.from(atob(content), (sign) => sign.charCodeAt(0))], name));
const drop = document.getElementById("drop");
return ["dragenter", "dragover", "drop"].map((kind) => {
  const options = { bubbles: true, cancelable: true, dataTransfer: data };
  // False where the page took it: else the browser would show the picture instead of the page.
  return [drop.dispatchEvent(new DragEvent(kind, options)), drop.classList.contains("over")];
});
"""


def test_pictures_that_are_dropped_are_answered(browser, port, run):
    path = Path(run[1]["path"].iloc[2])
    browser.set_window_size(1200, 900)
    browser.get(f"http://127.0.0.1:{port}/")
    content = base64.b64encode(path.read_bytes()).decode()
    steps = browser.execute_script(DROP, "dropped.png", content)
    assert steps == [[False, True], [False, True], [False, False]]
    _wait(browser, lambda _: [one for one in _all(browser, ".overlay") if one.is_displayed()])
    (shown,) = _all(browser, "article")
    assert shown.find_element("css selector", "h2").text == "dropped.png"
    assert len(shown.find_elements("css selector", ".bars li")) == 3
    assert "64 × 64 pixels" in shown.text
    assert _all(browser, "#state")[0].text == "1 picture done."


# /api/model answers once release() is called.
HELD = """
const real = window.fetch;
const held = new Promise((next) => { window.release = next; });
window.fetch = (path, ...more) =>
  (path === "/api/model" ? held : Promise.resolve()).then(() => real(path, ...more));
"""


def test_pictures_added_before_the_model_is_known_are_explained_too(browser, port, run):
    held = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": HELD})
    try:
        browser.get(f"http://127.0.0.1:{port}/")
        _all(browser, "#files")[0].send_keys(run[1]["path"].iloc[0])
        _wait(browser, lambda _: _all(browser, "article"))
        assert _all(browser, ".wait")[0].text == "Waiting"
        assert _all(browser, "progress")[0].accessible_name == "Waiting"
        assert _all(browser, "#state")[0].text == "1 to go."
        browser.execute_script("release()")
        _wait(browser, lambda _: _all(browser, ".overlay")[0].is_displayed())
        assert len(_all(browser, ".methods button")) == 3
    finally:
        browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", held)


def test_the_whole_page_is_used_by_keyboard(browser, port, run):
    from selenium.webdriver import ActionChains

    browser.set_window_size(1200, 900)
    browser.get(f"http://127.0.0.1:{port}/")
    ActionChains(browser).send_keys("\ue004").perform()  # Tab
    assert browser.switch_to.active_element.get_attribute("id") == "files"
    browser.switch_to.active_element.send_keys(run[1]["path"].iloc[1])
    _wait(browser, lambda _: [one for one in _all(browser, ".overlay") if one.is_displayed()])
    button = _all(browser, ".methods button")[0]
    for _ in range(10):
        ActionChains(browser).send_keys("\ue004").perform()
        if browser.switch_to.active_element == button:
            break
    ActionChains(browser).send_keys(" ").perform()
    assert not _all(browser, ".overlay")[0].is_displayed()  # pressed again: switched off
    # On to the class: the keyboard keeps its place while the map is computed, and the last choice
    # is the one that is shown.
    select, remove = _all(browser, "select")[0], _all(browser, ".remove")[0]
    assert remove.get_attribute("aria-label").startswith("Remove ")
    for _ in range(5):
        ActionChains(browser).send_keys("\ue004").perform()
        if browser.switch_to.active_element == select:
            break
    names = [option.text for option in select.find_elements("css selector", "option")]
    ActionChains(browser).send_keys("\ue015").send_keys("\ue015").perform()  # down, down
    note = _all(browser, ".small")[0]
    _wait(browser, lambda _: f"of {names[2]}." in note.text)
    assert browser.switch_to.active_element == select
    ActionChains(browser).send_keys("\ue004").send_keys("\ue014").perform()  # Tab, right
    assert browser.switch_to.active_element.get_attribute("value") == "65"
    assert float(_all(browser, ".overlay")[0].value_of_css_property("opacity")) == 0.65


def test_the_keyboard_keeps_its_place_when_pictures_are_removed(browser, port, run):
    browser.get(f"http://127.0.0.1:{port}/")
    _all(browser, "#files")[0].send_keys("\n".join(run[1]["path"].iloc[:3]))
    _wait(browser, lambda _: len(_all(browser, ".remove")) == 3)
    first, second, third = _all(browser, ".remove")
    first.send_keys(" ")
    assert browser.switch_to.active_element == second
    third.send_keys(" ")
    assert browser.switch_to.active_element == second
    second.send_keys(" ")
    assert browser.switch_to.active_element.get_attribute("id") == "files"
    assert not _all(browser, "article")
