"""What models the zoo has: their names and facts, without Keras."""

import copy
import functools
import json
import pathlib
from collections.abc import Callable
from typing import Any

from keras_landmarks.names import known_name
from keras_landmarks.pictures.html import table_html

INDEX = pathlib.Path(__file__).with_name("zoo.json")
"""The index of the zoo, by `tools/index.py`: builder, crop, weights file with sha256, facts."""
DEFAULT = "unet-300w"
"""What `load()` gives: the model to begin with."""


@functools.cache
def index() -> dict[str, dict[str, Any]]:
    return json.loads(INDEX.read_text(encoding="utf-8"))


class Models(dict[str, dict[str, Any]]):
    """`{name: facts}` of models: a dict, which notebooks show as a table."""

    def _repr_html_(self) -> str:
        rows: list[tuple[object, ...]]
        rows = [("model", "NME, %", "one face, ms", "parameters", "scheme", "licence of the data")]
        for name, facts in self.items():
            nme, ms = (f"{x:.2f}" if (x := facts[key]) else "-" for key in ("nme", "latency_ms"))
            count, scheme = f"{facts['parameters'] / 1e6:.1f} M", facts["arguments"]["scheme"]
            rows.append((name, nme, ms, count, scheme, facts["licence"]))
        return table_html(rows)


def list_models(where: Callable[[dict[str, Any]], bool] | None = None) -> Models:
    """The models of the zoo.

    Args:
        where: called with the facts of a model; says whether it is listed. None lists all.

    Returns:
        `{name: facts}`, which notebooks show as a table: paper, `arguments` (among them the
        scheme), crop, parameters, bytes of the weights, milliseconds of a face on one CPU thread
        (`latency_ms`), NME in percent on 300w/lfpw-test (`nme`: corners, annotation box), also by
        the paper's normaliser (`nme_as_paper`), and the training data's licence. Of a model
        without published weights `sha256`, `bytes`, `nme` and `latency_ms` are None; `large` says
        if they are in `keras-landmarks-large`.

    Example:
        for name, facts in keras_landmarks.list_models(lambda facts: facts["nme"]).items():
            print(name, facts["nme"])

    Raises:
        ValueError: if `where` is no function, or compares what is None.
    """
    if where is not None and not callable(where):
        raise ValueError(f"where is a function of a model's facts, not {where!r}.")
    models = copy.deepcopy(index()).items()
    return Models({name: facts for name, facts in models if not where or _fits(where, name, facts)})


def _fits(where: Callable[[dict[str, Any]], bool], name: str, facts: dict[str, Any]) -> bool:
    try:
        return where(facts)
    except TypeError as error:
        unknown = ", ".join(key for key, value in facts.items() if value is None) or "no facts"
        raise ValueError(f"where fails for {name}, whose {unknown} are None: {error}") from error


def facts_of(name: str) -> dict[str, Any]:
    """What the index says of a model; an unknown name is a ValueError that names the close ones."""
    return index()[known_name("model", name, index())]
