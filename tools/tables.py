"""The tables of measured results, as Markdown."""


def models(index):
    """The models as a Markdown table."""
    heads = "model", "NME, %", "by the paper's normaliser", "the paper's", "parameters", "size"
    rows = []
    for name, facts in index.items():
        size = f"{facts['bytes'] / 2**20:.1f} MiB" if facts["bytes"] else "not published"
        nme, alike = (_number(facts[key] or None) for key in ("nme", "nme_as_paper"))
        latency = f"{facts['latency_ms']:.1f} ms" if facts["latency_ms"] else "-"
        count, card = f"{facts['parameters'] / 1e6:.1f} M", f"[`{name}`](zoo/{name}/card.md)"
        cells = card, nme, alike, facts["paper_nme"] or "-", count, size, latency, facts["licence"]
        rows.append(cells)
    return _table((*heads, "one face", "licence of the data"), rows)


CHOICES = {
    "unet-300w": "the default: the lowest error; says how far off each point may be",
    "unet-fast-300w": "phones, video, many faces; says it, too",
    "resnet18-ffld-300w": "a paper's, to compare: FFLD, patches of its own maps around the points",
    "hourglass-300w": "a paper's, to compare: score-guided, infers unsure points from known shapes",
    "tiny-ibug68": "tests and first tries",
}
"""What a model is the one for: the table of those who choose."""


def choice(index):
    """The models that one chooses from, by one normaliser."""
    rows = []
    for name, when in CHOICES.items():
        facts = index[name]
        time, size = f"{facts['latency_ms']:.1f} ms", f"{facts['bytes'] / 2**20:.1f} MiB"
        rows.append((f"[`{name}`](zoo/{name}/card.md)", when, _number(facts["nme"]), time, size))
    return _table(("model", "when", "error, %", "time", "size"), rows)


def papers(index, results):
    """Ours in the paper's own normaliser beside the paper's figure, and both of ours."""
    heads = "model", "corners, %", "pupils, %", "pupils / corners", "pupils, box of the truth, %"
    heads += ("the paper's normaliser",)
    rows = []
    for name, facts in index.items():
        if not facts["nme"]:
            continue
        corners, pupils = (results[name][kind] for kind in ("corners", "pupils"))
        said = facts["paper_nme"]
        kind = next((k for k in ("corners", "pupils") if k in (said or "")), "-")
        ours = _number(facts["nme_as_paper"] if said else None)
        card, ratio = f"[`{name}`](../zoo/{name}/card.md)", f"{pupils / corners:.3f}"
        errors = _number(corners), _number(pupils), ratio, _number(results[name]["truth"])
        rows.append((card, *errors, kind, ours, said or "-"))
    return _table((*heads, "ours, %", "the paper's, %"), rows)


def peers(splits):
    """dlib's trees and models of the zoo on the same faces."""
    rows = []
    for split, facts in splits.items():
        of = f"`{split}`, {facts['faces']}", facts["found_by_all"]
        for name, row in facts["rows"].items():
            rows.append((*of, name, row["found"], _number(row["nme_percent"])))
    return _table(("faces", "found by all", "finder", "found", "error of those, %"), rows)


def by_split(table, splits):
    """A table of each split's results, under its name where there are several."""
    texts = {split: table(rows) for split, rows in splits.items()}
    if len(texts) == 1:
        return next(iter(texts.values()))
    return "\n\n".join(f"`{split}`:\n\n{text}" for split, text in texts.items())


def results(rows):
    """The accuracy of a model under every box and normaliser: NME over the faces found."""
    keys, cells = ("box", "normaliser", "faces", "missed"), []
    for row in rows:
        failures = f"{100 * row['failure_rate_at_10']:.1f}"
        cells.append((*(row[key] for key in keys), *_accuracy(row), failures))
    return _table(("boxes", "normaliser", "found", "missed", *ACCURACY, "≥ 10 %, %"), cells)


def stages(rows):
    """The accuracy after each stage of a cascade, and by region."""
    regions, cells = list(rows[0]["regions_percent"]), []
    for row in rows:
        stage = row["model"].removeprefix("stage").removesuffix("_landmarks")
        cells.append(
            (stage, *_accuracy(row), *(_number(row["regions_percent"][r]) for r in regions))
        )
    return _table(("stage", *ACCURACY, *regions), cells)


def confidence(row):
    """What a model knows of its own errors."""
    kinds = [row[f"nme_without_{kind}percent"] for kind in ("", "any_", "worst_")]
    heads = "points left out", "the least sure: NME, %", "at random", "the worst (an oracle)"
    rows = [(f"{p} %", *(_number(of.get(p, kinds[0]["0"])) for of in kinds)) for p in kinds[0]]
    return (
        f"{_table(heads, rows)}\n\n"
        f"Rank correlation of expected and true errors (Spearman): {row['rank_correlation']:.2f}. "
        "Faces against places without one, by what the model says of its errors: AUC "
        f"{row['false_detection_auc']:.3f}."
    )


def comparison(rows):
    """The variants of a comparison at a short schedule."""
    keys = "validation_percent", "test_percent", "test_sideways_percent"
    cells = [(name, *(_number(row[key]) for key in keys)) for name, row in rows.items()]
    return _table(("variant", "held out", "lfpw-test", "its 20 % most sideways"), cells)


def formats(models):
    """How exactly the exported files repeat Keras: rows by model."""
    heads = "model", "Keras: NME, %", "format", "size", "furthest coordinate, px", "NME, %"
    cells = []
    for name, rows in models.items():
        for row in rows:
            kind = row["format"] + (f" ({row['arithmetic']})" if "arithmetic" in row else "")
            keys = "keras_nme_percent", "largest_difference_px", "nme_percent"
            keras, off, nme = (f"{row[key]:.3f}" for key in keys)
            size = f"{row['bytes'] / 2**20:.1f} MiB"
            cells.append((f"`{name}`", keras, kind, size, off, nme))
    return _table(heads, cells)


def speed(measured):
    """The time of every model in every runtime, and as multiples of two yardsticks."""
    heads = "model", "runtime", "size", "1 face", "32 faces, each", "2 threads: 1 face", "32, each"
    heads += "`detect`", "memory", "x dlib", "`detect` x dlib", "x floor"
    cells = []
    for name, facts in measured["models"].items():
        floor = 1000 * facts["multiply_adds"] / measured["multiply_adds_a_second"]
        for row in facts["rows"]:
            one, two = row["1"], row["2"]
            times = one["1"], one["32"] / 32, two["1"], two["32"] / 32, one["detect"]
            trees = measured["dlib_ms"]
            dlib = [_number(one[k] / trees if trees else None) for k in ("1", "detect")]
            size = f"{row['bytes'] / 2**20:.1f} MiB" if row["bytes"] else "-"
            more = f"{one['memory_mib']:.0f} MiB", *dlib, f"{one['1'] / floor:.1f}"
            cells.append((f"`{name}`", row["runtime"], size, *map(_number, times), *more))
    dlib = f"{measured['dlib_ms']:.2f} ms" if measured["dlib_ms"] else "not measured"
    rate = measured["multiply_adds_a_second"] / 1e9
    return (
        f"{_table(heads, cells)}\n\n"
        f"Milliseconds, one thread unless said. dlib's 68-point trees in the same run: {dlib}; "
        f"MTCNN: {measured['detector_ms']:.0f} ms on the 512 x 512 portrait. Floor: the network's "
        f"multiply-adds at the {rate:.0f} thousand million a second that float32 matrix products "
        "reach on one thread."
    )


def photos(measured):
    """Whole photos, detector and landmarks, in milliseconds, and the faces that were found."""
    sizes = measured["sizes"]
    heads = [f"{kind} ({width} x {height})" for kind, (width, height) in sizes.items()]
    cells = [
        (name, *(f"{row[kind]['ms']:.0f} ms, {row[kind]['faces']}" for kind in sizes))
        for name, row in measured["rows"].items()
    ]
    return _table(("", *heads), cells)


def occlusion(rows):
    """Every model on covered faces."""
    keys = "hidden", "visible", "all"
    cells = [(f"`{row['model']}`", row["how"], *(_number(row[k]) for k in keys)) for row in rows]
    return _table(("model", "points", *keys), cells)


def balancing(rows):
    """Batches picked in several ways: means over the seeds, and their spread."""
    names = "held out", "lfpw-test", "20 % most sideways", "without 10 %", "20 %", "30 %"
    cells = [
        (name, *(f"{mean:.2f} ± {spread:.2f}" for mean, spread in row.values()))
        for name, row in rows.items()
    ]
    return _table(("variant", *names), cells)


def decoding(rows):
    """Heatmaps that were trained in two ways, each decoded in every way."""
    kinds = list(next(iter(rows.values())))
    cells = [(name, *(_number(row[kind]) for kind in kinds)) for name, row in rows.items()]
    return _table(("trained on", *kinds), cells)


def robustness(models):
    """Every model on disturbed faces: the lowest error of each row is bold."""
    names, cells = list(models), []
    for row in models[names[0]]:
        errors = [models[name][row] for name in names]
        cells.append((row, *(f"**{e:.2f}**" if e == min(errors) else f"{e:.2f}" for e in errors)))
    return _table(("", *(f"`{name}`" for name in names)), cells)


def repeated(models):
    """The first epochs of each recipe, as published and run again."""
    rows = []
    for name, facts in models.items():
        for what, said in {"training": "training", "held_out": "held out"}.items():
            again = "; ".join(_errors(run[what]) for run in facts["again"])
            rows.append((f"`{name}`", said, _errors(facts["published"][what]), again))
    return _table(("model", "faces", "published, %", "again, %"), rows)


def _errors(numbers):
    return ", ".join(map(_number, numbers))


ACCURACY = "NME, %", "AUC at 8 %", "≥ 8 %, %"


def _accuracy(row):
    """The cells of these."""
    auc, failures = f"{row['auc_at_8']:.3f}", f"{100 * row['failure_rate_at_8']:.1f}"
    return _number(row["nme_percent"]), auc, failures


def _number(number):
    return "-" if number is None else f"{number:.2f}"


def _table(heads, rows):
    """A Markdown table."""
    return "\n".join([_line(heads), "|---" * len(heads) + "|", *map(_line, rows)])


def _line(cells):
    return "|" + "|".join(f" {cell} " if cell != "" else " " for cell in cells) + "|"
