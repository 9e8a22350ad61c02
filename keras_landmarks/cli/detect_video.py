"""`keras-landmarks detect` of a video or a camera: the faces are followed."""

import contextlib
import pathlib
import warnings

import cv2

from keras_landmarks.cli.bar import Bar
from keras_landmarks.cli.detect import make_detector, write_json
from keras_landmarks.cli.named import read_model
from keras_landmarks.cli.photos import is_same
from keras_landmarks.cli.table import Table, is_table


def run_video(options):
    """Follows the faces of a video or before a camera, until it ends or Ctrl-C is pressed.

    A part of a file's frames replaces no results.
    """
    from keras_landmarks import Tracker
    from keras_landmarks.pictures import VideoReader, VideoWriter, draw

    source = _source(options)
    for word in ("ray", "strict", "skip_broken"):
        if getattr(options, word):
            raise ValueError(f"--{word.replace('_', '-')} is not there with a video.")
    if options.pose and (options.out is None or is_table(options.out)):
        raise ValueError("--pose is drawn: name a video, --out.")
    reader = VideoReader(source)
    model, turns = read_model(options.model), not options.upright
    tracker = Tracker(model, make_detector(options), turns=turns)
    table, writer = None, contextlib.nullcontext()
    if is_table(options.out):
        # Of no pictures to go on with: a track cannot be gone on with in the middle.
        table = Table(options.out, {"model": options.model, "video": str(source)}, "frame")
    elif options.out:
        writer = VideoWriter(options.out, reader.frame_rate)
    ids, found, times, bar, size = set(), [], [], Bar(reader.count, "frames"), None
    written, apart, waits = 0, 0.0, not reader.live
    there = any(pathlib.Path(name).exists() for name in (options.out, options.json) if name)
    stopped = contextlib.suppress(*[] if waits and there else [KeyboardInterrupt])
    with writer, _removed(table), stopped:
        for frame, faces in tracker.track(reader):
            ids |= {face.id for face in faces}
            if options.json:
                times.append(round(reader.time, 4))
                found.append([face.to_dict() for face in faces])
            if table:
                time = round(reader.time, 4)
                table.add(bar.done, [face.to_dict() for face in faces], time=time)
            elif options.out:
                picture = _of_size(draw(frame, faces, pose=options.pose), size, source)
                size = picture.shape
                # A camera does not wait: of the frames that were left out this one takes the place.
                due = written + 1 if waits else round(reader.time * reader.frame_rate) + 1
                apart = max(apart, abs(reader.time * reader.frame_rate - bar.done))
                while written < due:
                    writer.write(picture)
                    written += 1
            bar.step(f", faces now: {len(faces)}")
    bar.close()
    if waits and apart > 2 and reader.time:  # more than two frames
        said = f"{source} has frames that are not 1/{reader.frame_rate:.4g} s apart, as they are in"
        warnings.warn(f"{said} {options.out}. --json and tables tell their times.", stacklevel=2)
    if table:
        table.finish(tracker.model.scheme.count)
    if options.json:
        facts = {"model": options.model, "video": str(source), "frame_rate": reader.frame_rate}
        write_json(options.json, {**facts, "times": times, "frames": found})
    if options.json != "-":
        faces = f"{len(ids)} face{'s' * (len(ids) != 1)} in {bar.done} frames"
        calls = f"detector called {tracker.detections} times"
        print(f"{source}: {faces}, {calls}, {bar.rate:.1f} frames a second")


def _of_size(picture, size, source):
    """A picture in the size, `(height, width, …)`, that a video began with; None leaves it."""
    if size is None or picture.shape == size:
        return picture
    said = f"{source} has frames of {picture.shape[:2]}, after those of {size[:2]}: resized"
    warnings.warn(f"{said} in the video that is written.", stacklevel=2)
    return cv2.resize(picture, size[1::-1], interpolation=cv2.INTER_AREA)


@contextlib.contextmanager
def _removed(table):
    """Removes what is left of a table that stops half way: it cannot be gone on with."""
    try:
        yield
    except BaseException:
        if table:
            table.close()
            table.journal.unlink(missing_ok=True)
        raise


def _source(options):
    """The one video or camera that is asked for."""
    if options.camera is not None:
        if options.photos:
            raise ValueError("A camera, or files: not both.")
        return options.camera
    if len(options.photos) > 1:
        raise ValueError("One video at a time, and no photos with it.")
    (source,) = options.photos
    if options.out and is_same(pathlib.Path(options.out), pathlib.Path(source)):
        raise ValueError(f"--out {options.out} is the video itself; name another file.")
    return source
