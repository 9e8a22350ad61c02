"""Any annotation: what a folder or a file holds is found out, and read by its reader."""

import json

from keras_landmarks.data import readers
from keras_landmarks.data.face import Face
from keras_landmarks.data.protocols import read_split
from keras_landmarks.data.readers.contents import existing_file, files_of, is_results, read_text
from keras_landmarks.data.readers.dlib import parse_xml
from keras_landmarks.data.readers.labelme import is_labelme
from keras_landmarks.data.readers.rows import scheme_of
from keras_landmarks.data.readers.wflw import LISTS
from keras_landmarks.files import as_path
from keras_landmarks.schemes import get_scheme

_MARKS = {
    "300w/train": "afw/*.pts helen/trainset/*.pts lfpw/trainset/*.pts",
    "300w/full": "helen/testset/*.pts lfpw/testset/*.pts ibug/*.pts",
    "300w/private": "01_Indoor/*.pts 02_Outdoor/*.pts 300W/01_Indoor/*.pts 300W/02_Outdoor/*.pts",
    "aflw/train": "AFLWinfo_release.mat",
    "aflw/full": "AFLWinfo_release.mat",
    "cofw/train": "COFW_train_color.mat",
    "cofw/test": "COFW_test_color.mat",
    "wflw/train": f"{LISTS}/list_98pt_rect_attr_train.txt",
    "wflw/test": f"{LISTS}/list_98pt_rect_attr_test.txt",
    "menpo/semifrontal-train": "trainset/semifrontal/*.pts train/semifrontal/*.pts",
    "menpo/profile-train": "trainset/profile/*.pts train/profile/*.pts",
    "menpo/semifrontal-test": "testset/semifrontal/*.pts test/semifrontal/*.pts",
    "menpo/profile-test": "testset/profile/*.pts test/profile/*.pts",
    "merl/train": "merl_rav_organized/*/trainset/*.pts",
    "merl/test": "merl_rav_organized/*/testset/*.pts",
    "lapa/train": "train/landmarks/*.txt",
    "lapa/val": "val/landmarks/*.txt",
    "lapa/test": "test/landmarks/*.txt",
    "helen29/all": "helen.mat",
    "300vw/train": "[0-9][0-9][0-9]/annot/*.pts",
}
"""What of a split lies in its folder."""
_ENDINGS = (".csv", ".tsv", ".parquet", ".jsonl", ".json", ".xml")


def splits_in(folder):
    """The splits of `PROTOCOLS` that a folder holds, at least in part, in their official layout.

    Whole ones: not the parts of these, `300vw/category1` to `3`, `cofw68/test` or `aflw2000/all`.
    """
    folder = as_path(folder)
    return [
        name for name, marks in _MARKS.items() if any(any(folder.glob(m)) for m in marks.split())
    ]


def read_any(path, images=None, scheme=None, skip_broken=False) -> list[Face]:
    """Reads annotated faces, whatever format they are in.

    Args:
        path: of a file: a table (.csv, .tsv, .parquet, .jsonl; that of `keras-landmarks detect`),
            JSON of COCO, Label Studio or LabelMe, XML of dlib or CVAT, a list of WFLW (.txt); or of
            a folder: with one such file but a list (of JSON and XML also in `annotations/`), with
            LabelMe's or `.pts` files beside their pictures, with `.mat` files as of 300W-LP, or
            with a data set in its official layout.
        images: folder of the pictures; None takes where the annotation lies. Data sets in their
            official layout and `.mat` files lie with their pictures: there it cannot be another.
        scheme: of the points, or its name; None takes what the annotation says, or the scheme that
            data sets of so many points have.
        skip_broken: whether to warn of a broken face and go on.

    Returns:
        List of `Face`.

    Raises:
        FileNotFoundError: if there is no such file or folder.
        ValueError: if nothing is found that a reader knows, a folder holds several (splits or
            files: the message names them), its pictures cannot lie elsewhere but `images` says
            so, the annotation is of another scheme than the given one, or is broken.

    Example:
        face = data.Face("photo.jpg", data.made_up_face(0)[1], "ibug68")
        data.write_table("faces.csv", [face])
        again = data.read_any("faces.csv", images=".")
    """
    path = as_path(path)
    if path.is_dir():
        return _of_folder(path, images, scheme, skip_broken)
    existing_file(path, "Expected a file or a folder of annotated faces.")
    ending = path.suffix.lower()
    if ending == ".mat" and splits_in(path.parent):
        return _of_folder(path.parent, images, scheme, skip_broken)
    if ending in (".csv", ".tsv", ".parquet", ".jsonl"):
        read = readers.read_table
    elif ending == ".json":
        read = _json_reader(path)
    elif ending == ".xml":
        read = readers.read_cvat if parse_xml(path).tag == "annotations" else readers.read_dlib
    elif ending == ".txt":
        return _of_scheme(readers.read_wflw_list(path, images or path.parent, skip_broken), scheme)
    else:
        raise ValueError(
            f"{path}: no reader for {ending or 'a file without an ending'}. Known: "
            f"{', '.join(_ENDINGS)}, .txt (a list of WFLW); or the folder of .pts or .mat files."
        )
    return read(path, images, scheme, skip_broken=skip_broken)


def _json_reader(path):
    """Label Studio writes a list of tasks, COCO and LabelMe a dict."""
    try:
        content = json.loads(read_text(path))
    except ValueError as error:
        raise ValueError(f"{path}: expected JSON: {error}") from error
    if isinstance(content, list):
        return readers.read_labelstudio
    if isinstance(content, dict) and "shapes" in content:
        return readers.read_labelme
    if not isinstance(content, dict) or not {"images", "annotations"} <= set(content):
        found = ", ".join(list(content)[:4]) if isinstance(content, dict) else repr(content)[:40]
        raise ValueError(
            f"{path}: expected COCO's `images` and `annotations`, LabelMe's `shapes` or a list of "
            f"Label Studio's tasks, found {found or 'nothing'}."
        )
    return readers.read_coco


def _of_folder(folder, images, scheme, skip_broken):
    splits = splits_in(folder)
    if len(splits) > 1:
        raise ValueError(f"{folder} holds several splits: name one of {', '.join(splits)}.")
    if splits:
        _check_images(folder, images, f"{splits[0]} in its official layout")
        return _of_scheme(read_split(folder, splits[0], skip_broken), scheme)
    files = [file for ending in _ENDINGS for file in files_of(folder, ending, recursive=False)]
    files = [f for f in files if f.name != "boxes.csv"]  # which go with .pts files
    files = _annotations(files)
    if not files and (folder / "annotations").is_dir():
        inside = folder / "annotations"
        files = [f for e in (".json", ".xml") for f in files_of(inside, e, recursive=False)]
        files = _annotations(files)
    if any(map(is_labelme, files)):
        where = files[0].parent
        return readers.read_labelme(where, images, scheme, skip_broken=skip_broken)
    if len(files) > 1:
        names = ", ".join(file.name for file in files[:4])
        raise ValueError(f"{folder} holds several annotations, {names}: name the file.")
    if files:
        return read_any(files[0], images, scheme, skip_broken)
    points = files_of(folder, ".pts")
    if points:
        parts = sorted({file.parent.relative_to(folder).as_posix() for file in points})
        parts = ["" if part == "." else part for part in parts]
        kind = scheme or _scheme_of_first(points, skip_broken)
        return readers.read_pts_folders(folder, parts, kind, skip_broken, images)
    if files_of(folder, ".mat"):
        _check_images(folder, images, "a folder of .mat files")
        return _of_scheme(readers.read_lp(folder, skip_broken=skip_broken), scheme)
    raise ValueError(
        f"{folder} holds no annotation: expected a file ({', '.join(_ENDINGS)}), .pts or .mat "
        "files beside pictures, or a data set in its official layout."
    )


def _scheme_of_first(points, skip_broken):
    """The scheme of the first `.pts` file, or of the first whole one."""
    for path in points:
        try:
            return scheme_of(len(readers.read_pts(path)), None, path)
        except ValueError:
            if not skip_broken or path == points[-1]:
                raise


def _annotations(files):
    """Those of some files that no command wrote of what it found."""
    return [file for file in files if file.suffix.lower() != ".json" or not is_results(file)]


def _of_scheme(faces, scheme):
    """The faces, if they are of a scheme, which None leaves open."""
    if scheme is not None and get_scheme(scheme).name != faces[0].scheme:
        raise ValueError(f"{faces[0].name} is of {faces[0].scheme}, not {get_scheme(scheme).name}.")
    return faces


def _check_images(folder, images, what):
    """Whether pictures are looked for where they can be."""
    if images is not None and as_path(images).resolve() != folder.resolve():
        raise ValueError(f"{folder} is {what}, read with its own pictures: leave {images} out.")
