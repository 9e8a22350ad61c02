"""The command line: `keras-landmarks detect | list | evaluate | export`."""

import argparse
import json
import pathlib
import sys
import warnings

DEFAULT_MODEL = "resnet18-ffld-300w"


def main(arguments=None):
    """Runs the command line.

    Args:
        arguments: list of words; None takes those of the process.

    Returns:
        0, or 1 after an error, which is said in one line.
    """
    options = _parser().parse_args(arguments)
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_: print(f"warning: {message}", file=sys.stderr)
        try:
            return options.run(options) or 0
        except (ValueError, OSError, ImportError, RuntimeError) as error:
            print(f"keras-landmarks: {error}", file=sys.stderr)
            return 1


def _parser():
    parser = argparse.ArgumentParser(
        prog="keras-landmarks", description="Finds the landmarks of faces in pictures."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    detect = commands.add_parser(
        "detect",
        help="find the landmarks of the faces in pictures or a video",
        description="Finds the faces of pictures and their landmarks, or follows those of a "
        "video. Prints a line for each picture, or writes pictures, a video and JSON.",
        epilog="examples: keras-landmarks detect photo.jpg --out drawn.png --json faces.json; "
        "keras-landmarks detect video.mp4 --out drawn.mp4",
    )
    detect.add_argument("photos", nargs="+", metavar="PHOTO", help="picture files, or one video")
    detect.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        metavar="NAME",
        help="a model of `keras-landmarks list` (default: %(default)s)",
    )
    detect.add_argument(
        "--out",
        metavar="PICTURE",
        help="draw the faces: a picture file, a video (without sound), or a folder for several "
        "photos",
    )
    detect.add_argument(
        "--json", metavar="FILE", help="write boxes, scores and points ('-' prints them)"
    )
    detect.add_argument(
        "--skip-broken",
        action="store_true",
        help="warn of a picture that cannot be read, and go on",
    )
    detect.set_defaults(run=_detect)

    models = commands.add_parser("list", help="list the models", description="Lists the models.")
    models.add_argument("--json", action="store_true", help="print all facts as JSON")
    models.set_defaults(run=_list)

    evaluate = commands.add_parser(
        "evaluate",
        help="measure a model on annotated faces",
        description="Measures a model on the faces of a named split and prints NME, AUC and "
        "failure rate with their protocol.",
        epilog="example: keras-landmarks evaluate cnn6-300w --data 300W --split 300w/lfpw-test",
    )
    evaluate.add_argument("name", metavar="NAME", help="a model of `keras-landmarks list`")
    evaluate.add_argument(
        "--data",
        required=True,
        metavar="FOLDER",
        help="holds afw/, helen/, lfpw/, ibug/ as the 300W archives unpack",
    )
    evaluate.add_argument(
        "--split",
        default="300w/lfpw-test",
        help="300w/lfpw-test, helen-test, common, challenging, full or train",
    )
    evaluate.add_argument(
        "--box",
        default="annotation",
        choices=("annotation", "detector", "truth"),
        help="where the face boxes come from (default: %(default)s)",
    )
    evaluate.add_argument(
        "--normaliser",
        default="corners",
        choices=("corners", "pupils", "box", "diagonal"),
        help="the distance that errors are divided by (default: %(default)s)",
    )
    evaluate.add_argument("--json", metavar="FILE", help="write the figures and each face's error")
    evaluate.add_argument("--plot", metavar="FILE", help="draw the CED curve")
    evaluate.add_argument(
        "--skip-broken", action="store_true", help="warn of a broken file, and go on"
    )
    evaluate.set_defaults(run=_evaluate)

    export = commands.add_parser(
        "export",
        help="write a model for a phone, a server or a browser",
        description="Writes a model as SavedModel, TFLite or ONNX, checked against Keras, with a "
        ".json that says how to feed it.",
        epilog="example: keras-landmarks export cnn6-300w --format tflite-int8 --out cnn6.tflite",
    )
    export.add_argument("name", metavar="NAME", help="a model of `keras-landmarks list`")
    export.add_argument(
        "--format",
        required=True,
        help="saved_model, tflite, tflite-fp16, tflite-int8 or onnx",
    )
    export.add_argument("--out", required=True, metavar="PATH", help="the file or folder to write")
    export.add_argument(
        "--dtype", default="float32", help="of the crops: float32 or uint8 (default: %(default)s)"
    )
    export.add_argument(
        "--representative", metavar="FOLDER", help="pictures of faces to measure int8 on"
    )
    export.set_defaults(run=_export)
    return parser


def _detect(options):
    from keras_landmarks import draw, images, load, video

    if any(video.is_video(photo) for photo in options.photos):
        return _detect_in_video(options)
    model = load(options.model)
    out = None if options.out is None else pathlib.Path(options.out)
    several = len(options.photos) > 1
    if several and out is not None and out.suffix:
        raise ValueError(f"--out {out}: several photos need a folder, not a picture file.")
    stems = [pathlib.Path(photo).stem for photo in options.photos]
    if out is not None and len(set(stems)) < len(stems):
        raise ValueError("--out: two photos share a name, and would be drawn to one file.")
    found = {}
    for photo in options.photos:
        try:
            picture = images.read_image(photo)
        except (ValueError, OSError) as error:
            if not options.skip_broken:
                raise
            print(f"warning: left out: {error}", file=sys.stderr)
            continue
        faces = model.detect(picture)
        found[photo] = [face.to_dict() for face in faces]
        if options.json != "-":
            print(f"{photo}: {_describe(faces)}")
        if out is not None:
            target = out if out.suffix else out / f"{pathlib.Path(photo).stem}.png"
            images.write_image(target, draw(picture, faces))
    if options.json:
        _write_json(options.json, json.dumps({"model": options.model, "photos": found}, indent=1))


def _detect_in_video(options):
    import contextlib

    import keras

    from keras_landmarks import draw, load
    from keras_landmarks.tracking import Tracker
    from keras_landmarks.video import VideoReader, VideoWriter

    if len(options.photos) > 1:
        raise ValueError("One video at a time, and no photos with it.")
    (source,) = options.photos
    if options.out and pathlib.Path(options.out).resolve() == pathlib.Path(source).resolve():
        raise ValueError(f"--out {options.out} is the video itself; name another file.")
    reader = VideoReader(source)
    rate = reader.frame_rate
    writer = VideoWriter(options.out, rate) if options.out else contextlib.nullcontext()
    bar = keras.utils.Progbar(reader.count, unit_name="frame", verbose=options.json != "-")
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
        print(f"\n{source}: {faces}, detector called {tracker.detections} times")
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


def _list(options):
    from keras_landmarks import list_models

    models = list_models()
    if options.json:
        print(json.dumps(models, indent=1))
        return
    print(f"{'name':<22}{'scheme':<9}{'crop':<6}{'parameters':>11}{'size':>10}{'NME':>8}  data")
    for name, facts in models.items():
        size = "-" if facts["sha256"] is None else f"{facts['bytes'] / 2**20:.1f} MiB"
        nme = "-" if facts["nme"] is None else f"{facts['nme']:.2f} %"
        print(
            f"{name:<22}{facts['arguments']['scheme']:<9}{facts['crop']:<6}"
            f"{facts['parameters'] / 1e6:>9.2f} M{size:>10}{nme:>8}  {facts['licence']}"
        )


def _evaluate(options):
    from keras_landmarks import data, evaluation, images, load, plots

    if options.plot:
        plots.need_matplotlib()
    model = load(options.name)
    faces = data.read_300w(options.data, options.split, options.skip_broken)
    result = evaluation.evaluate(model, faces, options.box, skip_broken=options.skip_broken)
    facts = {"split": options.split, **result.summary(options.normaliser)}
    print(json.dumps(facts, indent=1))
    if options.json:
        facts["faces_percent"] = result.by_face(options.normaliser)
        images.write_bytes(options.json, (json.dumps(facts, indent=1) + "\n").encode())
    if options.plot:
        evaluation.plot_ced([result], options.plot, kind=options.normaliser)


def _export(options):
    from keras_landmarks import load

    model = load(options.name)
    facts = model.export(options.out, options.format, options.dtype, options.representative)
    kind = ", ".join(facts[key] for key in ("format", "arithmetic") if key in facts)
    print(
        f"{options.out}: {kind}; landmarks within {facts['largest_difference_px']} px of Keras "
        f"(crop pixels). Licence of the training data: {facts['licence']}."
    )


def _write_json(target, text):
    from keras_landmarks import images

    if target == "-":
        print(text)
    else:
        images.write_bytes(target, (text + "\n").encode())


if __name__ == "__main__":
    sys.exit(main())
