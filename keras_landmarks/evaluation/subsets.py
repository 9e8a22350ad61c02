"""Figures of parts of a data set: of faces that have an attribute, as WFLW's."""

import contextlib
import dataclasses

import numpy as np

from keras_landmarks.data.face import unique_names
from keras_landmarks.schemes import get_scheme


def by_attribute(result, faces, kind=None, limit=0.08):
    """The figures of the faces that have each attribute.

    Args:
        result: `Evaluation` of the faces.
        faces: list of `data.Face`; attributes are the `facts` that are true or false.
        kind: normaliser, as of `Evaluation.summary`.
        limit: of AUC and failures, a fraction of the normaliser.

    Returns:
        `{attribute: {"faces": …, "nme_percent": …, …}}`, in the order of the facts; empty where
        the faces have none.
    """
    rows, named = {}, list(zip(unique_names(faces), faces))
    facts = (fact for face in faces for fact in face.facts.items())
    for attribute in dict.fromkeys(k for k, value in facts if isinstance(value, (bool, np.bool_))):
        chosen = {name for name, face in named if face.facts.get(attribute)}
        part = _part(result, chosen)
        if part.names or part.missed_names:  # none, if their files were broken
            given = kind is None or isinstance(kind, str)
            own = kind if given else np.asarray(kind)[[name in chosen for name in result.names]]
            rows[attribute] = _figures(part.summary(own, limit))
    return rows


def by_normaliser(result):
    """The mean error in percent by the eyes' corners and by the pupils, where the scheme has them.

    None where a face lacks them.
    """
    scheme, found = get_scheme(result.annotated_scheme or result.scheme), {}
    for kind, there in (("corners", scheme.eye_corners), ("pupils", scheme.right_eye)):
        if there:
            found[kind] = None
            with contextlib.suppress(ValueError):  # some faces lack them
                found[kind] = result.summary(kind)["nme_percent"]
    return found


def _figures(summary):
    kept = ("faces", "missed", "nme_percent", "auc_at_", "failure_rate_at_")
    return {key: value for key, value in summary.items() if key.startswith(kept)}


def _part(result, names):
    """The same evaluation of the faces of some names."""
    rows = [i for i, name in enumerate(result.names) if name in names]
    changes = {}
    for field in dataclasses.fields(result):
        value = getattr(result, field.name)
        if isinstance(value, np.ndarray):
            changes[field.name] = value[rows]
    missed = tuple(name for name in result.missed_names if name in names)
    found = [result.names[i] for i in rows]
    return dataclasses.replace(result, names=found, missed_names=missed, **changes)
