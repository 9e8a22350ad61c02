"""What readers share: pictures found by the names that annotations give them."""

import os
import pathlib
import re
import unicodedata
import warnings

import numpy as np

from keras_landmarks.data.readers.contents import existing_folder
from keras_landmarks.data.readers.rows import BrokenFile
from keras_landmarks.pictures.kinds import PICTURES, UNREAD


class Pictures:
    """The pictures of a folder, by the names that annotations give them.

    A name may have `\\` for `/`, another case or another picture's ending than the file, or spaces
    that the file lacks. A path on this machine is that very file. Folders that a name begins with
    may lack: all of another machine's (`/home/ann/a.jpg`, `C:\\a.jpg`, `../a.jpg`), the same of all
    other names, with a warning. No picture is found by two names of different
    endings or such folders.

    Args:
        folder: of the pictures.
        under: where else they may lie: folders in `folder`.

    Raises:
        FileNotFoundError: if there is no such folder.
    """

    def __init__(self, folder, under=()):
        self.folder = existing_folder(folder)
        self._roots = [(), *(tuple(part.split("/")) for part in under)]
        self._listed, self._called, self._leads, self._lead = {}, {}, {}, None

    def find(self, name):
        """The path of a picture.

        Raises:
            ValueError: if there is none, or several of this name but for case or ending, or it is
                the picture of another name.
        """
        name = str(name).strip(" \t\r\n\ufeff\"'")
        parts = re.split(r"[\\/]+", name)
        far = parts[0] in ("", "..", "~") or parts[0].endswith(":")
        ways = [self.folder / os.path.expanduser(n) for n in (name, name.replace("\\", "/"))]
        path = called = next((way for way in ways if far and way.is_file()), None)
        if path is None:
            parts = [p for p in parts if p not in ("", ".", "..", "~")]
            path, called = self._below(parts, name, far)
        before = self._called.setdefault(path, called)
        if not _is_same(before, called):
            raise ValueError(f"{name}: {path} is the picture of {before} already.")
        return path

    def called(self, path):
        """What a picture is called, whatever names it was found by: its path in the folder."""
        folder, path = self.folder.absolute(), path.absolute()
        return (path.relative_to(folder) if path.is_relative_to(folder) else path).as_posix()

    def photo(self, path):
        """What the photo of a picture is called: of Roboflow's copies the one they are made of."""
        return re.sub(r"\.rf\.[0-9A-Za-z]{16,}(?=\.\w+$)", "", self.called(path))

    def _below(self, parts, name, far):
        """A picture's path, and the one by which it was asked for."""
        for start in range(len(parts)):
            for root in self._roots:
                paths = self._at([*root, *parts[start:]])
                if len(paths) > 1:
                    raise ValueError(f"{name} is the name of both {paths[0]} and {paths[1]}.")
                if paths:
                    self._check(paths[0], "/".join(parts[:start]), name, far)
                    return paths[0], self.folder.joinpath(*root, *parts[start:])
        raise ValueError(
            f"{name} does not exist: there is no such picture in {self.folder.absolute()}. "
            "Do pictures lie elsewhere? Name their folder (images=, --images, --data)."
        )

    def _check(self, path, lead, name, far):
        """Whether a picture is that of a name whose first folders, `lead`, were left out."""
        before = self._leads.setdefault(path, lead)
        if before != lead == "":
            raise ValueError(f"{name}: {path} is the picture of a name in {before!r} already.")
        before = before if far else self._lead
        if before not in (None, lead):
            raise ValueError(
                f"{name} does not exist in {self.folder}: {path.name} is there without {lead!r}, "
                f"but other names begin in {before or '.'!r}."
            )
        if not far and self._lead is None:
            self._lead = lead
            if lead:
                said = f"{self.folder} lacks {lead}, of {name}: {path} is taken."
                warnings.warn(said, BrokenFile, stacklevel=4)

    def warn_of_unused(self, source):
        """Warns of pictures, beside those that were found, that nobody asked for."""
        pictures = {p for files, *_ in self._listed.values() for p in files.values()}
        unused = sorted(p for p in pictures - set(self._called) if p.suffix.lower() in PICTURES)
        if unused:
            warnings.warn(
                f"{source} has no face for {len(unused)} pictures of {self.folder}: "
                f"{', '.join(p.name for p in unused[:3])}{', ...' if unused[3:] else ''}",
                BrokenFile,
                stacklevel=4,
            )

    def _at(self, parts):
        """The files that a name may stand for."""
        folders = [self.folder]
        for part in parts[:-1]:
            inner = [f for folder in folders for f in self._list(folder)[3].get(plain(part), [])]
            folders = [folder for folder in inner if folder.name == part] or inner
        name, found = parts[-1], []
        stem, ending = pathlib.PurePath(name).stem, pathlib.PurePath(name).suffix.lower()
        stem = plain(stem if ending in (*PICTURES, *UNREAD) else name)
        for files, alike, stems, _ in map(self._list, folders):
            exact = [files[name]] if name in files else alike.get(plain(name))
            ways = [exact, stems.get(stem)]  # the second is what an unread one was converted to
            found += next(filter(None, reversed(ways) if ending in UNREAD else ways), [])
        return found

    def _list(self, folder):
        """What is in a folder, by name, plain name, plain stem (pictures), and its folders."""
        if folder not in self._listed:
            files, alike, stems, folders = self._listed[folder] = {}, {}, {}, {}
            for path in sorted(folder.iterdir()):
                if path.name.startswith("."):  # also what macOS leaves on other disks, `._NAME`
                    continue
                if path.suffix.lower() in PICTURES:
                    stems.setdefault(plain(path.stem), []).append(path)
                elif path.is_dir():
                    folders.setdefault(plain(path.name), []).append(path)
                    continue
                files[path.name] = path
                alike.setdefault(plain(path.name), []).append(path)
        return self._listed[folder]


def folders_of(path, images=None):
    """Where the pictures of an annotation file are looked for, as `Pictures` takes it.

    Args:
        path: of the file.
        images: the folder that is named; None takes the file's, or, where that is `annotations`,
            the one above and then its own; there also `images/`, and folders of the last word of
            the file's name.

    Returns:
        `(folder, under)`.
    """
    if images:
        return images, ()
    part = path.stem.rsplit("_", 1)[-1]
    apart = path.parent.name == "annotations"
    folder = path.parent.parent if apart else path.parent
    return folder, ("images", f"images/{part}", part, *(["annotations"] if apart else []))


def plain(name):
    """A name as it is compared: in small letters, without spaces."""
    return _narrow(name).lower()


def _narrow(name):
    """A name in composed letters, without spaces but for those that part numbers."""
    return re.sub(r"(?<!\d) +| +(?!\d)", "", unicodedata.normalize("NFC", name))


def _is_same(one, other):
    """Whether two names are written for one picture: in another case, without ending or spaces."""
    paths = [pathlib.PurePath(plain(str(name))) for name in (one, other)]
    kinds = (*PICTURES, *UNREAD)
    endings = {path.suffix for path in paths} & set(kinds)
    stems = {path.with_suffix("") if path.suffix in kinds else path for path in paths}
    return len(stems) == 1 and len(endings) < 2


def plain_stem(name):
    """A picture's path in a data set, whichever way it is written, without ending and spaces."""
    name = _narrow(name).replace("\\", "/").strip()
    path = pathlib.PurePosixPath(name)
    return str(path.with_suffix("") if path.suffix.lower() in (*PICTURES, ".pts") else path)


class LazyPicture:
    """A picture that is read when its pixels are asked for, as of a frame of a video.

    Args:
        read: function without arguments that gives `(height, width, 3)` or grey uint8 pixels.
    """

    def __init__(self, read):
        self._read = read

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self._read(), dtype)
