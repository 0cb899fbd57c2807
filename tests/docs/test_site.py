"""The documentation's sources: menu, pictures, names of code, and nothing loaded from elsewhere."""

import re
from pathlib import Path

import pytest
import yaml

import nextword

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))


def menu_pages(entry: object) -> list[str]:
    """The pages of an entry of the menu, a page, a titled one or a list of entries."""
    if isinstance(entry, str):
        return [entry]
    entries = entry.values() if isinstance(entry, dict) else entry
    return [page for part in entries for page in menu_pages(part)]


def test_menu_has_every_page_once():
    menu = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    assert sorted(menu_pages(menu)) == sorted(str(page.relative_to(DOCS)) for page in PAGES)


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: page.name)
def test_page_shows_pictures_that_are_there(page):
    for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / picture).is_file(), picture


@pytest.mark.parametrize("file", [*PAGES, *DOCS.rglob("*.svg"), *DOCS.rglob("*.css")], ids=lambda file: file.name)
def test_page_loads_nothing_from_elsewhere(file):
    text = file.read_text(encoding="utf-8")
    assert not re.findall(r"""(?:src=["']?|url\(["']?|!\[[^\]]*\]\()https?://""", text)
    assert "<script" not in text


def test_glossary_defines_each_word_once():
    terms = re.findall(r"^(\S.*)\n:   ", (DOCS / "reference/glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(terms) > 80
    assert len(set(terms)) == len(terms)


def test_glossary_names_classes_that_exist():
    named = re.findall(r"`([A-Z][a-z]+[A-Za-z]+)`", (DOCS / "reference/glossary.md").read_text(encoding="utf-8"))
    code = "\n".join(
        file.read_text(encoding="utf-8") for part in ("app", "models") for file in (ROOT / part).rglob("*.py")
    )
    assert len(named) > 5
    assert [name for name in named if f"class {name}" not in code] == []


@pytest.mark.parametrize(
    "page", [ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md", *PAGES], ids=lambda page: page.name
)
def test_page_names_paths_that_exist(page):
    """Paths of the code in backticks, with or without `.py`; those of invented files hold a `<`."""
    named = re.findall(r"`((?:app|models|tests|benchmarks|tools|docs)/[\w./-]+)`", page.read_text(encoding="utf-8"))
    assert [name for name in named if not any((ROOT / f"{name}{end}").exists() for end in ("", ".py"))] == []


def test_python_api_example_runs(monkeypatch, capsys):
    page = (DOCS / "reference/python-api.md").read_text(encoding="utf-8")
    example = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert example is not None
    monkeypatch.chdir(ROOT)
    exec(example[1], {})
    assert capsys.readouterr().out.startswith("great -2.5\nlittle -2.69\ngood -2.71\n")


def test_python_api_describes_every_name_that_stays():
    page = (DOCS / "reference/python-api.md").read_text(encoding="utf-8")
    missing = [name for name in nextword.__all__ if not re.search(rf"^::: \S+\.{name}$", page, re.MULTILINE)]
    assert missing == ["NextwordError"]  # which stands with all other errors
