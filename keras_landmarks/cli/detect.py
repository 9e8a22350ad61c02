"""`keras-landmarks detect`: the faces of pictures, of whole folders, of a video or a camera."""

import collections
import errno
import glob
import json
import os
import pathlib
import sys

from keras_landmarks import files
from keras_landmarks.cli.bar import Bar
from keras_landmarks.cli.named import digest, read_model
from keras_landmarks.cli.photos import find_photos, find_targets, keep
from keras_landmarks.cli.table import Table, is_table

WORDS = {
    "help": "find the landmarks of the faces in pictures, folders or a video",
    "description": "Finds the faces of pictures and their landmarks, or follows those of a "
    "video. Prints a line for each picture, or writes pictures, a video, JSON or a table.",
    "epilog": "examples: keras-landmarks detect photo.jpg --out drawn.png --json faces.json; "
    "keras-landmarks detect FOLDER --out points.csv; "
    "keras-landmarks detect video.mp4 --out drawn.mp4; "
    "keras-landmarks detect --camera 0",
}


def add_arguments(parser):
    parser.add_argument(
        "photos",
        nargs="*",
        metavar="PHOTO",
        help="picture files or folders of such, or one video (a file, or rtsp://…)",
    )
    parser.add_argument("--camera", type=int, metavar="N", help="follow the faces before a camera")
    parser.add_argument(
        "--model",
        metavar="NAME",
        help="a model of `keras-landmarks list`, a training's folder or an exported .tflite or "
        ".onnx (default: that of `load()`)",
    )
    parser.add_argument(
        "--out",
        metavar="PATH",
        help="a table of all points (.csv, .parquet, .jsonl), which a run that was stopped goes on "
        "with; or draw the faces: a picture file, a video (without sound), or a folder for several "
        "photos",
    )
    parser.add_argument(
        "--json", metavar="FILE", help="write boxes, scores and points ('-' prints them)"
    )
    parser.add_argument("--pose", action="store_true", help="draw where the heads point, too")
    parser.add_argument(
        "--detector",
        default="blazeface",
        choices=("blazeface", "mtcnn"),
        help="what finds the faces (default: %(default)s)",
    )
    parser.add_argument(
        "--smallest",
        type=float,
        metavar="SIDE",
        help="smallest faces to look for, in pixels or below 1 of the longer side (default: the "
        "larger of 40 pixels and 0.04)",
    )
    parser.add_argument(
        "--threshold",
        type=float,
        help="lowest score of a face, before it is lowered for one that is turned in the picture "
        "(default: the detector's own)",
    )
    parser.add_argument(
        "--upright",
        action="store_true",
        help="do not try pictures without a sure face upside down and sideways",
    )
    parser.add_argument(
        "--skip-broken",
        action="store_true",
        help="warn of a picture that cannot be read, and go on; so it is with folders and tables",
    )
    parser.add_argument(
        "--ray",
        metavar="ADDRESS",
        help="find the faces in many processes on Ray, and write Parquet files into the folder "
        "--out: 'auto' is the cluster of this machine or else this machine alone",
    )
    parser.add_argument(
        "--strict", action="store_true", help="end with 1 if a picture could not be read"
    )


def run(options):
    from keras_landmarks import catalogue, pictures

    options.model = options.model or catalogue.DEFAULT
    options.photos = [name for photo in options.photos for name in _names(photo)]
    options.out = options.out and os.path.expanduser(options.out)
    keep(options.json, options.photos, options.out)
    if options.camera is not None or any(pictures.is_video(photo) for photo in options.photos):
        from keras_landmarks.cli.detect_video import run_video

        return run_video(options)
    if options.ray:
        from keras_landmarks.cli.detect_ray import run_ray

        return run_ray(options, list(find_photos(options)))
    detector, photos = make_detector(options), find_photos(options)
    many = is_table(options.out) or any(pathlib.Path(p).is_dir() for p in options.photos)
    targets = find_targets(options, photos)
    if options.pose and not targets:
        raise ValueError("--pose is drawn: name a picture, a video or a folder, --out.")
    model, table = read_model(options.model), None
    if is_table(options.out):
        facts = {"model": options.model, "weights": digest(options.model)}
        facts |= {"detector": options.detector}
        facts |= {"smallest": options.smallest, "threshold": options.threshold}
        facts |= {"upright": options.upright}
        table = Table(options.out, facts, pictures=photos, shared={"convention": options.detector})
    waiting = [photo for photo in photos if table is None or photo not in table.done]
    found, broken = {}, []
    bar = Bar(len(photos), "pictures", done=len(photos) - len(waiting))
    try:
        for photo, picture, faces in _detected(model, detector, options, waiting, broken, many):
            if table:  # which holds them; a large folder would fill the memory
                table.add(photo, [face.to_dict() for face in faces])
            elif options.json:
                found[photo] = [face.to_dict() for face in faces]
            if not table and options.json != "-":
                said = f"{photo}: {_describe(faces, options, picture)}"
                _say(said, go_on=targets or options.json)
            if photo in targets:
                drawn = pictures.draw(picture, faces, pose=options.pose)
                pictures.write_image(targets[photo], drawn)
            bar.step()
    finally:
        bar.close()
        if table:
            table.close()
    if broken and len(broken) == len(photos) and many:
        raise ValueError(f"None of {len(photos)} pictures could be read, as the first: {broken[0]}")
    if table:
        if options.json:
            found = {photo: faces for photo, faces, _ in table.pictures()}
        table.finish(model.scheme.count)
    if options.json:
        write_json(options.json, {"model": options.model, "photos": found}, indent=1)
    if table:
        counts = table.done.values()
        without = sum(not count for count in counts)
        text = f"{sum(counts)} faces in {len(counts)} pictures, {without} without a face"
        print(f"{options.out}: {text}", file=sys.stderr if options.json == "-" else sys.stdout)
    if broken and many:
        print(f"{len(broken)} of {len(photos)} pictures could not be read:", file=sys.stderr)
        print(*(f"  {error}" for error in broken), sep="\n", file=sys.stderr)
    return int(bool(broken) and options.strict)


def _names(photo):
    """The paths that a word names: one, or those of a pattern that no shell has replaced."""
    path = os.path.expanduser(photo)
    pattern = {*"*?"} & {*path} and not os.path.exists(path)
    return (pattern and sorted(glob.glob(path.replace("[", "[[]")))) or [path]


def _detected(model, detector, options, photos, broken, many):
    """`(photo, picture, faces)` of all that can be read; the others' errors go to `broken`."""
    from keras_landmarks import pictures

    shown = collections.deque()

    def leave_out(photo, error):
        if not (many or options.skip_broken or options.strict):
            raise error
        broken.append(error)
        if not many:
            print(f"warning: left out: {error}", file=sys.stderr)

    def read():
        for photo, picture in pictures.read_ahead(photos, leave_out):
            picture.flags.writeable = False  # it stays as it is: nobody needs a copy
            shown.append((photo, picture))
            yield picture

    for faces in model.detect(read(), detector=detector, turns=not options.upright):
        yield *shown.popleft(), faces


def make_detector(options):
    """The detector that the options ask for."""
    from keras_landmarks.faces import BlazeFace, Mtcnn

    given = {} if options.threshold is None else {"threshold": options.threshold}
    if options.detector == "mtcnn":
        if options.smallest is not None:
            raise ValueError("--smallest is of blazeface alone.")
        return Mtcnn(**given)
    return BlazeFace(options.smallest, **given)


def _say(text, go_on):
    """Prints; where nobody reads any longer, what files are to hold goes on."""
    try:
        print(text)
    except OSError as error:
        if not (go_on and is_left(error)):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def is_left(error):
    """Whether an error says that nobody reads what is printed: on Windows it is one of many."""
    nameless = isinstance(error, OSError) and error.filename is None
    windows = os.name == "nt" and nameless and error.errno == errno.EINVAL
    return isinstance(error, BrokenPipeError) or windows


def _describe(faces, options, picture):
    if not faces:
        return f"no face found ({tried(options, picture)})"
    boxes = ", ".join(
        "({:.0f}, {:.0f}) to ({:.0f}, {:.0f}), score {:.2f}".format(*face.box, face.score)
        for face in faces
    )
    return f"{len(faces)} face{'s' * (len(faces) > 1)} at {boxes}"


def tried(options, picture):
    """What was looked for in a picture without faces, and which option looks for more."""
    detector = make_detector(options)
    turns = "upright only: leave --upright out"
    if not options.upright:
        turns = "upright, upside down and sideways"
    size = ""
    if options.detector == "blazeface":
        side = detector.side(picture)
        size = f"of {side:.0f} pixels or more (smaller ones: --smallest {side / 2:.0f}), "
    lower = f"(less sure ones: --threshold {detector.threshold / 2:.2g})"
    return f"tried: faces {size}of a score of {detector.threshold:.2g} or more {lower}, {turns}"


def write_json(target, facts, indent=None):
    """Writes facts as JSON; `-` prints them."""
    text = json.dumps(facts, indent=indent, allow_nan=False)
    if target == "-":
        print(text)
    else:
        files.write_bytes(target, (text + "\n").encode())
