"""Words that name annotated faces: a data set's split, or files of one's own."""

import functools
import pathlib
import sys

from keras_landmarks.cli.bar import Bar


def add_arguments(parser, default):
    """Adds `--data`, `--split`, `--from`, `--scheme` and `--skip-broken` to a command.

    Args:
        parser: of the command.
        default: which split is read where none is named, in words.
    """
    from keras_landmarks.data import PROTOCOLS

    parser.add_argument(
        "--data",
        metavar="FOLDER",
        help="a data set in its official layout, as 300W's afw/, helen/, lfpw/, ibug/; or the "
        "folder of the pictures of --from",
    )
    parser.add_argument("--split", help=f"one of {', '.join(PROTOCOLS)} ({default})")
    parser.add_argument(
        "--from",
        dest="source",
        metavar="PATH",
        help="faces of your own instead: a table (.csv, .parquet), JSON (COCO, Label Studio, "
        "LabelMe), XML (dlib, CVAT), or a folder of LabelMe's or .pts files",
    )
    parser.add_argument(
        "--scheme", help="of these points: a name, or a .toml file that describes them"
    )
    parser.add_argument(
        "--skip-broken", action="store_true", help="warn of a broken file, and go on"
    )


def read(options, split=None):
    """The faces that the words name, and what they are called.

    Args:
        options: with the words of `add_arguments`.
        split: that is read where no word names one.

    Returns:
        `(faces, name)`: list of `data.Face`; the split's name, or None of faces of one's own.
    """
    from keras_landmarks import data

    if options.source and options.split:
        raise ValueError("--split is of a published data set, --from of faces of your own.")
    if options.source:
        scheme = read_scheme(options.scheme)
        return data.read_any(options.source, options.data, scheme, options.skip_broken), None
    if options.data is None:
        raise ValueError("Name the faces: --data FOLDER [--split NAME], or --from PATH.")
    if options.scheme:
        raise ValueError("--scheme is for --from: a published data set has its own.")
    name = options.split or split
    return data.read_split(options.data, name, options.skip_broken), name


def read_like(path, options, split):
    """The faces at a path, of the same split or read as those of `--from` are; none at None."""
    from keras_landmarks import data

    skip, own = options.skip_broken, read_scheme(options.scheme)
    if path is None:
        return []
    if split:
        return data.read_split(path, split, skip)
    return _found(lambda images: data.read_any(path, images, own, skip), options.data)


def read_more(options, split, scheme):
    """The faces of `--more`, of the same split or read as those of `--from` are, and of
    `--unlabelled`."""
    from keras_landmarks.data import readers

    skip, more = options.skip_broken, read_like(options.more, options, split)
    if options.unlabelled:
        table = functools.partial(readers.read_table, options.unlabelled, labelled=False)
        more += _found(lambda images: table(images, scheme, skip), options.data)
    return more


def _found(read, folder):
    """What is read with the pictures beside it, or else with those in a folder."""
    try:
        return read(None)
    except ValueError:
        if folder is None:
            raise
        return read(folder)


def laid(faces, truth=False):
    """Faces with boxes that know how they lie (see `data.lay_boxes`); says what was measured."""
    from keras_landmarks import data

    bar = Bar(None, "faces looked at")
    faces, said = data.lay_boxes(faces, truth=truth, step=bar.step)
    bar.close()
    print(*said, sep="\n", end="\n" * bool(said), file=sys.stderr, flush=True)
    return faces


def lay_own(faces):
    """Measures how points of a user's own scheme lie on faces, where the scheme does not tell."""
    for name in dict.fromkeys(face.scheme for face in faces):
        laid([face for face in faces if face.scheme == name], truth=True)


def learn(scheme):
    """Tells `SCHEMES` of that of a training on points of one's own, and how these lie on faces."""
    from keras_landmarks.schemes import PUBLISHED, SCHEMES

    if scheme not in PUBLISHED and SCHEMES.get(scheme.name, scheme) == scheme:
        SCHEMES[scheme.name] = scheme


def read_scheme(name):
    """A scheme by its name or its `.toml` file, known to `SCHEMES` then; None stays None."""
    from keras_landmarks.own_schemes import read_scheme
    from keras_landmarks.schemes import PUBLISHED, SCHEMES, get_scheme

    if name is None or pathlib.Path(name).suffix.lower() != ".toml":
        return name and get_scheme(name)
    scheme = read_scheme(name)
    if any(scheme.name == other.name for other in PUBLISHED):
        raise ValueError(f"{name}: {scheme.name} is the name of a published scheme.")
    known = SCHEMES.setdefault(scheme.name, scheme)
    may = {"square"} if known.names and scheme.names else {"square", "names"}
    unlike = [k for k, value in vars(known).items() if value != vars(scheme)[k] and k not in may]
    if unlike:
        said = f"another scheme of the name {scheme.name} is known, with other {', '.join(unlike)}"
        raise ValueError(f"{name}: {said}.")
    return known
