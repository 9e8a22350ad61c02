"""What readers share: points that have labels."""

import warnings

import numpy as np

from keras_landmarks.data.readers.rows import BrokenFile, scheme_of
from keras_landmarks.schemes import SCHEMES, get_scheme


def own_order(names, scheme, where, how="Name all in their order (names=), or as the scheme does."):
    """The names of a scheme's points in their order, if a file calls its points so.

    Args:
        names: those that the file has.
        scheme: of the points, or its name; None where it is not said.
        where: file, for messages.
        how: what helps where some names are others, for messages.

    Returns:
        List of names; None where points have numbers, or the scheme no names, or, with a warning,
        quite others.

    Raises:
        ValueError: if some of the names are the scheme's, and others are not.
    """
    scheme = scheme and get_scheme(scheme)
    if not scheme or not names or _are_numbers(names, scheme):
        return None
    unknown = [name for name in names if name not in scheme.point_names]
    if unknown and (scheme.names or len(unknown) < len(names)):
        said = (
            f"{where}: {unknown[0]!r} is no point of {scheme.name}, which has "
            f"{', '.join(scheme.point_names[:8])}{', ...' if scheme.count > 8 else ''}."
        )
        if len(unknown) < len(names):
            raise ValueError(f"{said} {how}")
        warnings.warn(
            f"{said} Points are taken in the order of the file's.", BrokenFile, stacklevel=4
        )
    return None if unknown else scheme.point_names


def _are_numbers(names, scheme):
    """Whether points go by their numbers, which no names of the scheme are."""
    return all(name.isdigit() for name in names) and not set(names) <= {*(scheme.names or ())}


def labelled_scheme(scheme, labels, names, where):
    """The scheme that is given, or the one whose points have these labels.

    Args:
        scheme: `Scheme` or its name; or None.
        labels: those that the file has.
        names: all that there are, in their order; or None.
        where: file, for messages.

    Raises:
        ValueError: if it is unknown, or none or several have such points.
    """
    labels = {*labels}
    if scheme is None and names is None and not labels:
        scheme = "ibug68"  # any: that no face is there is told later
    if scheme is not None:
        return get_scheme(scheme)
    if names is not None:
        return get_scheme(scheme_of(len(names), None, where))
    if all(label.isdecimal() for label in labels):  # from 0 or from 1
        numbers = {*map(int, labels)}
        return get_scheme(scheme_of(max(numbers) + (0 in numbers), None, where))
    fit = [one for one in SCHEMES.values() if labels <= {*one.point_names}]
    if len(fit) != 1:
        shown = ", ".join(sorted(labels)[:4])
        raise ValueError(f"{where}: name the scheme, of which the points {shown} are.")
    return fit[0]


def order_of(names, scheme, labels):
    """The place of each label in a scheme, `{label: index}`.

    Args:
        names: the labels in the scheme's order; None takes its `point_names`, or numbers.
        scheme: `Scheme`.
        labels: those that the file has.

    Raises:
        ValueError: if there are not as many names as points, or numbers that begin nowhere.
    """
    if names is None:
        labels = set(labels)
        names = scheme.point_names
        if labels and _are_numbers(labels, scheme):
            numbers = {label: int(label) for label in labels}
            if not {0, scheme.count} & set(numbers.values()):
                raise ValueError(
                    f"The labels are numbers without 0 and {scheme.count}: do they begin at 0 or "
                    "at 1? Give all names in their order."
                )
            first = 0 if 0 in numbers.values() else 1
            return {label: number - first for label, number in numbers.items()}
    if len(set(names)) != scheme.count:
        raise ValueError(f"{scheme.name} has {scheme.count} points, not {len(set(names))} names.")
    return {name: i for i, name in enumerate(names)}


GROUPED = "or with a group_id each"
"""How a format tells the points of several faces apart."""


def put_point(points, order, label, at, where, several="or each in a rectangle"):
    """Puts the point of a label in its place.

    Raises:
        ValueError: if the label is unknown, or was there already.
    """
    place = order.get(label, len(points))
    if place >= len(points):
        raise ValueError(f"{where}: unknown label {label!r}.")
    if not np.isnan(points[place, 0]):
        raise ValueError(
            f"{where}: the label {label!r} is there twice; one face a picture, {several}."
        )
    points[place] = at
