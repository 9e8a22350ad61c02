"""What readers share: folders, text, tables and MATLAB files."""

import codecs
import contextlib
import csv
import importlib
import io
import re

from keras_landmarks.files import as_path, files_in

_RESULTS = re.compile(rb'\{\s*"(faces": \{|split": |model": )')


def existing_folder(folder):
    """The path of a folder.

    Raises:
        FileNotFoundError: if there is none.
    """
    folder = as_path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"No folder {folder}.")
    return folder


def existing_file(path, hint=""):
    """The path of a file.

    Raises:
        FileNotFoundError: if there is none.
    """
    path = as_path(path)
    if not path.is_file():
        raise FileNotFoundError(f"No {path.name} in {path.parent.absolute()}. {hint}".strip())
    return path


def files_of(folder, ending, recursive=True):
    """The files of an ending, in any case, without hidden ones, sorted."""
    there = files_in(existing_folder(folder), recursive)
    return [path for path in there if path.suffix.lower() == ending]


def read_text(path):
    """A text file in UTF-8, or UTF-16 with a byte order mark, whatever its line ends.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is written otherwise.
    """
    data = existing_file(path).read_bytes()
    wide = data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not in UTF-8: save it so. {error}.") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def is_results(path):
    """Whether a JSON file begins as what the command line writes of what it found."""
    with existing_file(path).open("rb") as file:
        return bool(_RESULTS.match(file.read(99)))


class Rows(csv.DictReader):
    """The rows of a text table, whose cells may hold line ends.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no table; also when a row is read.
    """

    def __init__(self, path, **how):
        super().__init__(io.StringIO(read_text(path), newline=""), **how)
        self._path = path
        with self._told():
            self.fieldnames  # noqa: B018 - reads the first line

    def __next__(self):
        with self._told():
            return super().__next__()

    @contextlib.contextmanager
    def _told(self):
        try:
            yield
        except csv.Error as error:
            at = f"{self._path}, line {self.reader.line_num}"
            raise ValueError(f"{at}: {error}: is a quote not closed?") from error


def needed(module, package):
    """Imports what a format needs.

    Raises:
        ImportError: if it is not installed; says how to.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        install = f"pip install {package}, or keras_landmarks[data]"
        raise ImportError(f"This format needs {package}: {install} ({error})") from error


def read_mat(path, *names):
    """Variables of a MATLAB file of version 7 or before, in the order of `names`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no such file, or a variable is missing.
    """
    path = existing_file(path)
    loadmat = needed("scipy.io", "scipy").loadmat
    try:
        content = loadmat(path)
        return [content[name] for name in names]
    except Exception as error:  # SciPy raises many kinds, some of its own
        wanted = " and ".join(f"`{name}`" for name in names)
        raise ValueError(f"{path}: expected a MATLAB file with {wanted}: {error}") from error
