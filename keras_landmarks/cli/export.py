"""`keras-landmarks export`: a model as a file for phones, servers and browsers."""

from keras_landmarks.cli.named import is_exported, read_model

WORDS = {
    "help": "write a model for a phone, a server or a browser",
    "description": "Writes a model as SavedModel, TFLite or ONNX, checked against Keras, with a "
    ".json that says how to feed it.",
    "epilog": "example: keras-landmarks export cnn6-300w --format tflite-int8 --out cnn6.tflite",
}


def add_arguments(parser):
    parser.add_argument(
        "name",
        metavar="NAME",
        help="a model of `keras-landmarks list`, a training's folder or a saved .keras",
    )
    parser.add_argument(
        "--format",
        help="one of saved_model, tflite, tflite-fp16, tflite-int8, onnx (default: by the ending "
        "of --out)",
    )
    parser.add_argument("--out", required=True, metavar="PATH", help="the file or folder to write")
    parser.add_argument(
        "--dtype",
        default="float32",
        help="of the crops: float32 or uint8 (default: %(default)s)",
    )
    parser.add_argument(
        "--representative", metavar="FOLDER", help="pictures of faces to measure int8 on"
    )
    parser.add_argument(
        "--batch",
        type=int,
        metavar="N",
        help="the number of crops that the file takes, for GPUs of phones (default: any)",
    )


def run(options):
    from keras_landmarks.export.formats import format_of
    from keras_landmarks.files import as_path

    format = options.format or format_of(as_path(options.out))
    if is_exported(options.name):
        raise ValueError(f"{options.name} is exported already: name what it was made of.")
    model = read_model(options.name)
    words = dict(verbose=True, batch=options.batch)
    model.export(options.out, format, options.dtype, options.representative, **words)
