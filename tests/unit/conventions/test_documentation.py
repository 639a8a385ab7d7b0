"""The documentation is complete, and its links lead to existing pages."""

import ast
import importlib
import inspect
import re
import runpy
import sys
from dataclasses import fields
from html import unescape
from pathlib import Path
from typing import get_type_hints

import pytest
import typer.main
from docutils.core import publish_doctree
from docutils.nodes import literal
from markdown_it import MarkdownIt

import featscape
import meshtsne
from featscape.cli.commands import app
from featscape.doctor.libraries import list_extras
from featscape.mapfolder import layout
from featscape.mapfolder.run_schema import RunFile
from featscape.options import MapOptions
from featscape.records.regions import Region

ROOT = Path(__file__).parents[3]
REFERENCE = ROOT / "docs" / "reference"

sys.path.insert(0, str(ROOT / "tools"))
try:
    import build_docs
    import command_reference
finally:
    sys.path.remove(str(ROOT / "tools"))


def read(page):
    return (REFERENCE / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("package", [featscape, meshtsne])
def test_the_reference_lists_exactly_the_public_names(package):
    text = read(f"{package.__name__}.md")
    listed = re.findall(r"^   (\w+)$", text, re.MULTILINE)
    listed += re.findall(r"^`(\w+)` is \[meshtsne\.", text, re.MULTILINE)
    assert sorted(listed) == sorted(package.__all__)


def test_the_guides_install_an_extra_with_the_command_of_the_error_messages():
    pages = [ROOT / "README.md", ROOT / "engine" / "README.md", *(ROOT / "docs").rglob("*.md")]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    commands = re.findall(r"pip install [^\n`]*?\[\w+\]'?", text)
    known = {extra.command for extra in list_extras()}
    assert commands
    assert set(commands) <= known


def test_the_citation_has_the_version_of_the_last_release():
    citation, changes = (
        (ROOT / file).read_text(encoding="utf-8") for file in ("CITATION.cff", "CHANGELOG.md")
    )
    releases = re.findall(r"^## \[?(\d[\w.]*)", changes, re.MULTILINE)
    assert re.findall(r"^version: (\S+)$", citation, re.MULTILINE) == releases[:1]


def test_short_code_in_a_sentence_is_marked_for_one_line():
    mark = runpy.run_path(str(ROOT / "docs" / "conf.py"))["_mark_short_code"]
    long = "featscape map photos --model NAME"
    page = publish_doctree(f"``. .venv/bin/activate`` and ``{long}``\n\n= =\n1 ``a b``\n= =\n")
    mark(None, page)
    marked = {code.astext(): "short" in code["classes"] for code in page.findall(literal)}
    assert marked == {". .venv/bin/activate": True, long: False, "a b": False}


def test_the_guide_lists_every_extra():
    text = (ROOT / "docs" / "howto" / "installation.md").read_text(encoding="utf-8")
    text = text.partition("## Check")[0]
    listed = re.findall(r"^\| `(\w+)`(?: of meshtsne)? \|", text, re.MULTILINE)
    assert sorted(listed) == sorted(extra.name for extra in list_extras())


def test_the_guide_to_python_lists_the_keywords_that_differ_from_their_options():
    text = (ROOT / "docs" / "howto" / "python.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `(\w+)(?:=False)?` \| `(--[a-z-]+)`", text, re.MULTILINE))
    hints = get_type_hints(MapOptions, include_extras=True)
    flags = {
        field.name: flag.rpartition("/")[2]
        for field in fields(MapOptions)
        for flag in (getattr(each, "flag", None) for each in hints[field.name].__metadata__)
        if flag and flag != f"--{field.name.replace('_', '-')}"
    }
    assert listed == flags


def listed_results():
    """Return the module and the name of each entry of the page of the results."""
    module = None
    for line in read("results.md").splitlines():
        if line.startswith(".. currentmodule:: "):
            module = line.split()[-1]
        elif entry := re.fullmatch(r"   (\w+)", line):
            yield module, entry[1]


@pytest.mark.parametrize(("module", "name"), list(listed_results()))
def test_every_listed_result_exists_and_has_a_docstring(module, name):
    assert getattr(importlib.import_module(module), name).__doc__


def test_the_reference_lists_every_name_that_the_guides_import_from_a_module():
    folders = [ROOT / "docs" / name for name in ("howto", "gallery", "notebooks")]
    files = [file for folder in folders for file in folder.iterdir() if file.is_file()]
    texts = [file.read_text(encoding="utf-8") for file in (*files, ROOT / "docs" / "tutorial.md")]
    imports = re.findall(r"from (featscape\.\S+) import ([\w, ]+)", "\n".join(texts))
    used = {(module, name.strip()) for module, names in imports for name in names.split(",")}
    assert len(used) >= 3
    assert used - set(listed_results()) == set()


@pytest.mark.parametrize("package", [featscape, meshtsne])
def test_every_public_name_has_a_docstring(package):
    assert [name for name in package.__all__ if not getattr(package, name).__doc__] == []


@pytest.mark.parametrize("name", ["extract", "find_images", "load_tsne", "make_map", "open_map"])
def test_a_public_function_refers_to_public_names_only(name):
    function = getattr(featscape, name)
    results = [getattr(importlib.import_module(where), one) for where, one in listed_results()]
    public = {*featscape.__all__, *meshtsne.__all__, *inspect.signature(function).parameters}
    public |= {
        one for result in (*results, meshtsne.TSNE) for one in (result.__name__, *dir(result))
    }
    public |= {one for result in results for one in getattr(result, "__annotations__", ())}
    named = re.findall(r"(?<!`)`([A-Za-z_][\w.]*)`(?!`)", function.__doc__)
    assert [one for one in named if one.split(".")[-1] not in public] == []


def test_the_reference_describes_every_command_and_option():
    text = command_reference.write_commands()
    program = typer.main.get_command(app)
    assert len(program.commands) > 10
    for name, command in program.commands.items():
        _, _, section = text.partition(f"## featscape {name}\n")
        section = section.partition("\n## ")[0]
        options = [option for parameter in command.params for option in parameter.opts]
        flags = [option for option in options if option.startswith("--")]
        assert [flag for flag in flags if f"{flag}" not in section] == [], name


def test_the_tables_of_the_commands_show_every_choice_of_an_option():
    page = MarkdownIt("commonmark").enable("table").render(command_reference.write_commands())
    cells = re.findall(r"<td><code>(.*?)</code></td>", page)
    (shown,) = [unescape(cell) for cell in cells if cell.startswith("--format")]
    assert shown == "--format <site|tensorboard|embedding-atlas|fiftyone>"


def test_a_page_without_the_hyphens_of_an_option_is_an_error(tmp_path):
    source, page = tmp_path / "commands.md", tmp_path / "commands.html"
    source.write_text("`--limit` and --format <N>", encoding="utf-8")
    page.write_text("<code><span>--limit</span></code> and --format &lt;N&gt;", encoding="utf-8")
    build_docs.check_options(source, page)
    page.write_text("<code>--limit</code> and \u2013format &lt;N&gt;", encoding="utf-8")
    with pytest.raises(SystemExit, match=r"does not show --format as often as commands\.md"):
        build_docs.check_options(source, page)


def test_the_reference_lists_every_file_of_a_map_folder():
    text = read("map-folder.md")
    missing = [name for name in layout.MAP_FILES if f"`{name.partition('/')[0]}" not in text]
    assert missing == []


def test_the_documentation_of_the_viewer_lists_every_file_of_the_bundle():
    text = (ROOT / "docs" / "explanation" / "viewer.md").read_text(encoding="utf-8")
    shown = {"column-[0-9]*.bin": "column-N.bin", "thumbnails-[0-9]*.bin": "thumbnails-S.bin"}
    missing = [name for name in layout.BUNDLE_FILES if f"`{shown.get(name, name)}`" not in text]
    assert missing == []


def test_the_reference_lists_every_column_of_the_items():
    text = read("map-folder.md")
    assert [name for name in layout.OWN_COLUMNS if f"`{name}`" not in text] == []


def test_the_reference_lists_every_entry_of_regions_json():
    (row,) = re.findall(r"^\| `regions\.json` \|.*", read("map-folder.md"), re.MULTILINE)
    assert [one.name for one in fields(Region) if f"`{one.name}`" not in row] == []
    assert "`regions`," in row  # the key of the list


def test_the_reference_lists_every_entry_of_run_json():
    text = read("map-folder.md")
    assert [name for name in RunFile.model_fields if f"`{name}`" not in text] == []


def test_every_page_is_in_a_table_of_contents():
    pages = set(build_docs.find_pages().values()) - {"index.md"}
    linked = set()
    for index in (ROOT / "docs").rglob("*.md"):
        for toctree in re.findall(r"```{toctree}\n(.*?)```", index.read_text("utf-8"), re.DOTALL):
            entries = [line for line in toctree.splitlines() if line and not line.startswith(":")]
            folder = index.parent.relative_to(ROOT / "docs")
            names = [re.sub(r".*<(.*)>", r"\1", entry) for entry in entries]
            linked |= {(folder / f"{name}.md").as_posix() for name in names}
    assert linked - {"reference/commands.md"} == pages


def test_the_gallery_shows_the_code_the_picture_and_the_map_of_each_script():
    text = (build_docs.GALLERY / "index.md").read_text(encoding="utf-8")
    shown = [
        re.findall(r"{literalinclude} (.+)\.py\n", text),
        re.findall(r"<!-- picture: \.\./generated/gallery-(\S+)\.webp .+ -->", text)
        + re.findall(r"!\[.+\]\(\.\./pictures/(.+)-images\.png\)", text),
        re.findall(r'src="\.\./_static/maps/(.+)\.html"', text),
    ]
    names = sorted(file.stem for file in build_docs.GALLERY.glob("*.py"))
    assert [sorted(one) for one in shown] == [names] * 3


@pytest.mark.parametrize(
    "page",
    build_docs.find_pages(),
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_every_link_to_a_file_of_the_repository_leads_to_a_file(page):
    build_docs.adapt_links(
        page.read_text(encoding="utf-8"), path=page, pages=build_docs.find_pages()
    )


def message_texts(file):
    """Yield the strings of a module without docstrings, and the help texts of the commands."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    docstrings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(getattr(one, "value", "")) for one in node.values)
        elif isinstance(node, ast.Constant) and (node not in docstrings or "cli" in file.parts):
            yield str(node.value)


def test_messages_name_pages_of_the_documentation_by_their_titles():
    pages = [page.read_text(encoding="utf-8") for page in build_docs.find_pages()]
    titles = {page.partition("\n")[0].removeprefix("# ") for page in pages}
    texts = [text for file in (ROOT / "src").rglob("*.py") for text in message_texts(file)]
    texts += [file.read_text(encoding="utf-8") for file in (ROOT / "src").rglob("templates/*.html")]
    named = {name for text in texts for name in re.findall(r'"([^"]+)" in the documentation', text)}
    assert len(named) >= 4
    assert named - titles == set()
    # a user of the wheel has no folder docs
    assert [text for text in texts if re.search(r"\bdocs/\w+/", text)] == []


def test_a_link_to_a_missing_file_is_an_error():
    page = ROOT / "docs" / "tutorial.md"
    with pytest.raises(FileNotFoundError, match=r"docs/tutorial\.md links to missing\.md"):
        build_docs.adapt_links("[x](missing.md)", path=page, pages=build_docs.find_pages())


def test_the_site_shows_the_pictures_that_it_makes():
    page = ROOT / "docs" / "tutorial.md"
    pages = build_docs.find_pages()
    comment, link = "<!-- picture: generated/a.webp The map -->", "![The map](generated/a.webp)"
    assert build_docs.adapt_links(comment, path=page, pages=pages) == link
    with pytest.raises(FileNotFoundError, match=r"links to generated/a\.webp"):
        build_docs.adapt_links(link, path=page, pages=pages)


def test_a_link_to_a_file_outside_the_site_becomes_text():
    page = ROOT / "docs" / "tutorial.md"
    text = build_docs.adapt_links("[x](../Makefile)", path=page, pages=build_docs.find_pages())
    assert text == "x"


def test_a_link_to_a_page_elsewhere_in_the_repository_leads_to_its_page_of_the_site():
    page = ROOT / "docs" / "howto" / "share.md"
    text = build_docs.adapt_links(
        "[x](../../engine/docs/design.md#forces)", path=page, pages=build_docs.find_pages()
    )
    assert text == "[x](../explanation/engine-design.md#forces)"
