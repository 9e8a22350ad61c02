"""The hosts of a training under TensorFlow: who they are, how they meet, what they agree on."""

import contextlib
import json
import os
import socket
import time
from typing import NamedTuple

EXPECTED = '{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'

KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 6}
"""After so many seconds of silence a host is asked, so far apart and so often, if it is there."""


class Cluster(NamedTuple):
    """The hosts of `TF_CONFIG`.

    Args:
        addresses: `host:port` of each; the first one leads, and writes the files.
        number: of this host, from 0.
    """

    addresses: tuple
    number: int

    def names(self, numbers):
        """How hosts are called in messages."""
        return " and ".join(f"Host {i} ({self.addresses[i]})" for i in sorted(numbers))

    def place(self, number):
        """`(host, port)` of a host."""
        place, _, port = self.addresses[number].rpartition(":")
        return place, int(port)


def read_cluster():
    """What `TF_CONFIG` says: a `Cluster`, or None where it is not set or names one host alone.

    Raises:
        ValueError: if it does not parse, or this host is none of those that train.
    """
    text = os.environ.get("TF_CONFIG", "").strip()
    if not text:
        return None
    try:
        told = json.loads(text)
        jobs, task = told.get("cluster", {}), told.get("task", {})
        tasks = [(job, i) for job in ("chief", "worker") for i in range(len(jobs.get(job, ())))]
        if len(tasks) < 2 and not set(jobs) - {"chief", "worker"}:
            return None
        number = tasks.index((task["type"], int(task["index"])))
        found = Cluster(tuple(str(jobs[job][i]) for job, i in tasks), number)
        for other in range(len(tasks)):
            found.place(other)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"TF_CONFIG is {text}. Expected {EXPECTED}, without other jobs."
        ) from error
    return found


class Meeting:
    """Connections between the first host and each of the others, over which they agree.

    Args:
        cluster: `Cluster`.
        wait: seconds for all to come.

    Raises:
        TimeoutError: if one does not, on every host that has; it names who is missing.
    """

    def __init__(self, cluster, wait):
        self.cluster, self._links, self._wait = cluster, {}, wait
        self.sockets = []
        come = self._come if cluster.number else self._receive
        missing = come(time.monotonic() + wait)
        late = f"had not come after {wait:g} s: was it started, can its port be reached?"
        if missing and cluster.number:
            raise TimeoutError(f"{cluster.names(missing)} {late}")
        self._decide(TimeoutError, missing and f"{cluster.names(missing)} {late}")
        for link in self.sockets:  # a host may read its faces for as long as it takes
            link.settimeout(None)
            link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for name, seconds in KEEPALIVE.items():  # of Linux
                if hasattr(socket, name):
                    link.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), seconds)

    def agree(self, facts):
        """Compares what must be the same on all hosts.

        Args:
            facts: `{what: value}`, for JSON.

        Raises:
            ValueError: if another host has others, on every host; it names what differs.
            RuntimeError: if a host is gone.
        """
        wrong, mine = "", json.loads(json.dumps(facts))
        if self.cluster.number:
            self._say(0, mine)
        for number in () if self.cluster.number else self._links:
            other = self._hear(number)
            for what in sorted(mine.keys() | other.keys()):
                if (here := mine.get(what)) != (there := other.get(what)):
                    who = self.cluster.names([number])
                    wrong = f"{who} has another {what} than the first host: {there}, not {here}."
        self._decide(ValueError, wrong)

    def _come(self, until):
        """Connects to the first host; returns the numbers of the hosts that are missing."""
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                link = socket.create_connection(self.cluster.place(0), timeout=self._wait + 30)
                self.sockets.append(link)
                self._links[0] = link.makefile("rw")
                self._say(0, self.cluster.number)
                return set()
            time.sleep(0.2)
        return {0}

    def _receive(self, until):
        """Waits for all others; returns the numbers of the hosts that are missing."""
        missing = {*range(1, len(self.cluster.addresses))}
        with socket.create_server(("", self.cluster.place(0)[1])) as door:
            while missing and (left := until - time.monotonic()) > 0:
                door.settimeout(left)
                with contextlib.suppress(OSError, ValueError, KeyError):  # a stranger looked in
                    link = door.accept()[0]
                    link.settimeout(5)
                    lines = link.makefile("rw")
                    number = int(lines.readline())
                    missing.remove(number)
                    link.settimeout(self._wait + 30)
                    self.sockets.append(link)
                    self._links[number] = lines
        return missing

    def _say(self, number, thing):
        with contextlib.suppress(OSError):  # gone: the next answer that is missing tells
            self._links[number].write(json.dumps(thing) + "\n")
            self._links[number].flush()

    def _hear(self, number):
        try:
            return json.loads(self._links[number].readline())
        except (OSError, ValueError) as error:
            raise RuntimeError(f"{self.cluster.names([number])} no longer answers.") from error

    def _decide(self, kind, wrong):
        """The first host says what is wrong, if anything is, and all raise it."""
        if self.cluster.number:
            wrong = self._hear(0)
        for number in () if self.cluster.number else self._links:
            self._say(number, wrong or "")
        if wrong:
            raise kind(wrong)
