"""`keras-landmarks detect`: the faces of pictures or of a video."""

import contextlib
import json
import pathlib
import sys

from keras_landmarks import files

WORDS = {
    "help": "find the landmarks of the faces in pictures or a video",
    "description": "Finds the faces of pictures and their landmarks, or follows those of a "
    "video. Prints a line for each picture, or writes pictures, a video and JSON.",
    "epilog": "examples: keras-landmarks detect photo.jpg --out drawn.png --json faces.json; "
    "keras-landmarks detect video.mp4 --out drawn.mp4",
}
DEFAULT_MODEL = "resnet18-ffld-300w"


def add_arguments(parser):
    parser.add_argument("photos", nargs="+", metavar="PHOTO", help="picture files, or one video")
    parser.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        metavar="NAME",
        help="a model of `keras-landmarks list` (default: %(default)s)",
    )
    parser.add_argument(
        "--out",
        metavar="PICTURE",
        help="draw the faces: a picture file, a video (without sound), or a folder for several "
        "photos",
    )
    parser.add_argument(
        "--json", metavar="FILE", help="write boxes, scores and points ('-' prints them)"
    )
    parser.add_argument(
        "--skip-broken",
        action="store_true",
        help="warn of a picture that cannot be read, and go on",
    )


def run(options):
    from keras_landmarks import draw, load, pictures

    if any(pictures.is_video(photo) for photo in options.photos):
        return _detect_in_video(options)
    model = load(options.model)
    out = None if options.out is None else pathlib.Path(options.out)
    several = len(options.photos) > 1
    if several and out is not None and out.suffix:
        raise ValueError(f"--out {out}: several photos need a folder, not a picture file.")
    stems = [pathlib.Path(photo).stem for photo in options.photos]
    if out is not None and len(set(stems)) < len(stems):
        raise ValueError("--out: two photos share a name, and would be drawn to one file.")
    targets = {}
    for photo, stem in zip(options.photos, stems) if out is not None else ():
        targets[photo] = out if out.suffix else out / f"{stem}.png"
        if targets[photo].resolve() == pathlib.Path(photo).resolve():
            raise ValueError(f"--out {out}: {photo} would be drawn over; name another place.")
    found = {}
    for photo in options.photos:
        try:
            picture = pictures.read_image(photo)
        except (ValueError, OSError) as error:
            if not options.skip_broken:
                raise
            print(f"warning: left out: {error}", file=sys.stderr)
            continue
        faces = model.detect(picture)
        found[photo] = [face.to_dict() for face in faces]
        if options.json != "-":
            print(f"{photo}: {_describe(faces)}")
        if photo in targets:
            pictures.write_image(targets[photo], draw(picture, faces))
    if options.json:
        _write_json(options.json, json.dumps({"model": options.model, "photos": found}, indent=1))


def _detect_in_video(options):
    import keras

    from keras_landmarks import Tracker, draw, load
    from keras_landmarks.pictures import VideoReader, VideoWriter

    if len(options.photos) > 1:
        raise ValueError("One video at a time, and no photos with it.")
    (source,) = options.photos
    if options.out and pathlib.Path(options.out).resolve() == pathlib.Path(source).resolve():
        raise ValueError(f"--out {options.out} is the video itself; name another file.")
    reader = VideoReader(source)
    rate = reader.frame_rate
    writer = VideoWriter(options.out, rate) if options.out else contextlib.nullcontext()
    live = sys.stdout.isatty() and options.json != "-"
    bar = keras.utils.Progbar(reader.count, unit_name="frame", verbose=int(live))
    tracker, ids, found, count = Tracker(load(options.model)), set(), [], 0
    with writer:
        for count, (frame, faces) in enumerate(tracker.track(reader), start=1):
            ids |= {face.id for face in faces}
            if options.json:
                found.append([face.to_dict() for face in faces])
            if options.out:
                writer.write(draw(frame, faces))
            bar.update(count, values=[("faces", len(faces))])
    if options.json != "-":
        faces = f"{len(ids)} face{'s' * (len(ids) != 1)} in {count} frames"
        print("\n" * live + f"{source}: {faces}, detector called {tracker.detections} times")
    if options.json:
        facts = {"model": options.model, "video": source, "frame_rate": rate}
        _write_json(options.json, json.dumps({**facts, "frames": found}))


def _describe(faces):
    if not faces:
        return "no face found"
    boxes = ", ".join(
        "({:.0f}, {:.0f}) to ({:.0f}, {:.0f}), score {:.2f}".format(*face.box, face.score)
        for face in faces
    )
    return f"{len(faces)} face{'s' * (len(faces) > 1)} at {boxes}"


def _write_json(target, text):
    if target == "-":
        print(text)
    else:
        files.write_bytes(target, (text + "\n").encode())
