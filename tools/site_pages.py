"""Pages and pictures of the site that no one writes: MkDocs calls this (see mkdocs.yml).

The API from the public names, the cards of the zoo, the tutorials with what they print, the
changelog, the drawings of the schemes and of the gallery. Nothing of it is kept in the repository.
"""

import base64
import json
import pathlib
import posixpath
import re
import sys

import griffe

ROOT = pathlib.Path(__file__).resolve().parent.parent
FIRST = {"Landmarker": "landmarker", "Detection": "faces.detection", "Tracker": "faces.tracking"}
FIRST |= {"draw": "pictures.drawing", "list_models": "catalogue", "load": "zoo"}
"""Where the names of the package itself are defined."""

GUIDES = "photos", "video", "confidence", "own-data", "fine-tuning", "export"
CONCEPTS = "coordinates", "boxes", "schemes"
MORE = "mobile.md", "scale.md", "serving.md"
"""Guides that lie in docs/ itself."""


def api_pages():
    """`{path: page}` of every public name, room by room."""
    package = griffe.load("keras_landmarks", search_paths=[ROOT], resolve_aliases=True)
    rooms = {name: package.members[name] for name in sorted(_rooms(package))}
    lines = ["# API", "", "What `keras_landmarks` itself offers, and its rooms:", ""]
    lines += [f"* [`{name}`]({name}.md): {_first_line(room)}" for name, room in rooms.items()]
    lines += [f"\n::: keras_landmarks.{home}.{name}" for name, home in FIRST.items()]
    pages = {"api/index.md": "\n".join(lines)}
    for name, room in rooms.items():
        page = [f"# `{name}`", "", room.docstring.value if room.docstring else ""]
        page += [f"\n::: {member}" for member in public_names(room)]
        pages[f"api/{name}.md"] = "\n".join(page)
    return pages


def public_names(room):
    """The full names of what a room offers: its `__all__`, or else what it defines for others."""
    names = sorted(str(name).split(".")[-1] for name in room.exports or ())
    for name, member in () if names else room.members.items():
        if name.startswith("_") or member.is_alias or member.is_module:
            continue
        if "TypeAlias" not in str(getattr(member, "annotation", "")):
            names.append(name)
    return [f"{room.path}.{name}" for name in names]


def _rooms(package):
    names = [str(name).split(".")[-1] for name in package.exports]
    return [name for name in names if any(package.filepath.parent.glob(f"{name}*"))]


def _first_line(room):
    return room.docstring.value.split("\n")[0] if room.docstring else ""


def model_pages():
    """The zoo: its table, every card, and their pictures."""
    table = (ROOT / "zoo" / "README.md").read_text(encoding="utf-8")
    pages = {"models/index.md": re.sub(r"\]\(([\w-]+)/card\.md", r"](\1/index.md", table)}
    for card in sorted(ROOT.glob("zoo/*/card.md")):
        name, text = card.parent.name, card.read_text(encoding="utf-8")
        for picture in sorted(card.parent.glob("*.png")):
            pages[f"models/{name}/{picture.name}"] = picture.read_bytes()
        if (card.parent / "ced.png").is_file():
            text += "\n![Faces with an error of at most so much](ced.png)\n"
        pages[f"models/{name}/index.md"] = text.replace("](../README.md", "](../index.md")
    return pages


def tutorial_pages():
    """The notebooks as pages, with what they print and draw."""
    pages, paths = {}, ROOT.glob("tutorials/*.ipynb")
    for path in sorted(paths, key=lambda path: int(path.name.split("_")[0])):
        parts, name = [], path.stem
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            source = "".join(cell["source"])
            parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
            for output in cell.get("outputs", ()):
                data = output.get("data", {})
                if "image/png" in data:
                    picture = f"{name}-{len(pages)}.png"
                    pages[f"tutorials/{picture}"] = base64.b64decode("".join(data["image/png"]))
                    parts.append(f"![What the cell draws]({picture})")
                elif "text/html" in data:
                    parts.append("".join(data["text/html"]))
                elif text := "".join(output.get("text", data.get("text/plain", ()))):
                    parts.append(f"```text\n{text.rstrip()}\n```")
        pages[f"tutorials/{name}.md"] = "\n\n".join(parts)
    return pages


def scheme_pictures():
    """Every scheme with the numbers of its points."""
    import cv2
    from scheme_shapes import typical_points

    from keras_landmarks import faces, schemes

    pictures = {}
    for scheme in schemes.PUBLISHED:
        if (points := typical_points(scheme)) is not None:
            drawn = faces.draw_scheme(scheme, points, size=900)
            data = cv2.imencode(".png", drawn[..., ::-1])[1].tobytes()
            pictures[f"pictures/{scheme.name}.png"] = data
    return pictures


def pages():
    """`{path: text or bytes}` of all that is made."""
    import show_gallery

    made = api_pages() | model_pages() | tutorial_pages() | scheme_pictures()
    made |= {f"pictures/{name}": data for name, data in show_gallery.pictures_of_the_page().items()}
    made["changelog.md"] = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    made["contributing.md"] = text.replace("](docs/", "](")
    return made


def on_startup(**_):
    sys.path[:0] = [str(ROOT), str(ROOT / "tools")]  # MkDocs undoes what a hook's module does to it


def on_config(config):
    made = [*api_pages(), *model_pages(), *tutorial_pages()]

    def of(folder):
        return [page for page in made if page.startswith(f"{folder}/") and page.endswith(".md")]

    config.nav = [
        {"Start": ["index.md", "quickstart.md", "gallery.md"]},
        {"Guides": [*(f"guides/{page}.md" for page in GUIDES), *MORE]},
        {"Tutorials": of("tutorials")},
        {"Concepts": [f"concepts/{page}.md" for page in CONCEPTS]},
        {"Models": [*of("models"), "papers.md", "speed.md"]},
        {"API": of("api")},
        {"About": ["changelog.md", "contributing.md", "DESIGN.md", "TRAPS.md"]},
    ]
    return config


def on_files(files, config):
    from mkdocs.structure.files import File

    for path, content in pages().items():
        files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown, page, config, files):
    """Links to the zoo's folder and to notebooks lead to the pages that are made of them."""
    here = posixpath.dirname(page.file.src_uri) or "."

    def card(match):
        target = "models/" + (f"{match[1]}/index.md" if match[1] else "index.md")
        return "](" + posixpath.relpath(target, here)

    def tutorial(match):
        return "](" + posixpath.relpath(f"{match[1]}.md", here)

    markdown = re.sub(r"\]\((?:\.\./)+(tutorials/\w+)\.ipynb", tutorial, markdown)
    return re.sub(r"\]\((?:\.\./)+zoo/(?:README|([\w-]+)/card)\.md", card, markdown)


def on_post_build(config):
    """Nothing of a page may be loaded from elsewhere."""
    loads = re.compile(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=\"?(?:https?:)?//[^ >]*")
    for path in pathlib.Path(config.site_dir).rglob("*.html"):
        if found := loads.search(path.read_text(encoding="utf-8")):
            raise SystemExit(f"{path} loads something from elsewhere: {found[0]}")
