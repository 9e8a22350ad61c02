"""A progress bar, on terminals only."""

import sys
import time


class Bar:
    """Counts what is done on one line of a terminal; elsewhere it says nothing.

    Args:
        total: how many there are; None where it is not known.
        unit: what is counted, in the plural.
        done: how many were done before.
    """

    def __init__(self, total, unit, done=0):
        self.total, self.unit, self.done = total, unit, done
        self._start, self._before, self._shown = time.monotonic(), done, 0.0
        self._live = sys.stderr is not None and sys.stderr.isatty()  # which a daemon lacks

    def step(self, text=""):
        """One more is done."""
        self.done += 1
        now = time.monotonic()
        if self._live and (now - self._shown > 0.1 or self.done == self.total):
            self._shown = now
            of = "" if self.total is None else f"/{self.total}"
            line = f"{self.done}{of} {self.unit}, {self.rate:.1f} a second{text}"
            print(f"\r{line:<78}", end="", file=sys.stderr, flush=True)

    @property
    def rate(self):
        """How many were done a second."""
        return (self.done - self._before) / max(time.monotonic() - self._start, 1e-6)

    def close(self):
        """Leaves the line."""
        if self._live and self._shown:
            print(file=sys.stderr)
