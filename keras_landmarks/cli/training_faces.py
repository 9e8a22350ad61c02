"""The faces that `keras-landmarks train` is given, and what each is for."""

import dataclasses
import os

from keras_landmarks.cli import annotated


@dataclasses.dataclass
class Given:
    """Faces with boxes that know how they lie.

    Args:
        faces: to train on, and to choose on where `held_out` is empty.
        held_out: to choose the best epoch on.
        more: to train on alone.
        test: kept apart to measure on.
        split: the name of a published data set's; None of faces of one's own.
        boxes: whether the faces had boxes.
        truth: whether the squares around the points are the boxes.
    """

    faces: list
    held_out: list
    more: list
    test: list
    split: str | None
    boxes: bool
    truth: bool

    def write_test(self, path):
        """The test faces as a table for `evaluate --from`, if their pictures are files."""
        from keras_landmarks import data

        test = self.test if self.boxes else _without_boxes(self.test)
        if all(isinstance(face.image, (str, os.PathLike)) for face in test):
            data.write_table(path, test)


def read(options, recipe):
    """The `Given` of a command's words, and of a `Recipe` or None."""
    from keras_landmarks import data
    from keras_landmarks.data.datasets import of_other_photos

    truth = (options.box or (recipe and recipe.box)) == "truth"
    faces, split = annotated.read(options, recipe.split if recipe else "300w/train")
    boxes = all(face.box is not None for face in faces) and options.box != "detector"

    def laid(faces):
        faces = _without_boxes(faces) if options.box == "detector" else faces
        return annotated.laid(faces, truth) if faces else []

    faces, test = laid(faces), []
    if options.test:
        faces, test = data.split_by_photo(faces, options.test, seed=1)
    more = annotated.read_more(options, split, faces[0].scheme)
    held_out = annotated.read_like(options.held_out, options, split)
    apart = "kept apart to measure on"
    more = laid(of_other_photos(more, test, apart))
    held_out = laid(of_other_photos(held_out, test, apart, by_name=False))
    return Given(faces, held_out, more, test, split, boxes, truth)


def _without_boxes(faces):
    """Of faces that nobody annotated the boxes are all there is, and the detector's."""
    return [dataclasses.replace(face, box=None) if face.labelled else face for face in faces]
