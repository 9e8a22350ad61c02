"""Label Studio's JSON export: key points in percent of the picture."""

import itertools
import json
import re
import urllib.parse

import numpy as np

from keras_landmarks.data.face import Face
from keras_landmarks.data.readers.contents import existing_file, read_text
from keras_landmarks.data.readers.finding import Pictures, folders_of
from keras_landmarks.data.readers.labels import labelled_scheme, order_of, put_point
from keras_landmarks.data.readers.rows import box_around, read_faces, size_of, turned_box
from keras_landmarks.faces.boxes import overlap
from keras_landmarks.pictures.kinds import PICTURES

_PICTURE = re.compile(rf"({'|'.join(map(re.escape, PICTURES))})\b", re.IGNORECASE)


def read_labelstudio(
    path, images=None, scheme="ibug68", names=None, skip_broken=False
) -> list[Face]:
    """Reads the faces of an export: `keypointlabels`, and the `rectanglelabels` box around them.

    A task has one face, or one in each rectangle: where a label is there twice, or rectangles with
    points lie apart, points are of the rectangle that they were drawn in (`parentID`), or else of
    the smallest that holds them, or the nearest; those of a rectangle within a face's, as around
    its mouth, are of that face, where it lacks them. Of a turned rectangle the box is the upright
    one around it. Of several annotations of a task the ground truth is taken, or else the first
    with results that was not cancelled. Percents are of the picture's edges: 0 is the left edge of
    the first pixel.

    Args:
        path: of the JSON file (not of its short form, JSON-MIN).
        images: folder of the pictures; None takes the file's, `images/` in it or, of a file in
            `annotations/`, the folder above and `images/` there.
        scheme: of the points, or its name; None takes the one whose points have these labels.
        names: the labels in the scheme's order; None takes the scheme's `point_names`, or numbers
            from 0 or 1, where the file has the first of the former or the last of the latter. A
            label that a face lacks is a missing point.
        skip_broken: whether to warn of a broken task, or one without its picture, and go on.

    Returns:
        List of `Face`.

    Raises:
        FileNotFoundError: if the file or the folder is missing.
        ValueError: if the file is broken, a task is, or its picture is missing.
    """
    path = existing_file(path)
    try:
        tasks = json.loads(read_text(path))
        rows = [
            (task, number, results, _link(task))
            for task in tasks
            for number, results in enumerate(_by_face(_results(task)), start=1)
            if results
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: expected Label Studio's JSON export: {error!r}") from error
    if not rows:
        raise ValueError(
            f"{path} holds no annotated picture: expected tasks whose `annotations` have "
            "`keypointlabels`, as in the export JSON (JSON-MIN is another)."
        )
    labels = {label for *_, results, _ in rows for label in _labels(results)}
    scheme = labelled_scheme(scheme, labels, names, path)
    order = order_of(names, scheme, labels)
    pictures, uploads = Pictures(*folders_of(path, images)), dict[str, str]()

    def face(row):
        task, number, results, link = row
        where = f"{path}, task {task.get('id')} ({link})"
        if link is None:
            raise ValueError(f"{where}: its data names no picture.")
        image = _picture(pictures, link, uploads)
        points, boxes = np.full((scheme.count, 2), np.nan), []
        for result in results:
            try:
                if result["type"] == "rectanglelabels":
                    boxes.append(_box(result))
                    continue
                label = str(result["value"]["keypointlabels"][0])
                at = _pixels(result, "x", "y")
            except (KeyError, IndexError, TypeError, ValueError) as error:
                raise ValueError(f"{where}: expected numbers and a label: {error!r}") from error
            put_point(points, order, label, at - 0.5, where)
        size = size_of(*(results[0][f"original_{k}"] for k in ("height", "width")))
        box = box_around(points + 0.5, boxes) if boxes[1:] else next(iter(boxes), None)
        name, photo = f"{pictures.called(image)}#{number}", pictures.photo(image)
        return Face(image, points, scheme, box, name, photo, size=size)

    return read_faces(path, rows, face, skip_broken, pictures=pictures)


def _results(task):
    """The key points and boxes of a task's ground truth, or first valid annotation."""
    valid = [a for a in task.get("annotations") or () if not a.get("was_cancelled")]
    valid.sort(key=lambda a: (not a.get("ground_truth"), not a["result"]))
    results = valid[0]["result"] if valid else []
    return [r for r in results if r.get("type") in ("keypointlabels", "rectanglelabels")]


def _labels(results):
    points = (r for r in results if r["type"] == "keypointlabels")
    found = (r.get("value", {}).get("keypointlabels", ())[:1] for r in points)
    return (str(label) for labels in found for label in labels)


def _by_face(results):
    """The results of a task, those of each face by themselves."""
    labels = list(_labels(results))
    frames = {r.get("id", i): r for i, r in enumerate(results) if r["type"] == "rectanglelabels"}
    if len(frames) < 2:
        return [results]
    faces = {frame: [result] for frame, result in frames.items()}
    try:
        boxes = {frame: _box(result) for frame, result in frames.items()}
        for result in results:
            if result["type"] == "keypointlabels":
                frame = result.get("parentID")
                if frame not in faces:
                    frame = _nearest(boxes, _pixels(result, "x", "y"))
                faces[frame].append(result)
    except (ValueError, KeyError, TypeError):  # a point by no rectangle, or what is no number
        return [results]
    filled = [frame for frame, face in faces.items() if face[1:]]
    pairs = itertools.combinations(filled, 2)
    apart = filled[1:] and not any(overlap(boxes[a][None], boxes[b])[0] for a, b in pairs)
    one = len(set(labels)) == len(labels) and not apart  # as with a rectangle around an eye
    return [results] if one else _whole({frame: faces[frame] for frame in filled}, boxes)


def _whole(faces, boxes):
    """The faces of rectangles, with what rectangles within them hold that they lack."""
    for frame in sorted(faces, key=lambda k: _area(boxes[k])):
        inner, labels = boxes[frame], {*_labels(faces[frame])}
        around = [
            k
            for k, face in faces.items()
            if k != frame
            and (boxes[k][:2] <= inner[:2]).all()
            and (inner[2:] <= boxes[k][2:]).all()
            and not labels & {*_labels(face)}
        ]
        if around:
            faces[min(around, key=lambda k: _area(boxes[k]))] += faces.pop(frame)[1:]
    return [*faces.values()]


def _area(box):
    return float(np.prod(box[2:] - box[:2]))


def _nearest(boxes, at):
    """The smallest rectangle that holds a point, or else the nearest to it.

    Raises:
        ValueError: if the point lies beside it by more than a tenth of its longer side.
    """

    def off(box):
        return float(np.linalg.norm(np.maximum(np.maximum(box[:2] - at, at - box[2:]), 0)))

    nearest = min(boxes, key=lambda k: (off(boxes[k]), _area(boxes[k])))
    if not off(boxes[nearest]) <= (boxes[nearest][2:] - boxes[nearest][:2]).max() / 10:
        raise ValueError("in no rectangle")
    return nearest


def _pixels(result, *names):
    """Two values of a result, across and down, which are in percent of the picture."""
    size = np.array([float(result[f"original_{k}"]) for k in ("width", "height")])
    return np.array([result["value"][name] for name in names], np.float64) / 100 * size


def _box(result):
    """A rectangle on pixel edges, turned about its first corner."""
    at, degrees = _pixels(result, "x", "y"), float(result["value"].get("rotation") or 0)
    return turned_box(np.r_[at, at + _pixels(result, "width", "height")], degrees, at)


def _link(task):
    """What of a task's data names its picture: the first text with its ending, or the first."""
    texts = [value for value in task["data"].values() if isinstance(value, str)]
    return next(filter(_PICTURE.search, texts), texts[0] if texts else None)


def _picture(pictures, link, uploads):
    """The picture of a task: `/data/upload/1/0123abcd-NAME.jpg`, or a path in `?d=`.

    Args:
        pictures: `Pictures`.
        link: of the task.
        uploads: `{path: name}` of those that were found, by their path or without the eight
            digits; added to.

    Raises:
        ValueError: if there is none, or it is another upload's, whose name differs in the digits.
    """
    query = urllib.parse.parse_qs(urllib.parse.urlparse(link).query)
    path = urllib.parse.unquote(urllib.parse.urlparse(link).path)
    name = f"/{query['d'][0]}" if "d" in query else path
    try:
        path = called = pictures.find(name)
    except ValueError:
        shorter = re.sub(r"(^|/)[0-9a-f]{8}-(?=[^/]+$)", r"\1", name)
        path, called = pictures.find(shorter), name
    if (before := uploads.setdefault(path, called)) != called:
        raise ValueError(f"{name}: {path} is the picture of {before} already.")
    return path
