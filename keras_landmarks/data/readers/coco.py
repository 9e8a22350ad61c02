"""Key points in COCO's JSON, as mmpose and COCO-WholeBody write them."""

import json
import warnings

import numpy as np

from keras_landmarks.data.face import Face
from keras_landmarks.data.readers.contents import existing_file, read_text
from keras_landmarks.data.readers.finding import Pictures, folders_of
from keras_landmarks.data.readers.labels import own_order
from keras_landmarks.data.readers.rows import (
    PHOTO,
    BrokenFile,
    read_faces,
    scheme_of,
    side_box,
    size_of,
)
from keras_landmarks.schemes import get_scheme


def read_coco(
    path, images=None, scheme=None, first=0, skip_broken=False, category=None
) -> list[Face]:
    """Reads the faces of a JSON file with `images` and `annotations`.

    Points are triples x, y, v. v is 0 for a point that nobody marked. Where the file uses 2 for
    points that are seen, as COCO does, 1 is a covered one; many files have 1 for every point. Of a
    category whose `keypoints` are the names of the scheme's points, points are taken by name.

    Args:
        path: of the file. Faces are those of `keypoints`, or of COCO-WholeBody's `face_kpts`.
        images: folder of the pictures; None takes the file's, `images/` in it or, of a file in
            `annotations/`, the folder above and `images/` there.
        scheme: of the points, or its name; None takes the one that data sets of so many have.
        first: what the file calls the first pixel: 0, or 1 as in mmpose's file of 300VW, which
            keeps the numbers of the `.pts` files.
        skip_broken: whether to warn of a broken face, or one without its picture, and go on.
        category: name of the annotations' category; None takes those with as many points as the
            scheme has, or all.

    Returns:
        List of `Face`, with boxes where the file has them.

    Raises:
        FileNotFoundError: if the file or the folder is missing.
        ValueError: if the file is broken, a face is, or its picture is missing.
    """
    path = existing_file(path)
    try:
        content = json.loads(read_text(path))
        names = {image["id"]: image["file_name"] for image in content["images"]}
        for image in content["images"]:
            if (other := names[image["id"]]) != (name := image["file_name"]):
                raise ValueError(f"{name} and {other} have the id {image['id']} both.")
        sizes = {i["id"]: size_of(i.get("height"), i.get("width")) for i in content["images"]}
        photos = {image["id"]: image.get(PHOTO) for image in content["images"]}
        rows = [_row(annotation) for annotation in content["annotations"]]
        kinds = {kind.get("id"): kind for kind in content.get("categories") or ()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: expected COCO's `images` and `annotations`: {error}") from error
    if rows and not any(row[1] for row in rows):
        said = f"none of its {len(rows)} annotations has a point that is marked (`keypoints`)"
        raise ValueError(f"{path}: {said}. CVAT's COCO Keypoints has those of skeletons.")
    rows = _of_category([row for row in rows if row[1]], kinds, category, scheme, path)
    sees = any(2 in points[2::3] for _, points, _ in rows)
    orders = {}
    for key in {row[0].get("category_id") for row in rows if "face_kpts" not in row[0]} & {*kinds}:
        orders[key] = _order(kinds[key], scheme, path)
    pictures = Pictures(*folders_of(path, images))

    def face(row):
        annotation, numbers, box = row
        photo = photos.get(annotation.get("image_id"))
        image = names.get(annotation.get("image_id"))
        where = f"{path}, annotation {annotation.get('id')} ({image})"
        if image is None:
            raise ValueError(f"{where}: no image has the id {annotation.get('image_id')}.")
        picture = pictures.find(image)
        try:
            points = np.array(numbers, np.float64).reshape(-1, 3)
            box = side_box(box, first) if box else None
            if box is not None and not np.isfinite(box).all():
                raise ValueError(f"the box is {box.tolist()}")
        except (ValueError, TypeError) as error:
            raise ValueError(f"{where}: expected triples x, y, v, and a box: {error}") from error
        if "face_kpts" not in annotation and (order := orders.get(annotation.get("category_id"))):
            if max(order) >= len(points):
                raise ValueError(f"{where}: {len(points)} points, and more names of such.")
            points = np.array([points[i] if i >= 0 else np.zeros(3) for i in order])
        points, seen = points[:, :2] - first, points[:, 2]
        points[seen == 0] = np.nan
        return Face(
            picture,
            points,
            scheme_of(len(points), scheme, where),
            box if box is not None and (box[2:] > box[:2]).all() else None,
            f"{image}#{annotation.get('id')}",
            photo if isinstance(photo, str) else pictures.photo(picture),
            seen > 1 if sees else seen > 0,
            size=sizes[annotation["image_id"]],
        )

    return read_faces(path, rows, face, skip_broken, pictures=pictures)


def _row(annotation):
    """`(annotation, numbers, box)` of a face; no numbers where nobody marked its points."""
    if "face_kpts" in annotation:
        valid = annotation.get("face_valid", True)
        numbers, box = annotation["face_kpts"] if valid else [], annotation.get("face_box")
    else:
        numbers, box = annotation.get("keypoints") or [], annotation.get("bbox")
    hash((annotation.get("image_id"), annotation.get("category_id")))  # a list is none
    return annotation, numbers if any(numbers) else [], box


def _of_category(rows, kinds, category, scheme, path):
    """The rows of a category: the one that is named, or those with as many points as the scheme.

    Raises:
        ValueError: if there is none, or of several it is not told which.
    """
    called = [str(kinds.get(row[0].get("category_id"), {}).get("name")) for row in rows]
    if category is not None:
        if category not in called:
            raise ValueError(
                f"{path}: no annotation of {category!r}, but of {sorted(set(called))}."
            )
        return [row for row, name in zip(rows, called) if name == category]
    if scheme is not None and len(set(called)) > 1:
        count = get_scheme(scheme).count
        rows = [row for row in rows if len(row[1]) == 3 * count] or rows
    names = {tuple(kinds.get(row[0].get("category_id"), {}).get("keypoints") or ()) for row in rows}
    if len(names) > 1:
        raise ValueError(
            f"{path} is of several categories, {sorted(set(called))}: name one (category=)."
        )
    return rows


def _order(kind, scheme, path):
    """Where a scheme's points are among those of a category, -1 for none; None for its order.

    A category may have more points than the scheme: they are left out, with a warning.
    """
    names = [str(name) for name in kind.get("keypoints") or ()]
    own = get_scheme(scheme).point_names if scheme else names
    others = [name for name in names if name not in own]
    if others and {*own} <= {*names}:
        said = f"{path}: {len(others)} points that {get_scheme(scheme).name} has not are left out"
        warnings.warn(f"{said}, as {others[0]!r}.", BrokenFile, stacklevel=3)
        names = [name if name in own else "" for name in names]
        return [names.index(name) for name in own]
    how = "Call all points as the scheme does, or none."
    order = own_order(names, scheme, f"{path}, category {kind.get('name')}", how)
    return order and [names.index(name) if name in names else -1 for name in order]
