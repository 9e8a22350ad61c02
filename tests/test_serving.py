"""The servers of docs/serving.md: the file that it shows, and TensorFlow Serving's client."""

import concurrent.futures
import http.client
import http.server
import importlib.util
import json
import logging
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

import cv2
import numpy as np
import pytest
from places import PORTRAIT, ROOT

import keras_landmarks
from keras_landmarks.pictures import images


@pytest.fixture(scope="module")
def server(known):
    """The module of docs/server.py, and its address."""
    uvicorn = pytest.importorskip("uvicorn")
    pytest.importorskip("fastapi")
    path, _ = known("tflite")
    spec = importlib.util.spec_from_file_location("server", ROOT / "docs" / "server.py")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODEL", str(path))
        patch.setitem(sys.modules, "server", module)
        spec.loader.exec_module(module)
        module.path = path
    running = uvicorn.Server(uvicorn.Config(module.app, port=0, log_level="error"))
    thread = threading.Thread(target=running.run)
    thread.start()
    while not running.started:
        assert thread.is_alive()
    yield module, running.servers[0].sockets[0].getsockname()
    running.should_exit = True
    thread.join()


def post(address, data, path="/detect", method="POST", headers=None):
    """`(status, answer)`."""
    connection = http.client.HTTPConnection(*address, timeout=60)
    connection.request(method, path, data, headers or {})
    answer = connection.getresponse()
    found = answer.status, json.loads(answer.read())
    connection.close()
    return found


def test_an_upload_that_breaks_off_leaves_no_traceback(server, caplog):
    module, address = server
    logging.getLogger("uvicorn.error").addHandler(caplog.handler)  # which hands nothing on
    try:
        with socket.create_connection(address) as client:
            client.sendall(b"POST /detect HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc")
            time.sleep(0.3)  # it waits for the rest
        time.sleep(0.3)
        status, facts = post(address, None, "/health", "GET")
    finally:
        logging.getLogger("uvicorn.error").removeHandler(caplog.handler)
    assert (status, facts["model"]) == (200, module.MODEL.name)
    assert not [record for record in caplog.records if record.exc_info]


def encoded(picture, ending=".jpg"):
    return cv2.imencode(ending, picture[..., ::-1])[1].tobytes()


def pictures():
    """Pictures of one face, of none and of two."""
    portrait = images.read_image(PORTRAIT)
    small = cv2.resize(portrait, (256, 256), interpolation=cv2.INTER_AREA)
    return {
        "one": PORTRAIT.read_bytes(),
        "none": encoded(np.full((200, 200, 3), 90, np.uint8)),
        "two": encoded(np.hstack([small, small[:, ::-1]])),
    }


def test_eight_clients_at_once_each_get_the_faces_of_their_pictures(server):
    module, address = server
    sent = pictures()
    expected = {n: [face.to_dict() for face in module.MODEL.detect(d)] for n, d in sent.items()}
    assert [len(faces) for faces in expected.values()] == [1, 0, 2]
    names = [*sent] * 16
    with concurrent.futures.ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda name: post(address, sent[name]), names))
    for name, (status, answer) in zip(names, answers):
        assert (status, answer) == (200, {"model": "tiny-ibug68", "faces": expected[name]})


@pytest.mark.parametrize(
    ("data", "status", "message"),
    [
        (b"", 400, "Send a picture"),
        (b"no picture", 415, "not a picture that can be read"),
        (PORTRAIT.read_bytes()[:9000], 415, "cut short"),
        (bytes(10_000_001), 413, "at most 10000000 bytes"),
    ],
    ids=["nothing", "no picture", "half a picture", "too many bytes"],
)
def test_what_is_no_picture_or_too_large_is_refused(server, data, status, message):
    found, answer = post(server[1], data)
    assert found == status
    assert message in answer["detail"]


def test_a_form_is_told_to_send_the_file_alone(server):
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    found, answer = post(server[1], b"--x\r\n", headers=kind)
    assert found == 415
    assert "Send the picture file itself as the body" in answer["detail"]


LARGE = """
import numpy, cv2, server  # in a process of its own: OpenCV asks for the limit once
for side in 6324, 6325:
    picture = cv2.imencode(".png", numpy.zeros((side, side), numpy.uint8))[1].tobytes()
    try:
        print(len(picture) < 100_000, len(server.MODEL.detect(picture)))
    except ValueError as error:
        print(error)
"""


def test_a_small_file_of_too_many_pixels_is_no_picture_to_the_server(server):
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "docs")))
    env = {**os.environ, "MODEL": str(server[0].path), "PYTHONPATH": paths}
    found = subprocess.run(
        [sys.executable, "-c", LARGE], env=env, capture_output=True, text=True, check=True
    )
    one, two = found.stdout.splitlines()
    assert one == "True 0"
    assert "not a picture that can be read" in two


def test_an_answer_that_takes_too_long_is_given_up(server, monkeypatch):
    module, address = server
    late, detect = threading.Event(), module.MODEL.detect
    monkeypatch.setattr(module.MODEL, "detect", lambda data: late.wait(5) and detect(data))
    monkeypatch.setattr(module, "SECONDS", 0.05)
    assert post(address, pictures()["one"]) == (504, {"detail": "No answer within 0.05 s."})
    late.set()
    monkeypatch.undo()
    assert post(address, pictures()["one"])[0] == 200


def test_a_server_says_that_it_runs_and_sends_away_what_is_too_much(server, monkeypatch):
    module, address = server
    status, health = post(address, None, "/health", "GET")
    assert (status, health["scheme"]) == (200, "ibug68")
    monkeypatch.setattr(module.LEFT, "_value", 0)
    assert post(address, pictures()["one"])[0] == 503


def test_the_client_of_tensorflow_serving_finds_what_the_model_finds(
    tiny, known, tmp_path, monkeypatch
):
    tf = pytest.importorskip("tensorflow")
    monkeypatch.chdir(tmp_path)
    shutil.copy(PORTRAIT, "photo.jpg")
    shutil.copytree(known("saved_model")[0], "served/cnn6/1")
    loaded = tf.saved_model.load("served/cnn6/1")
    signature = loaded.signatures["serving_default"]
    asked = []

    class Serving(http.server.BaseHTTPRequestHandler):
        """Answers as TensorFlow Serving's REST does: columns in, columns out."""

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(self.path)
            crops = {name: tf.constant(rows, tf.float32) for name, rows in body["inputs"].items()}
            outputs = {name: value.numpy().tolist() for name, value in signature(**crops).items()}
            found = outputs if len(outputs) > 1 else next(iter(outputs.values()))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"outputs": found}).encode())

        def log_message(self, *words):
            """Says nothing."""

    page = (ROOT / "docs" / "serving.md").read_text()
    (block,) = re.findall(r"```py\n(.*?)```", page, re.S)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Serving) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        names = {}
        exec(block.replace("localhost:8501", f"127.0.0.1:{serving.server_port}"), names)
        serving.shutdown()
        thread.join()
    assert asked == ["/v1/models/cnn6:predict"]
    (face,) = names["faces"]
    (expected,) = tiny.detect("photo.jpg")
    np.testing.assert_allclose(face.landmarks, expected.landmarks, atol=0.05)
    assert face.scheme == keras_landmarks.schemes.IBUG68


def test_a_picture_that_does_not_come_is_given_up_and_takes_no_place(server, monkeypatch):
    module, address = server
    monkeypatch.setattr(module, "UPLOAD", 0.3)
    with socket.create_connection(address) as client:
        client.sendall(b"POST /detect HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc")
        time.sleep(0.1)
        assert module.LEFT._value == module.WAITING
        assert b" 408 " in client.recv(1000)
