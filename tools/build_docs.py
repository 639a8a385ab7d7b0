"""Build the documentation site in build/docs/html. `make docs` runs this script; it works offline.

1. Copy the pages to build/docs/source: docs/, and the pages that are elsewhere in the repository.
2. Write the reference of the commands from the definitions of the command line.
3. Make the maps that the tutorial and the gallery show, from the pictures in data.
4. Run Sphinx. Every warning is an error.
"""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
import sys
from collections import Counter
from contextlib import chdir
from html import unescape
from pathlib import Path

from command_reference import write_commands
from PIL import Image

from featscape import make_map
from featscape.defaults import INSTALLED_MODEL

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
GALLERY = DOCS / "gallery"
BUILD = ROOT / "build" / "docs"
DATA = ROOT / "data"
NEEDED = ("animals", "fashion-mnist", "stamps")  # folders of pictures in DATA

# Pages that are not in docs/: file in the repository -> page of the site
ELSEWHERE = {
    "engine/README.md": "howto/engine.md",
    "engine/docs/design.md": "explanation/engine-design.md",
    "engine/docs/schedule.md": "explanation/schedule.md",
    "benchmarks/README.md": "explanation/benchmarks.md",
    "benchmarks/RESULTS.md": "explanation/results.md",
    "engine/benchmarks/README.md": "explanation/engine-benchmarks.md",
    "engine/benchmarks/RESULTS.md": "explanation/engine-results.md",
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
}
GENERATED = "generated"  # folder of the site with pictures and pages that this script makes
# A comment in the place of a picture that `make_maps` makes, with its address and its text. The
# repository does not contain these pictures, and the files are read there as well.
PICTURE = re.compile(r"<!-- picture: (\S+) (.+?) -->")
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


def main() -> None:
    source = BUILD / "source"
    shutil.rmtree(source, ignore_errors=True)
    copy_pages(source)
    (source / "reference" / "commands.md").write_text(write_commands(), encoding="utf-8")
    make_maps(source)
    sphinx = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet"]
    subprocess.run([*sphinx, "-E", str(source), str(BUILD / "html")], check=True)
    check_options(source / "reference/commands.md", BUILD / "html/reference/commands.html")
    print(f"Built {(BUILD / 'html' / 'index.html').relative_to(ROOT)}")


def check_options(source: Path, page: Path) -> None:
    """Exit with an error unless the page of the commands shows every option of its source."""
    text = unescape(re.sub(r"<[^>]*>", "", page.read_text(encoding="utf-8")))
    written, built = (
        Counter(re.findall(r"--[a-z][a-z-]+", words))
        for words in (source.read_text(encoding="utf-8"), text)
    )
    if missing := written - built:
        sys.exit(f"{page.name} does not show {', '.join(missing)} as often as {source.name} does.")


def find_pages() -> dict[Path, str]:
    """Return the pages of the site: file in the repository -> path in the site."""
    pages = {path: path.relative_to(DOCS).as_posix() for path in sorted(DOCS.rglob("*.md"))}
    pages |= {ROOT / file: page for file, page in ELSEWHERE.items()}
    return pages | {ROOT / "README.md": "index.md"}


def copy_pages(target: Path) -> None:
    """Copy the pages with the links of the site, and the other files of docs/ unchanged."""
    shutil.copytree(DOCS, target, ignore=shutil.ignore_patterns("*.md", "__pycache__"))
    pages = find_pages()
    for path, page in pages.items():
        if path == ROOT / "README.md":
            continue  # docs/index.md is the first page
        file = target / page
        file.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text(encoding="utf-8")
        file.write_text(adapt_links(text, path=path, pages=pages), encoding="utf-8")


def adapt_links(text: str, *, path: Path, pages: dict[Path, str]) -> str:
    """Return the text of a page with links between the pages of the site, and with its pictures.

    A link to a file that is not in the site becomes plain text. A link to a missing file raises
    FileNotFoundError.
    """
    folder = Path(pages[path]).parent

    def adapt(link: re.Match[str]) -> str:
        picture, words, address = link.groups()
        place, hash_, anchor = address.partition("#")
        if not place or "://" in place or place.startswith("mailto:"):
            return link.group()
        linked = Path(os.path.normpath(path.parent / place))
        if not linked.exists():
            raise FileNotFoundError(f"{path.relative_to(ROOT)} links to {place}, which is missing")
        page = pages.get(linked / "README.md" if linked.is_dir() else linked)
        if page is None and linked.is_relative_to(DOCS):
            page = linked.relative_to(DOCS).as_posix()
        if page is None:
            return words
        return f"{picture}[{words}]({os.path.relpath(page, folder)}{hash_}{anchor})"

    fences = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    adapted = (part if i % 2 else LINK.sub(adapt, part) for i, part in enumerate(fences))
    return PICTURE.sub(r"![\2](\1)", "".join(adapted))


def make_maps(source: Path) -> None:
    """Make the maps of the tutorial and the gallery, and copy pictures and pages to the site."""
    missing = [f"data/{name}" for name in NEEDED if not (DATA / name).is_dir()]
    if missing:
        sys.exit(f"The site shows pictures of {missing[0]}. Run make {' '.join(missing)}.")
    (source / GENERATED).mkdir()
    pages = source / "_static" / "maps"
    pages.mkdir()
    maps = BUILD / "maps"
    maps.mkdir(parents=True, exist_ok=True)
    for name, options in {"animals": {}, "animals-5": {"perplexity": 5}}.items():
        made = make_map(DATA / "animals", maps / name, model=INSTALLED_MODEL, force=True, **options)
        for picture in ("scatter.png", "images.png", "images-grid.png"):
            copy_picture(made.folder / picture, source / GENERATED / f"{name}-{picture}")
    shutil.copy(maps / "animals" / "map.html", pages / "animals.html")
    make_gallery(source, maps)


def make_gallery(source: Path, maps: Path) -> None:
    """Run the scripts of the gallery, and copy the pictures and pages of their maps to the site.

    Each script leaves its map in the variable `made` and writes a picture with the script's name.
    """
    data = maps / "data"
    data.unlink(missing_ok=True)
    data.symlink_to(DATA, target_is_directory=True)
    for script in sorted(GALLERY.glob("*.py")):
        with chdir(maps):
            made = runpy.run_path(str(script))["made"]
            shutil.copy(made.folder / "map.html", source / "_static/maps" / f"{script.stem}.html")
            picture = Path(f"{script.stem}.png")
            copy_picture(picture, source / GENERATED / f"gallery-{picture}")


def copy_picture(picture: Path, target: Path) -> None:
    """Write a picture as WebP for the site, at most 1,600 pixels wide and high."""
    with Image.open(picture) as image:
        image.thumbnail((1600, 1600))
        image.convert("RGB").save(target.with_suffix(".webp"))


if __name__ == "__main__":
    main()
