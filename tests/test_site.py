"""The site's generated pages; `make docs` builds them all, strictly."""

import re

import pytest
from places import ROOT
from test_public_names import MODULES, NAMES

site_pages = pytest.importorskip("site_pages", reason="needs griffe: pip install '.[docs]'")


@pytest.fixture(scope="module")
def pages():
    return site_pages.api_pages()


@pytest.mark.parametrize("room", MODULES)
def test_every_public_name_of_a_room_is_on_its_page(pages, room):
    shown = re.findall(rf"^::: keras_landmarks\.{room}\.(\w+)$", pages[f"api/{room}.md"], re.M)
    assert sorted(shown) == sorted(MODULES[room].split())


def test_every_name_of_the_package_is_on_the_first_page(pages):
    shown = re.findall(r"^::: keras_landmarks\.[\w.]+\.(\w+)$", pages["api/index.md"], re.M)
    assert sorted([*shown, *MODULES, "__version__"]) == sorted(NAMES)


def test_every_card_and_every_tutorial_has_a_page():
    cards = {path.parent.name for path in ROOT.glob("zoo/*/card.md")}
    assert {f"models/{name}/index.md" for name in cards} < set(site_pages.model_pages())
    tutorials = {f"tutorials/{path.stem}.md" for path in ROOT.glob("tutorials/*.ipynb")}
    assert tutorials <= set(site_pages.tutorial_pages())
