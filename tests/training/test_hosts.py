"""Several hosts train as one, and several devices of JAX do."""

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import scale
from faces import write_300w
from test_training import (
    HERE,
    MORE,
    ROOT,
    SHARED,
    TENSORFLOW,
    assert_same,
    environment,
    read_weights,
    run,
    samples_of,
)

from keras_landmarks import load, training
from keras_landmarks.data import HARD
from keras_landmarks.pictures import images
from keras_landmarks.training.meeting import Cluster, Meeting, read_cluster

pytestmark = pytest.mark.timeout(900)  # processes start one after the other
TWO = '{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": %s}}'


# Who the hosts are


def told(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    return read_cluster()


def test_the_hosts_of_tf_config_are_its_chief_and_its_workers(monkeypatch):
    assert told(monkeypatch, TWO % 1) == Cluster(("a:1", "b:2"), 1)
    cluster = {"worker": ["w:1", "x:2"], "chief": ["c:3"]}
    for task, number in (("chief", 0), 0), (("worker", 0), 1), (("worker", 1), 2):
        text = json.dumps({"cluster": cluster, "task": {"type": task[0], "index": task[1]}})
        assert told(monkeypatch, text) == Cluster(("c:3", "w:1", "x:2"), number)


def test_a_host_alone_needs_no_other(monkeypatch):
    alone = {"cluster": {"chief": ["c:3"]}, "task": {"type": "chief", "index": 0}}
    for text in ("", "{}", json.dumps(alone)):
        assert told(monkeypatch, text) is None
    assert training.join_hosts() is None


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '"worker"',
        TWO % 2,
        TWO % -1,
        TWO % '"one"',
        TWO.replace("b:2", "b") % 0,
        '{"cluster": {"worker": ["a:1", "b:2"]}}',
        '{"cluster": {"worker": 2}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}',
    ],
)
def test_a_tf_config_that_does_not_parse_is_an_error_that_says_what_is_expected(monkeypatch, text):
    with pytest.raises(ValueError, match="TF_CONFIG is .*Expected {.*host:port"):
        told(monkeypatch, text)


# How they meet


def together(count, act, wait=20.0, missing=()):
    """What each of so many hosts, threads of this process, returns or raises."""
    addresses = tuple(f"127.0.0.1:{port}" for port in scale.free_ports(count))
    found = {}

    def host(number):
        try:
            found[number] = act(Meeting(Cluster(addresses, number), wait), number)
        except (OSError, ValueError, RuntimeError) as error:
            found[number] = error

    threads = [threading.Thread(target=host, args=(i,)) for i in range(count) if i not in missing]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return addresses, found


def test_hosts_with_the_same_facts_agree():
    _, found = together(3, lambda meeting, number: meeting.agree({"batch": (8, [None, 0.5])}))
    assert found == {0: None, 1: None, 2: None}


def test_all_hosts_hear_who_has_other_facts():
    def act(meeting, number):
        meeting.agree({"batch": 8, "seed": 5 if number == 2 else 0})

    addresses, found = together(3, act)
    expected = f"Host 2 ({addresses[2]}) has another seed than the first host: 5, not 0."
    assert {str(error) for error in found.values()} == {expected}
    assert all(type(error) is ValueError for error in found.values())


@pytest.mark.parametrize("missing", [0, 1])
def test_all_hosts_hear_who_has_not_come_in_time(missing):
    begun = time.monotonic()
    addresses, found = together(3, lambda meeting, number: None, 1.0, (missing,))
    assert time.monotonic() - begun < 10
    assert len(found) == 2
    for error in found.values():
        assert isinstance(error, TimeoutError)
        expected = f"Host {missing} ({addresses[missing]}) had not come after 1 s"
        assert str(error).startswith(expected)


def test_a_stranger_who_looks_in_is_no_host():
    addresses = tuple(f"127.0.0.1:{port}" for port in scale.free_ports(2))
    host = threading.Thread(target=lambda: Meeting(Cluster(addresses, 0), 20).agree({}))
    host.start()
    for word in (b"GET / HTTP/1.1\r\n", b"7\n", b""):
        while True:
            try:
                with socket.create_connection(("127.0.0.1", int(addresses[0].split(":")[1]))) as s:
                    s.sendall(word)
                break
            except ConnectionRefusedError:
                time.sleep(0.01)
    Meeting(Cluster(addresses, 1), 20).agree({})
    host.join()


def test_a_host_that_is_gone_before_they_agree_is_named():
    def act(meeting, number):
        if number:
            return [lines.close() for lines in meeting._links.values()]
        return meeting.agree({})

    addresses, found = together(2, act)
    assert str(found[0]) == f"Host 1 ({addresses[1]}) no longer answers."


def test_hosts_that_have_met_wait_for_each_other_as_long_as_it_takes():
    def act(meeting, number):
        return [link.gettimeout() for link in meeting.sockets]

    _, found = together(3, act)
    assert found == {0: [None, None], 1: [None], 2: [None]}


# Their shares


@pytest.mark.parametrize("augmentation", [None, HARD])
def test_no_host_makes_what_is_anothers(monkeypatch, augmentation):
    samples = samples_of(SHARED["sgd"])[0].replace(augmentation=augmentation)
    whole = samples.batch_at(2)
    made, warp = [], images.warp
    monkeypatch.setattr(images, "warp", lambda *words: made.append(1) or warp(*words))
    parts = [samples.batch_at(2, part=(number, 4)) for number in range(4)]
    assert len(made) == samples.batch == 8
    for one, several in zip(whole, zip(*parts)):
        np.testing.assert_array_equal(np.concatenate(several), one)


def test_a_last_batch_that_devices_cannot_share_is_an_error():
    class Two:
        num_replicas_in_sync = num_model_replicas = 2

    samples = samples_of(SHARED["sgd"])[0]
    training.devices.check(Two, samples)
    odd = samples.replace(augmentation=None, indices=[*range(11)])
    with pytest.raises(ValueError, match="2 devices cannot share a batch of 3 evenly"):
        training.devices.check(Two, odd)
    training.devices.check(None, odd)


# Two processes on the loopback


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of trainings by two hosts, what they said, and how and when they ended."""
    if not TENSORFLOW:
        pytest.skip("is TensorFlow's")
    out = tmp_path_factory.mktemp("hosts")
    write_300w(out / "faces", 8)
    command = [sys.executable, HERE / "on_two_hosts.py", out]
    done = subprocess.run(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, check=True)
    said = {path.stem: path.read_text() for path in out.glob("*.txt")}
    return out, said, json.loads(done.stdout)


def test_a_host_that_is_killed_is_named_by_the_others_within_a_minute(trained):
    _, said, ends = trained
    first, other = ends["killed-0"], ends["killed-1"]
    assert other[0] == -signal.SIGKILL
    expected = r"killed: Host 1 \(127.0.0.1:\d+\) no longer answers, and"
    assert re.match(expected, said["killed-0"])
    assert first[1] - other[1] < 60
    assert "epochs: 1" in said["killed-0"]


def test_hosts_that_were_killed_go_on_to_the_weights_of_an_undisturbed_run(trained, tmp_path):
    out, _, ends = trained
    assert ends["after-0"][0] == ends["after-1"][0] == 0
    run(SHARED["averaged"], tmp_path)
    for name in ("best", "checkpoint"):
        assert_same(read_weights(out / "killed", name), read_weights(tmp_path, name), atol=1e-5)
    logs = [(folder / "log.csv").read_text().splitlines() for folder in (out / "killed", tmp_path)]
    assert [len(log) for log in logs] == [3, 3]


def read_losses(folder):
    lines = (folder / "log.csv").read_text().splitlines()
    return [float(line.split(",")[lines[0].split(",").index("loss")]) for line in lines[1:]]


def test_two_hosts_have_the_losses_of_one_device(trained, tmp_path):
    expected, _ = scale.losses(tmp_path)
    assert len(expected) == 20
    assert expected[-1] < 0.9 * expected[0]
    np.testing.assert_allclose(read_losses(trained[0] / "losses"), expected, atol=1e-4)


@pytest.mark.parametrize("name", MORE)
def test_stages_and_picked_batches_are_those_of_one_device(trained, tmp_path, name):
    run(MORE[name], tmp_path)
    assert_same(read_weights(trained[0] / name), read_weights(tmp_path), atol=1e-5)


def test_hosts_with_different_recipes_or_odd_batches_end_before_the_first_step(trained):
    out, said, _ = trained
    for name in ("after-0", "after-1"):
        expected = r"other: Host 1 \(.*\) has another loss in stage 1 than the first"
        assert re.search(expected, said[name])
        assert "odd: 2 devices cannot share a batch of 5 evenly." in said[name]
    assert not (out / "other" / "checkpoint.safetensors").exists()


def test_the_command_line_trains_on_several_hosts(trained):
    out, said, _ = trained
    assert "train: 0" in said["after-0"]
    assert "train: 0" in said["after-1"]
    assert "nme" in (out / "cli" / "results.json").read_text()
    assert load(out / "cli").size == (16, 16)


def test_keras_has_not_yet_mended_its_fit_for_several_hosts(trained):
    # If this fails: Keras issue 20585 is mended, and `Hosts.fit` can be `graph.fit`.
    _, said, _ = trained
    assert "Keras' own fit fails" in said["after-0"]
    assert "Keras' own fit fails" in said["after-1"]


# JAX

ON_JAX = """
import keras, pathlib, scale, sys
one = lambda: keras.distribution.DataParallel(devices=["cpu:0"], auto_shard_dataset=False)
for name in sys.argv[2:]:
    words = {"strategy": one()} if name == "one" else {}
    scale.losses(pathlib.Path(sys.argv[1]) / name, **words)
"""


def on_jax(devices, hosts, *words):
    """Runs `ON_JAX` on so many devices of so many hosts."""
    pytest.importorskip("jax")
    command = [sys.executable, "-c", ON_JAX, *words]
    environments = scale.environments("jax", devices, hosts)
    processes = [
        subprocess.Popen(command, cwd=ROOT, env=environment(**env)) for env in environments
    ]
    try:
        assert [process.wait(timeout=400) for process in processes] == [0] * hosts
    finally:
        for process in processes:
            process.kill()


def test_two_devices_of_jax_have_the_losses_of_one(tmp_path):
    on_jax(2, 1, tmp_path, "one", "two")
    one, two = (read_losses(tmp_path / name) for name in ("one", "two"))
    assert len(one) == 20
    assert one[-1] < 0.9 * one[0]
    np.testing.assert_allclose(two, one, atol=1e-4)


@pytest.mark.large
def test_two_hosts_of_jax_have_the_losses_of_one(tmp_path):
    on_jax(1, 1, tmp_path, "one")
    on_jax(1, 2, tmp_path, "hosts")
    one, hosts = (read_losses(tmp_path / name) for name in ("one", "hosts"))
    np.testing.assert_allclose(hosts, one, atol=1e-4)
