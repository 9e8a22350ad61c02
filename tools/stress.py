"""Large runs that the tests only begin: an archive on Ray, killed and gone on with; a busy server.

python tools/stress.py archive [--pictures 2000]
python tools/stress.py server [--requests 1000]
"""

import argparse
import concurrent.futures
import http.client
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np
from scale import free_ports
from timing import PORTRAIT

ANNOTATE = """
import pathlib, sys
from keras_landmarks import bulk
paths, model, out = sorted(pathlib.Path(sys.argv[1]).iterdir()), sys.argv[2], sys.argv[3]
print(bulk.annotate(paths, model, out, int(sys.argv[4]), "local"))
"""


def exported(folder, name):
    """A model of the zoo as a `.tflite` file."""
    from keras_landmarks import load

    path = folder / f"{name}.tflite"
    load(name).export(path, "tflite")
    return path


def variants():
    """The portrait at three sizes, twice beside itself, and a picture of nothing, by name."""
    import cv2

    portrait = cv2.imread(str(PORTRAIT))
    pictures = {f"one{side}": cv2.resize(portrait, (side, side)) for side in (320, 400, 512)}
    pictures["two"] = np.hstack([pictures["one320"]] * 2)
    pictures["none"] = np.full((400, 400, 3), 90, np.uint8)
    return {name: cv2.imencode(".jpg", picture)[1].tobytes() for name, picture in pictures.items()}


def rows(out):
    """All rows of a run, by path and face."""
    import pyarrow.parquet

    found = pyarrow.parquet.read_table(out).to_pylist()
    return sorted(found, key=lambda row: (row["path"], row["face"]))


def archive(folder, name, count):
    """Annotates so many pictures by one worker, by two, and by one that is killed half-way."""
    model, pictures = exported(folder, name), folder / "pictures"
    pictures.mkdir()
    for number, data in zip(range(count), list(variants().values()) * count):
        (pictures / f"{number:06d}.jpg").write_bytes(data)

    def start(out, workers):
        command = [sys.executable, "-c", ANNOTATE, pictures, model, folder / out, str(workers)]
        return subprocess.Popen(command, start_new_session=True)

    for out, workers in (("one", 1), ("two", 2)):
        begun = time.perf_counter()
        process, first = start(out, workers), None
        while process.poll() is None:
            time.sleep(0.05)
            if first is None and list((folder / out).glob("*.parquet")):
                first = time.perf_counter()
        end = time.perf_counter()
        rate = (count - 64) / (end - first)
        print(f"{workers} workers: {end - begun:.0f} s, {rate:.0f} pictures/s once running")
    process = start("killed", 1)
    while len(list((folder / "killed").glob("*.parquet"))) * 64 < count / 2:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    print(f"killed with {len({row['path'] for row in rows(folder / 'killed')})} pictures done")
    start("killed", 1).wait()
    one, two, again = (rows(folder / out) for out in ("one", "two", "killed"))
    print(f"{len(one)} rows; the same by two: {one == two}, after the kill: {one == again}")


def server(folder, name, count, clients=8):
    """Asks docs/server.py by several clients at once, and looks at every answer."""
    from keras_landmarks import runtime

    model, (port,) = exported(folder, name), free_ports(1)
    sent = list(variants().values())
    expected = [[face.to_dict() for face in runtime.open_model(model).detect(d)] for d in sent]
    command = [sys.executable, "-m", "uvicorn", "server:app", "--port", str(port)]
    command += ["--log-level", "error", "--app-dir", pathlib.Path(__file__).parent.parent / "docs"]
    process = subprocess.Popen(command, env={**os.environ, "MODEL": str(model)})

    def ask(number):
        begun = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("POST", "/detect", sent[number % len(sent)])
        answer = connection.getresponse()
        faces = json.loads(answer.read()).get("faces")
        spent = time.perf_counter() - begun
        return answer.status == 200, faces == expected[number % len(sent)], spent

    try:
        while True:
            try:
                ask(0)
                break
            except ConnectionRefusedError:
                time.sleep(0.1)
        begun = time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor(clients) as pool:
            found = list(pool.map(ask, range(count)))
        rate = count / (time.perf_counter() - begun)
    finally:
        process.terminate()
        process.wait()
    answered, right, spent = zip(*found)
    middle, slow = 1000 * np.percentile(spent, (50, 99))
    print(
        f"{count} requests of {clients} clients: {count - sum(answered)} errors, "
        f"{count - sum(right)} wrong answers, {rate:.0f} a second, "
        f"p50 {middle:.0f} ms, p99 {slow:.0f} ms"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=("archive", "server"))
    parser.add_argument("--model", default="tiny-ibug68")
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--requests", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        if options.what == "archive":
            archive(folder, options.model, options.pictures)
        else:
            server(folder, options.model, options.requests)


if __name__ == "__main__":
    main()
