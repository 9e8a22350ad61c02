"""The tables of measured results, as Markdown."""


def models(index):
    """The models as a Markdown table."""
    rows = [
        "| model | NME, % | by the paper's normaliser | the paper's | parameters | size | one face "
        "| licence of the data |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, facts in index.items():
        size = f"{facts['bytes'] / 2**20:.1f} MiB" if facts["bytes"] else "not published"
        nme, alike = (f"{facts[key]:.2f}" if facts[key] else "-" for key in ("nme", "nme_as_paper"))
        latency = f"{facts['latency_ms']:.1f} ms" if facts["latency_ms"] else "-"
        rows.append(
            f"| [`{name}`](zoo/{name}/card.md) | {nme} | {alike} | {facts['paper_nme'] or '-'} "
            f"| {facts['parameters'] / 1e6:.1f} M | {size} | {latency} | {facts['licence']} |"
        )
    return "\n".join(rows)


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
    lines = ["| model | when | error, % | time | size |", "|---|---|---|---|---|"]
    for name, when in CHOICES.items():
        facts = index[name]
        lines.append(
            f"| [`{name}`](zoo/{name}/card.md) | {when} | {facts['nme']:.2f} "
            f"| {facts['latency_ms']:.1f} ms | {facts['bytes'] / 2**20:.1f} MiB |"
        )
    return "\n".join(lines)


def papers(index, results):
    """Ours in the paper's own normaliser beside the paper's figure, and both of ours."""
    lines = [
        "| model | corners, % | pupils, % | pupils / corners | the paper's normaliser | ours, % "
        "| the paper's, % |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, facts in index.items():
        if not facts["nme"]:
            continue
        corners, pupils = (results[name][kind] for kind in ("corners", "pupils"))
        said = facts["paper_nme"]
        kind = next((k for k in ("corners", "pupils") if k in (said or "")), "-")
        ours = f"{facts['nme_as_paper']:.2f}" if said else "-"
        lines.append(
            f"| [`{name}`](../zoo/{name}/card.md) | {corners:.2f} | {pupils:.2f} "
            f"| {pupils / corners:.3f} | {kind} | {ours} | {said or '-'} |"
        )
    return "\n".join(lines)


def peers(splits):
    """dlib's trees and models of the zoo on the same faces."""
    lines = [
        "| faces | found by all | finder | found | error of those, % |",
        "|---|---|---|---|---|",
    ]
    for split, facts in splits.items():
        for name, row in facts["rows"].items():
            lines.append(
                f"| `{split}`, {facts['faces']} | {facts['found_by_all']} | {name} "
                f"| {row['found']} | {row['nme_percent']:.2f} |"
            )
    return "\n".join(lines)


def by_split(table, splits):
    """A table of each split's results, under its name where there are several."""
    texts = {split: table(rows) for split, rows in splits.items()}
    if len(texts) == 1:
        return next(iter(texts.values()))
    return "\n\n".join(f"`{split}`:\n\n{text}" for split, text in texts.items())


def results(rows):
    """The accuracy of a model under every box and normaliser: NME over the faces found."""
    lines = [
        "| boxes | normaliser | found | missed | NME, % | AUC at 8 % | ≥ 8 %, % | ≥ 10 %, % |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row['box']} | {row['normaliser']} | {row['faces']} | {row['missed']} "
            f"| {_number(row['nme_percent'])} | {row['auc_at_8']:.3f} "
            f"| {100 * row['failure_rate_at_8']:.1f} | {100 * row['failure_rate_at_10']:.1f} |"
        )
    return "\n".join(lines)


def _number(percent):
    return "-" if percent is None else f"{percent:.2f}"


def stages(rows):
    """The accuracy after each stage of a cascade, and by region."""
    regions = list(rows[0]["regions_percent"])
    lines = [
        " | ".join(["| stage", "NME, %", "AUC at 8 %", "≥ 8 %, %", *regions, ""]).strip(),
        "|---" * (4 + len(regions)) + "|",
    ]
    for row in rows:
        numbers = " | ".join(f"{row['regions_percent'][region]:.2f}" for region in regions)
        lines.append(
            f"| {row['model'].removeprefix('stage').removesuffix('_landmarks')} "
            f"| {row['nme_percent']:.2f} | {row['auc_at_8']:.3f} "
            f"| {100 * row['failure_rate_at_8']:.1f} | {numbers} |"
        )
    return "\n".join(lines)


def confidence(row):
    """What a model knows of its own errors."""
    least, any_ = row["nme_without_percent"], row["nme_without_any_percent"]
    lines = ["| points left out | the least sure: NME, % | at random: NME, % |", "|---|---|---|"]
    lines += [f"| {p} % | {nme:.2f} | {any_.get(p, least['0']):.2f} |" for p, nme in least.items()]
    lines += [
        "",
        f"Rank correlation of expected and true errors (Spearman): {row['rank_correlation']:.2f}. "
        "Faces against places without one, by what the model says of its errors: AUC "
        f"{row['false_detection_auc']:.3f}.",
    ]
    return "\n".join(lines)


def comparison(rows):
    """The variants of a comparison at a short schedule."""
    lines = [
        "| variant | held out | lfpw-test | its 20 % most sideways |",
        "|---|---|---|---|",
    ]
    for name, row in rows.items():
        lines.append(
            f"| {name} | {row['validation_percent']:.2f} | {row['test_percent']:.2f} "
            f"| {row['test_sideways_percent']:.2f} |"
        )
    return "\n".join(lines)


def formats(models):
    """How exactly the exported files repeat Keras: rows by model."""
    lines = [
        "| model | Keras: NME, % | format | size | furthest point, px | NME, % |",
        "|---|---|---|---|---|---|",
    ]
    for name, rows in models.items():
        for row in rows:
            kind = row["format"] + (f" ({row['arithmetic']})" if "arithmetic" in row else "")
            lines.append(
                f"| `{name}` | {row['keras_nme_percent']:.3f} | {kind} "
                f"| {row['bytes'] / 2**20:.1f} MiB "
                f"| {row['largest_difference_px']:.3f} | {row['nme_percent']:.3f} |"
            )
    return "\n".join(lines)


def speed(measured):
    """The time of every model in every runtime, and as multiples of two yardsticks."""
    lines = [
        "| model | runtime | size | 1 face | 32 faces, each | 2 threads: 1 face | 32, each "
        "| `detect` | memory | x dlib | x floor |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, facts in measured["models"].items():
        floor = 1000 * facts["multiply_adds"] / measured["multiply_adds_a_second"]
        for row in facts["rows"]:
            one, two = row["1"], row["2"]
            dlib = f"{one['1'] / measured['dlib_ms']:.2f}" if measured["dlib_ms"] else "-"
            size = f"{row['bytes'] / 2**20:.1f} MiB" if row["bytes"] else "-"
            lines.append(
                f"| `{name}` | {row['runtime']} | {size} | {one['1']:.2f} | {one['32'] / 32:.2f} "
                f"| {two['1']:.2f} | {two['32'] / 32:.2f} | {one['detect']:.2f} "
                f"| {one['memory_mib']:.0f} MiB | {dlib} | {one['1'] / floor:.1f} |"
            )
    dlib = f"{measured['dlib_ms']:.2f} ms" if measured["dlib_ms"] else "not measured"
    rate = measured["multiply_adds_a_second"] / 1e9
    lines += [
        "",
        f"Milliseconds, one thread unless said. dlib's 68-point trees in the same run: {dlib}; "
        "MTCNN: "
        f"{measured['detector_ms']:.0f} ms on the 512 x 512 portrait. Floor: the network's "
        f"multiply-adds at the {rate:.0f} thousand million a second that float32 matrix products "
        "reach on one thread.",
    ]
    return "\n".join(lines)


def photos(measured):
    """Whole photos, detector and landmarks, in milliseconds, and the faces that were found."""
    sizes = measured["sizes"]
    heads = [f"{kind} ({width} x {height})" for kind, (width, height) in sizes.items()]
    lines = ["| | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    for name, row in measured["rows"].items():
        cells = [f"{row[k]['ms']:.0f} ms, {row[k]['faces']}" for k in sizes]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def occlusion(rows):
    """Every model on covered faces."""
    lines = ["| model | points | hidden | visible | all |", "|---|---|---|---|---|"]
    for row in rows:
        lines.append(
            f"| `{row['model']}` | {row['how']} | {row['hidden']:.2f} | {row['visible']:.2f} "
            f"| {row['all']:.2f} |"
        )
    return "\n".join(lines)


def balancing(rows):
    """Batches picked in several ways: means over the seeds, and their spread."""
    names = "held out", "lfpw-test", "20 % most sideways", "without 10 %", "20 %", "30 %"
    lines = ["| variant | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for name, row in rows.items():
        cells = [f"{mean:.2f} ± {spread:.2f}" for mean, spread in row.values()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def decoding(rows):
    """Heatmaps that were trained in two ways, each decoded in every way."""
    kinds = list(next(iter(rows.values())))
    lines = ["| trained on | " + " | ".join(kinds) + " |", "|---" * (len(kinds) + 1) + "|"]
    for name, row in rows.items():
        lines.append(f"| {name} | " + " | ".join(f"{row[kind]:.2f}" for kind in kinds) + " |")
    return "\n".join(lines)


def robustness(models):
    """Every model on disturbed faces: the lowest error of each row is bold."""
    names = list(models)
    lines = [f"| | {' | '.join(f'`{name}`' for name in names)} |", "|---" * (len(names) + 1) + "|"]
    for row in models[names[0]]:
        errors = [models[name][row] for name in names]
        cells = [f"**{e:.2f}**" if e == min(errors) else f"{e:.2f}" for e in errors]
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join(lines)
