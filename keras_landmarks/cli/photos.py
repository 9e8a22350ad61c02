"""The picture files that are named to `detect`, and where each is drawn."""

import json
import os
import pathlib
import sys
import tempfile
import unicodedata

from keras_landmarks import files
from keras_landmarks.cli.table import ENDINGS, is_own, is_table


def find_photos(options):
    """The picture files of all names, those of a folder in their order: `{photo: place}`.

    The place is that in its folder. What an earlier run has drawn into a folder is left out.
    """
    from keras_landmarks.pictures.kinds import PICTURES, UNREAD, VIDEOS

    photos, named = {}, [*map(files.as_path, options.photos)]
    if named and not any(name.exists() for name in named):
        raise FileNotFoundError(f"No picture at {named[0]}.")
    for name in named:
        inside = files.files_in(name) if name.is_dir() else []
        drawn = pathlib.Path(options.out or name)
        if inside and drawn.is_dir() and is_within(drawn, name):
            leads = {file: file.resolve().parent for file in inside}  # also by links
            left = {f for f in {*leads.values()} if is_same(f, drawn) or is_within(f, drawn)}
            inside = [file for file in inside if leads[file] not in left]
        kept = [file for file in inside if file.suffix.lower() in PICTURES]
        for kinds, why in (
            (UNREAD, "of a kind that is not read: convert to jpg"),
            (VIDEOS, "as videos: name each alone"),
        ):
            if left := [file for file in inside if file.suffix.lower() in kinds]:
                more = f" and {len(left) - 1} more" if left[1:] else ""
                print(f"warning: left out: {left[0]}{more} {why}.", file=sys.stderr)
        if name.is_dir() and not kept:
            raise ValueError(f"{name} holds no pictures ({', '.join(PICTURES)}).")
        photos |= {str(file): file.relative_to(name) for file in kept} or {str(name): name.name}
    if not photos:
        raise ValueError("Name a picture, a folder or a video, or --camera 0.")
    return photos


def find_targets(options, photos):
    """Where each photo is drawn: `{photo: path}`, empty where it is not."""
    out = pathlib.Path(options.out or "")
    if options.out is None or is_table(options.out):
        named = map(files.as_path, options.photos)
        folders = {path if path.is_dir() else path.parent for path in named}
        within = out.is_file() and any(is_within(out, folder) for folder in folders)
        if within and not is_own(out):
            raise ValueError(
                f"--out {out} would replace a file of the photos' folder; name another."
            )
        return {}
    ending = "" if out.is_dir() or options.out.endswith(("/", os.sep)) else out.suffix
    if ending and not is_drawn(out):
        ways = f"of a picture (.png), a table ({', '.join(ENDINGS)}) or, of videos, a video"
        raise ValueError(f"--out {out}: expected an ending {ways}, or a folder.")
    if len(photos) > 1 and ending:
        ways = f"a folder or a table ({', '.join(ENDINGS)})"
        raise ValueError(f"--out {out}: several photos need {ways}, not a picture file.")
    inside = [name for name in map(files.as_path, options.photos) if name.is_dir()]
    if not ending and any(is_same(out, name) for name in inside):
        raise ValueError(
            f"--out {out} holds the photos, and drawings are photos, too: name another."
        )
    targets, drawn = {}, {}
    for photo, place in photos.items():
        target = targets[photo] = out if ending else (out / place).with_suffix(".png")
        key = _plain(target) if sys.platform == "darwin" else target
        if (first := drawn.setdefault(key, photo)) != photo:
            raise ValueError(f"--out: {first} and {photo} would both be drawn to {target}.")
        if is_same(target, pathlib.Path(photo)):
            raise ValueError(f"--out {out}: {photo} would be drawn over; name another place.")
        others = pathlib.Path(photo).resolve().parent, pathlib.Path.cwd()  # no folder of drawings
        free = ending or not target.exists()
        if not free and any(is_same(target.parent, other) for other in others):
            raise ValueError(f"--out {out}: {target} is there already; name another folder.")
    _check_place(next(iter(targets.values())))
    return targets


def _plain(path):
    """A path as macOS tells it from others: not by case, nor by how accents are composed."""
    return unicodedata.normalize("NFC", str(path)).casefold()


def is_same(one, other):
    """Whether two paths lead to one place; also by names that the system does not tell apart."""
    return _are_same(one.resolve(), other.resolve())


def is_within(path, folder):
    """Whether a path lies in a folder or in one inside."""
    folder = folder.resolve()
    return any(_are_same(parent, folder) for parent in path.resolve().parents)


def _are_same(one, other):
    if one == other or _plain(one.name) != _plain(other.name):
        return one == other
    places = (one, other), (one.parent, other.parent)  # no hard links of one name
    return one.exists() and other.exists() and all(os.path.samefile(*pair) for pair in places)


def is_drawn(name):
    """Whether a file's name ends as that of a picture which can be written."""
    import cv2

    return cv2.haveImageWriter(f"drawn{pathlib.Path(name).suffix}")


def keep(target, read, out=None):
    """Raises a `ValueError` where a file of results would replace what they come of.

    Args:
        target: the name of the file, `-` or None.
        read: paths that are read; of what lies in their folders only earlier results, in JSON, are
            replaced.
        out: what is written besides, or None.
    """
    if target in (None, "-"):
        return
    from keras_landmarks.data.readers.contents import is_results

    path = files.as_path(target)
    if path.is_dir():
        raise ValueError(f"{target} is a folder; name a file.")
    inputs = [files.as_path(name) for name in read if "://" not in str(name)]
    within = path.exists() and any(is_within(path, name) for name in inputs)
    own = within and path.suffix.lower() == ".json" and is_results(path)
    others = [*inputs, *([files.as_path(out)] if out else [])]
    if (within and not own) or any(is_same(path, other) for other in others):
        raise ValueError(f"Writing {target} would replace that file; name another.")
    _check_place(target)


def spare(target, faces):
    """Raises a `ValueError` where a picture that is drawn would replace one of faces."""
    if target is not None and files.as_path(target).exists():
        images = (face.image for face in faces)
        keep(target, (image for image in images if isinstance(image, str | os.PathLike)))


def _check_place(target):
    """Raises an `OSError` where a file cannot be written: before the work that it is to hold."""
    path = files.as_path(target)
    if path.exists() and not (path.is_file() or path.is_dir()):  # a device
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryDirectory(dir=path.parent, prefix=".part-").cleanup()
    except OSError as error:
        raise OSError(f"{path} cannot be written: {error.strerror}.") from error


def print_facts(facts, target, more):
    """Writes what was found, as JSON, with more to a file, and prints it, or prints both.

    Args:
        facts: dict.
        target: the name of the file; `-` prints all; None writes nothing.
        more: dict, of single faces.
    """
    if target not in (None, "-"):
        files.write_json(target, {**facts, **more})
    print(json.dumps({**facts, **more} if target == "-" else facts, indent=1))
