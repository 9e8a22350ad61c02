"""What the words of the command line do: each function takes the parsed options."""

import json
import pathlib
import sys


def detect(options):
    from keras_landmarks import draw, load
    from keras_landmarks.pictures import images, video

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
    targets = {}
    for photo, stem in zip(options.photos, stems) if out is not None else ():
        targets[photo] = out if out.suffix else out / f"{stem}.png"
        if targets[photo].resolve() == pathlib.Path(photo).resolve():
            raise ValueError(f"--out {out}: {photo} would be drawn over; name another place.")
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
        if photo in targets:
            images.write_image(targets[photo], draw(picture, faces))
    if options.json:
        _write_json(options.json, json.dumps({"model": options.model, "photos": found}, indent=1))


def _detect_in_video(options):
    import contextlib

    import keras

    from keras_landmarks import draw, load
    from keras_landmarks.faces.tracking import Tracker
    from keras_landmarks.pictures.video import VideoReader, VideoWriter

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


def list_models(options):
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


def evaluate(options):
    from keras_landmarks import data, evaluation, load
    from keras_landmarks.pictures import images, plots

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


def export(options):
    from keras_landmarks import load

    model = load(options.name)
    facts = model.export(options.out, options.format, options.dtype, options.representative)
    kind = ", ".join(facts[key] for key in ("format", "arithmetic") if key in facts)
    print(
        f"{options.out}: {kind}; landmarks within {facts['largest_difference_px']} px of Keras "
        f"(crop pixels). Licence of the training data: {facts['licence']}."
    )


def _write_json(target, text):
    from keras_landmarks.pictures import images

    if target == "-":
        print(text)
    else:
        images.write_bytes(target, (text + "\n").encode())
