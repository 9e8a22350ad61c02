"""From pictures to landmarks: boxes, crops, a network's points, and back to the picture.

What a Keras model and an exported one share; nothing here needs Keras or TensorFlow.
"""

import numpy as np

from keras_landmarks import geometry
from keras_landmarks.faces.boxes import check_boxes, convention_of, convert_boxes, detect_boxes
from keras_landmarks.faces.detection import Detection
from keras_landmarks.pictures import images


def find_faces(model, image, boxes=None, detector=None, convention="annotation"):
    """Finds the faces of a picture and their landmarks.

    Args:
        model: has `scheme`, `size`, `margin`, `box` and `detector` as a `Landmarker` has them, and
            `predict_on_batch`.
        image: see `Landmarker.detect`, as for the other arguments.
        boxes: of the faces.
        detector: finds the boxes.
        convention: of given boxes.

    Returns:
        List of `Detection`; for a batch, a list of lists.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the picture or a box cannot be used.
    """
    if isinstance(image, (list, tuple)) or getattr(image, "ndim", 0) == 4:
        if boxes is None:
            boxes = [None] * len(image)
        if len(boxes) != len(image):
            raise ValueError(f"{len(image)} pictures, but boxes for {len(boxes)}.")
        return _find(model, list(image), boxes, detector, convention)
    return _find(model, [image], [boxes], detector, convention)[0]


def _find(model, pictures, boxes, detector, convention):
    detector = detector or model.detector
    found, crops, transforms = [], [], []
    for picture, given in zip(pictures, boxes):
        picture = images.as_rgb(picture)
        if given is None:
            framed, scores = detect_boxes(detector, picture)
            source = convention_of(detector)
        else:
            framed, source = check_boxes(given, picture), convention
            scores = np.full(len(framed), np.nan)
        found.append((framed, scores))
        for crop, transform in cut_crops(model, picture, framed, source):
            crops.append(crop)
            transforms.append(transform)
    outputs = _outputs(model, crops, transforms)
    return [
        [
            Detection(landmarks, box, model.scheme.name, _score(score), **more)
            for box, score, (landmarks, more) in zip(framed, scores, outputs)
        ]
        for framed, scores in found
    ]


def cut_crops(model, picture, boxes, convention):
    """The crops that a model looks at.

    Args:
        model: see `find_faces`.
        picture: `(height, width, 3)` uint8 RGB.
        boxes: `(faces, 4)` boxes of faces.
        convention: how they lie on faces: a `Convention` or its name.

    Yields:
        `(crop, crop_from_picture)` of each face: `(height, width, 3)` uint8 and `(2, 3)` float64.
    """
    squares = convert_boxes(boxes, convention, model.box)
    for square in geometry.square_box(squares, model.margin):
        transform = geometry.box_transform(np.float64(square), model.size)
        yield images.warp(picture, transform, model.size), transform


def _outputs(model, crops, picture_transforms):
    """Landmarks `(n, 2)` of each face and what more is known of them, in picture pixels."""
    if not crops:
        return
    predicted = predict_in_parts(model.predict_on_batch, np.stack(crops))
    picture_from_crop = geometry.invert(np.stack(picture_transforms))
    landmarks = geometry.transform_points(predicted["landmarks"], picture_from_crop)
    scale = np.sqrt(np.abs(np.linalg.det(picture_from_crop[:, :, :2])))
    for face, points in enumerate(landmarks.astype(np.float32)):
        more = {}
        if "error" in predicted:
            more["error"] = np.float32(predicted["error"][face] * scale[face])
        if "score" in predicted:
            more["point_score"] = np.float32(predicted["score"][face])
        yield points, more


def predict_in_parts(predict, crops, count=32):
    """The outputs for any number of crops, of which so many are computed at once."""
    parts = [predict(crops[i : i + count]) for i in range(0, len(crops), count)]
    if len(parts) == 1:
        return {name: np.asarray(values) for name, values in parts[0].items()}
    return {name: np.concatenate([np.asarray(p[name]) for p in parts]) for name in parts[0]}


def _score(score):
    return None if np.isnan(score) else float(score)
