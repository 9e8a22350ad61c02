"""The command line: `keras-landmarks detect | list | evaluate | export`."""

import argparse
import sys
import warnings

from keras_landmarks.cli import commands

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
    words = parser.add_subparsers(required=True, metavar="COMMAND")

    detect = words.add_parser(
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
    detect.set_defaults(run=commands.detect)

    models = words.add_parser("list", help="list the models", description="Lists the models.")
    models.add_argument("--json", action="store_true", help="print all facts as JSON")
    models.set_defaults(run=commands.list_models)

    evaluate = words.add_parser(
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
    evaluate.set_defaults(run=commands.evaluate)

    export = words.add_parser(
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
    export.set_defaults(run=commands.export)
    return parser


if __name__ == "__main__":
    sys.exit(main())
