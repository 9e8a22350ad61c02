"""The page in a real browser: what it finds is what Python finds."""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.parse
import urllib.request
import webbrowser

import cv2
import numpy as np
import pytest
from loaded import load
from places import PORTRAIT

from keras_landmarks.cli import main, web
from keras_landmarks.data.readers import read_pts
from keras_landmarks.pictures import read_image, write_image

MODELS = {"fast": "unet-fast-300w", "accurate": "unet-300w"}


@contextlib.contextmanager
def served():
    """The address of the page, served as a user would."""
    command = [sys.executable, "-m", "keras_landmarks.cli", "web", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield re.match(r"(http://127\.0\.0\.1:\d+/) ", process.stdout.readline())[1]
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A browser that shows the page and downloads to `page.folder`."""
    if not (web.PAGE / "index.html").is_file():
        pytest.skip("needs the built page: make web")
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not (browser and driver):
        pytest.skip("needs Chromium and its driver: apt-get install chromium chromium-driver")
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs pip install selenium")
    folder = tmp_path_factory.mktemp("downloads")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for word in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "window-size=1280,900"):
        options.add_argument(f"--{word}")
    film = tmp_path_factory.mktemp("camera") / "portrait.mjpeg"
    film.write_bytes(PORTRAIT.read_bytes())
    options.add_argument("--use-fake-device-for-media-stream")
    options.add_argument("--use-fake-ui-for-media-stream")
    options.add_argument(f"--use-file-for-fake-video-capture={film}")
    options.add_experimental_option("prefs", {"download.default_directory": str(folder)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with served() as address:
        chrome = webdriver.Chrome(options, webdriver.ChromeService(driver))
        chrome.folder, chrome.address = folder, address
        try:
            chrome.get(address)
            yield chrome
        finally:
            chrome.quit()


@pytest.fixture(scope="module")
def turned(tmp_path_factory):
    """The portrait turned by 125 degrees about its middle."""
    image = read_image(PORTRAIT)
    turn = cv2.getRotationMatrix2D((256, 256), -125, 0.9)
    path = tmp_path_factory.mktemp("pictures") / "turned.png"
    write_image(path, cv2.warpAffine(image, turn, (512, 512)))
    return path


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """The portrait so finely that its face is reduced, and beside it small and upside down."""
    image = read_image(PORTRAIT)
    canvas = np.full((1300, 1800, 3), 90, np.uint8)
    canvas[:1280, :1280] = cv2.resize(image, (1280, 1280), interpolation=cv2.INTER_CUBIC)
    canvas[700:956, 1400:1656] = cv2.resize(
        image[:, ::-1], (256, 256), interpolation=cv2.INTER_AREA
    )
    path = tmp_path_factory.mktemp("pictures") / "two.png"
    write_image(path, canvas)
    return path


def at(page, selector):
    return page.find_element("css selector", selector)


def wait_for(ready, seconds=120):
    end = time.monotonic() + seconds
    while not (found := ready()):
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)
    return found


def status(page, pattern):
    """The text of the status line once it fits."""
    return wait_for(lambda: re.search(pattern, at(page, "#status").text))[0]


def give(page, path):
    page.execute_script("document.getElementById('status').textContent = ''")
    at(page, "#file").send_keys(str(path))


def choose(page, model):
    """Takes a model; what is shown is looked at again."""
    at(page, f"input[value={model}]").click()
    wait_for(lambda: "Looking" not in at(page, "#status").text)


def downloaded(page, button, name):
    """The bytes of the file that a button downloads."""
    path = page.folder / name
    path.unlink(missing_ok=True)
    at(page, button).click()
    wait_for(lambda: path.is_file() and path.stat().st_size)
    return path.read_bytes()


def points_found(page, path, model):
    """The landmarks of all faces of a picture: `(faces, 68, 2)`, and their dicts."""
    choose(page, model)
    give(page, path)
    status(page, r"\d+ face")
    assert re.fullmatch(r"\d+ ms", at(page, "#time").text)
    facts = json.loads(downloaded(page, "#json", f"{path.stem}.json"))
    assert facts["model"] == MODELS[model]
    (faces,) = facts["photos"].values()
    return np.array([face["landmarks"] for face in faces]), faces


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("picture", ["portrait", "turned", "two"])
def test_points_are_those_of_python(page, request, picture, model):
    path = PORTRAIT if picture == "portrait" else request.getfixturevalue(picture)
    points, faces = points_found(page, path, model)
    expected = load(MODELS[model]).detect(path)
    assert len(points) == len(expected) == (2 if picture == "two" else 1)
    for face, place, detection in zip(faces, points, expected):
        np.testing.assert_allclose(place, detection.landmarks, atol=0.25)  # half a pixel is seen
        np.testing.assert_allclose(face["error"], detection.error, atol=0.2)
        np.testing.assert_allclose(face["confidence"], detection.confidence, atol=0.03)
        np.testing.assert_allclose(face["box"], detection.box, atol=3)
        assert face["score"] == pytest.approx(detection.score, abs=0.02)
        assert face["angle"] == pytest.approx(detection.angle, abs=2)


@pytest.fixture
def portrait(page):
    """The page with the portrait's one face found, all points shown."""
    choose(page, "fast")
    give(page, PORTRAIT)
    status(page, "1 face")
    return page


def test_points_and_pictures_are_downloaded(portrait, tmp_path):
    (face,) = load(MODELS["fast"]).detect(PORTRAIT)
    (tmp_path / "face.pts").write_bytes(downloaded(portrait, "#faces button", "astronaut-1.pts"))
    np.testing.assert_allclose(read_pts(tmp_path / "face.pts"), face.landmarks, atol=1)
    (tmp_path / "face.png").write_bytes(downloaded(portrait, "#png", "astronaut-landmarks.png"))
    drawn = read_image(tmp_path / "face.png")
    x, y = np.floor((face.landmarks + 0.5) * drawn.shape[0] / 512).astype(int).T
    unsure, middling, sure = np.array([[255, 0, 64], [255, 220, 64], [64, 232, 255]])
    share = face.confidence[:, None] * 2
    colours = np.where(share < 1, unsure + share * (middling - unsure), 0)
    colours = np.where(share < 1, colours, middling + (share - 1) * (sure - middling))
    same = np.abs(drawn[y, x] - colours).max(axis=1) < 20
    assert same.mean() > 0.9  # the others are covered by their neighbours


def test_the_slider_hides_the_points_that_are_less_sure(portrait):
    confidence = load(MODELS["fast"]).detect(PORTRAIT)[0].confidence
    slider, picture = at(portrait, "#least"), at(portrait, "#canvas")
    before = picture.screenshot_as_png
    limit = round(100 * float(np.median(confidence)))
    slider.send_keys("\ue010")  # End: all
    assert "0 points shown" in at(portrait, "#faces").text
    slider.send_keys("\ue011", *["\ue014"] * limit)  # Home, and so often to the right
    assert at(portrait, "#least-shown").text == f"{limit} %"
    shown = int(re.search(r"(\d+) points shown", at(portrait, "#faces").text)[1])
    near = np.abs(confidence - limit / 100) < 0.005
    assert abs(shown - (confidence >= limit / 100).sum()) <= near.sum()
    assert picture.screenshot_as_png != before
    slider.send_keys("\ue011")
    assert "68 points shown" in at(portrait, "#faces").text


def test_everything_is_reached_and_named_without_a_mouse(portrait):
    portrait.execute_script("document.getElementById('choose').focus()")
    reached = []
    while (element := portrait.switch_to.active_element).tag_name != "body":
        reached.append(element.accessible_name)
        element.send_keys("\ue004")  # Tab
    assert [re.split("[:\n]", name)[0].strip() for name in reached] == [
        *("Open a picture", "Camera", "Sample", "Fast unet-fast-300w"),
        *("Hide points less sure than", "Download Face 1 as .pts", "JSON", "PNG"),
    ]
    assert "1 face" in at(portrait, "#canvas").accessible_name
    assert at(portrait, "#status").aria_role == "status"


def test_the_sample_is_opened_by_the_keyboard(page):
    page.refresh()
    assert not at(page, "#canvas").is_displayed()
    choose(page, "fast")
    at(page, "#sample").send_keys("\ue007")  # Enter
    wait_for(lambda: "astronaut.jpg: 1 face" in at(page, "#canvas").accessible_name)


def test_a_face_before_the_camera_is_followed_until_it_is_stopped(page):
    choose(page, "fast")
    button = at(page, "#camera")
    button.click()
    wait_for(lambda: button.get_attribute("aria-pressed") == "true")
    wait_for(lambda: "camera: 1 face" in at(page, "#canvas").accessible_name)
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert at(page, "#json").is_enabled()


KEPT = """
const media = navigator.mediaDevices, ask = media.getUserMedia.bind(media);
media.getUserMedia = async (wanted) => (window.stream = await ask(wanted));
"""


def test_a_camera_that_is_gone_is_said(page):
    page.refresh()
    choose(page, "fast")
    page.execute_script(KEPT)
    at(page, "#camera").click()
    wait_for(lambda: "camera: 1 face" in at(page, "#canvas").accessible_name)
    page.execute_script("window.stream.getTracks().forEach((track) => track.stop())")
    assert status(page, "The camera is gone.")
    assert at(page, "#camera").get_attribute("aria-pressed") == "false"


def test_what_is_no_picture_or_has_no_face_is_said(page, tmp_path):
    words, wall = tmp_path / "words.jpg", tmp_path / "wall.png"
    words.write_text("no picture")
    give(page, words)
    assert status(page, "words.jpg is not a picture")
    write_image(wall, np.full((200, 300, 3), 128, np.uint8))
    give(page, wall)
    assert status(page, "No face was found in wall.png")
    assert not at(page, "#json").is_enabled()


DROP = """
const [done] = arguments, status = document.getElementById("status");
document.getElementById("sample").click();
(function look() {
  if (!status.textContent.startsWith("Looking")) return setTimeout(look);
  const data = new DataTransfer();
  data.items.add(new File(["no picture"], "notes.txt"));
  document.dispatchEvent(new DragEvent("drop", { dataTransfer: data }));
  done(document.getElementById("none").hidden);
})();
"""


def test_a_wrong_file_leaves_the_search_that_is_running(page):
    choose(page, "accurate")
    assert page.execute_async_script(DROP)  # nothing says that there is no face
    status(page, "1 face")


def test_a_worker_that_does_not_start_is_told(page):
    gone = (
        "const Own = Worker; Worker = class extends Own { constructor() { super('/gone.js'); } };"
    )
    script = page.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": gone})
    try:
        page.refresh()
        give(page, PORTRAIT)
        status(page, "Something went wrong")
        give(page, PORTRAIT)  # and so is the next
        status(page, "Something went wrong")
    finally:
        page.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)
        page.get_log("browser")  # in which the browser complains
        page.refresh()


LATE = """
const Own = Worker, media = navigator.mediaDevices, ask = media.getUserMedia.bind(media);
let made = 0;
Worker = class extends Own {
  constructor(...given) { super(...(made++ ? given : ["/gone.js"])); }
};
media.getUserMedia = async (wanted) => {
  await new Promise((resolve) => setTimeout(resolve, 1000));
  window.came = true;
  return ask(wanted);
};
"""


def test_a_worker_is_made_anew_and_a_late_camera_takes_nothing_away(page):
    script = page.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": LATE})
    try:
        page.refresh()
        give(page, PORTRAIT)
        status(page, "Something went wrong")
        at(page, "#camera").click()
        give(page, PORTRAIT)  # before the camera is there
        status(page, "1 face")
        wait_for(lambda: page.execute_script("return window.came"))
        time.sleep(0.5)
        assert at(page, "#camera").get_attribute("aria-pressed") == "false"
        assert "astronaut.jpg: 1 face" in at(page, "#canvas").accessible_name
    finally:
        page.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)
        page.get_log("browser")  # in which the browser complains
        page.refresh()


def test_points_of_a_picture_that_no_canvas_holds_are_in_its_own_pixels(page, tmp_path):
    image = cv2.resize(read_image(PORTRAIT), (4608, 4608))
    write_image(tmp_path / "large.jpg", image)
    found, _ = points_found(page, tmp_path / "large.jpg", "fast")
    (expected,) = load("unet-fast-300w").detect(image)
    np.testing.assert_allclose(found[0], expected.landmarks, atol=5)  # the face is 1,000 wide


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_sticks_out_of_a_phone_or_a_desk(portrait, width):
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    portrait.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        assert portrait.execute_script("return document.documentElement.scrollWidth") <= width
        for button in portrait.find_elements("css selector", "button"):
            assert button.rect["height"] >= 40  # a finger's
    finally:
        portrait.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_nothing_is_loaded_from_elsewhere_and_nothing_is_complained_of(page):
    asked = set()
    for entry in page.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            asked.add(message["params"]["request"]["url"])
    assert any(url.startswith(page.address) for url in asked)
    own = (page.address, f"blob:{page.address}", "data:", "chrome:")
    assert not [url for url in asked if not url.startswith(own)]
    assert not [line["message"] for line in page.get_log("browser") if line["level"] == "SEVERE"]


def test_types_of_files_are_those_that_browsers_ask_for(tmp_path, monkeypatch):
    if not (web.PAGE / "index.html").is_file():
        pytest.skip("needs the built page: make web")
    with served() as address:
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(address).netloc)
        for file in ("index.html", *(f.relative_to(web.PAGE) for f in web.PAGE.glob("assets/*"))):
            connection.request("HEAD", f"/{file}")
            with connection.getresponse() as answer:
                kind = answer.headers["Content-Type"]
            ending = str(file).rpartition(".")[2]
            expected = {"html": "text/html", "js": "javascript", "wasm": "application/wasm"}
            assert expected.get(ending, "") in kind, file
        connection.close()


def test_a_page_that_is_not_built_says_how_to_build_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(web, "PAGE", tmp_path)
    assert main(["web", "--no-browser"]) == 1
    assert "make web" in capsys.readouterr().err


def test_a_browser_that_is_waited_for_is_served(tmp_path, monkeypatch, capfd):
    (tmp_path / "index.html").write_text("here")
    monkeypatch.setattr(web, "PAGE", tmp_path)
    shown = []

    def browse(address):
        with urllib.request.urlopen(address, timeout=60) as answer:
            shown.append(answer.read())
        host, port = urllib.parse.urlsplit(address).netloc.split(":")
        with socket.create_connection((host, int(port))) as client:  # which turns away
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.sendall(b"GET / HTTP/1.1\r\n")
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(webbrowser, "open", browse)
    assert main(["web"]) == 0
    assert shown == [b"here"]
    assert "Traceback" not in capfd.readouterr().err
