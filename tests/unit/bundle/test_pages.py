"""The one-file page and the site, parsed as in a browser."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from featscape.bundle import contract, linked_page, onefile, viewer_page, write_page, write_site
from featscape.bundle.contract import Abilities, PageSetup
from featscape.bundle.read import Bundle
from featscape.errors import FeatscapeError, InputError
from featscape.files.folder_handle import FolderHandle

VIEWER = {
    "viewer.js": 'const a = "</script><script>b()</script>", c = `<!--`; if (1 < 2) {}\n',
    "viewer.css": 'p::after { content: "</style>"; }\n',
}


class Page(HTMLParser):
    """The elements of a page: name, attributes, text."""

    def __init__(self, text):
        super().__init__()
        self.elements = []
        self._is_open = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), []))
        self._is_open = True

    def handle_endtag(self, _tag):
        self._is_open = False

    def handle_data(self, data):
        if self._is_open:
            self.elements[-1][2].append(data)

    def all(self, name, **attributes):
        return [
            (has, "".join(text))
            for tag, has, text in self.elements
            if tag == name and all(has.get(key) == value for key, value in attributes.items())
        ]

    def one(self, name, **attributes):
        (found,) = self.all(name, **attributes)
        return found

    def policy(self):
        content = self.one("meta", **{"http-equiv": "Content-Security-Policy"})[0]["content"]
        return dict(part.strip().split(" ", 1) for part in content.split(";"))

    def setup(self):
        return PageSetup.model_validate_json(self.one("script", id="featscape")[1])


@pytest.fixture(autouse=True)
def viewer(tmp_path, monkeypatch):
    folder = tmp_path / "static"
    folder.mkdir()
    for name, text in VIEWER.items():
        (folder / name).write_text(text)
    monkeypatch.setattr(viewer_page, "STATIC", folder)
    return folder


@pytest.fixture
def picture(tmp_path):
    Image.new("RGB", (400, 200), "white").save(tmp_path / "scatter.png")
    return tmp_path / "scatter.png"


@pytest.fixture
def write(tmp_path, picture):
    """Return a function that writes map.html: bundle -> the elements, and the contained bundle."""

    def run(bundle, *, n_images=20_000):
        file = tmp_path / "map.html"
        write_page(bundle, file, picture=picture, n_images=n_images)
        found = Page(file.read_text(encoding="utf-8"))
        inside = tmp_path / "inside"
        inside.mkdir()
        for has, text in found.all("script", type="application/octet-stream"):
            (inside / has["data-file"]).write_bytes(base64.b64decode(text, validate=True))
        manifest = json.loads((inside / "manifest.json").read_bytes())
        return found, Bundle(FolderHandle(inside), contract.Manifest.model_validate(manifest))

    return run


def hash_of(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_policy_allows_only_the_script_of_the_page(bundle_of, write):
    found, _ = write(bundle_of(20))
    script, style = found.one("script", type="module")[1], found.one("style")[1]
    assert found.policy() == {
        "default-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "img-src": "blob: data:",
        "connect-src": "'none'",
        "script-src": hash_of(script),
        "style-src": hash_of(style),
    }


def test_the_policy_precedes_the_scripts(bundle_of, write):
    found, _ = write(bundle_of(20))
    names = [name for name, _, _ in found.elements]
    before = names[: names.index("meta") + 2]
    assert before == ["html", "head", "meta", "meta"]
    assert found.elements[3][1]["http-equiv"] == "Content-Security-Policy"


def test_the_viewer_cannot_end_the_script_element(bundle_of, write):
    found, _ = write(bundle_of(20))
    assert len(found.all("script")) == 2 + len(found.all("script", type="application/octet-stream"))
    script = found.one("script", type="module")[1]
    assert script == VIEWER["viewer.js"].replace("<s", r"\x3Cs").replace("</s", r"\x3C/s").replace(
        "<!--", r"\x3C!--"
    )
    assert found.one("style")[1] == VIEWER["viewer.css"].replace("</", "<\\/")


@pytest.mark.parametrize("title", ["</script><script>alert(1)</script>", "\"'><img src=x>", "قطط"])
def test_a_hostile_title_is_escaped(bundle_of, write, title):
    found, inside = write(bundle_of(20, title=title))
    assert found.one("title")[1] == title
    assert inside.manifest.title == title
    assert [has["alt"] for has, _ in found.all("img")] == [f"{title}: the items as points"] * 2


def test_hostile_labels_and_paths_change_no_element(bundle_of, write, tmp_path):
    plain, _ = write(bundle_of(20, folder="plain"))
    (tmp_path / "inside").rename(tmp_path / "inside-plain")
    names = [f"{row}</script><!--<script>\"'" for row in range(20)]
    labels = [names[row % 3] for row in range(20)]
    hostile, inside = write(bundle_of(20, labels=labels, paths=names, folder="hostile"))
    assert [name for name, _, _ in hostile.elements] == [name for name, _, _ in plain.elements]
    assert inside.strings(3)["path"] in names


def test_the_page_of_a_small_map_is_complete(bundle_of, write):
    bundle = bundle_of(70, columns={"note": [f"{row}" for row in range(70)]})
    found, inside = write(bundle)
    assert inside.manifest == bundle.manifest
    for name in bundle.files():
        assert (inside.folder / name).read_bytes() == (bundle.folder / name).read_bytes()
    setup = found.setup()
    assert setup == PageSetup(source="file", data="", api=None, abilities=Abilities(), notice=None)


def test_the_page_contains_a_picture_for_browsers_without_webgl(bundle_of, write):
    found, _ = write(bundle_of(5))
    has, _ = found.one("img", id="featscape-static")
    assert "hidden" in has
    assert has["src"].startswith("data:image/webp;base64,")
    assert found.one("noscript")


def test_images_beyond_the_limit_are_omitted(bundle_of, write):
    bundle = bundle_of(300)
    found, inside = write(bundle, n_images=100)
    # complete blocks
    assert [pack.n_items for pack in inside.manifest.thumbnails] == [128, 128, 112]
    for pack, whole in zip(inside.manifest.thumbnails, bundle.manifest.thumbnails, strict=True):
        for item in range(pack.n_items):
            assert inside.thumbnail(pack, item) == bundle.thumbnail(whole, item)
        assert (inside.folder / pack.file).stat().st_size == inside.array(pack.starts)[-1]
    assert inside.array(inside.manifest.positions).shape == (300, 2)
    notice = found.setup().notice
    assert "the images of all but 128 items" in notice
    assert "the largest thumbnails of all but 112 images" in notice


def test_a_page_without_images_has_no_thumbnails(bundle_of, write):
    found, inside = write(bundle_of(300), n_images=0)
    assert inside.manifest.thumbnails == []
    assert found.setup().notice.startswith("To limit its size, this page omits the images of all ")
    assert not any("thumbnails" in file.name for file in inside.folder.iterdir())


def test_larger_thumbnails_stop_at_the_limit(bundle_of, write, monkeypatch):
    bundle = bundle_of(300)
    packs = bundle.manifest.thumbnails
    smallest = bundle.array(packs[0].starts)[-1]
    middle = bundle.array(packs[1].starts)
    monkeypatch.setattr(onefile, "PICTURE_BYTES", int(smallest + middle[5]))
    found, inside = write(bundle)
    assert [pack.n_items for pack in inside.manifest.thumbnails] == [300, 160]
    assert "omits the largest thumbnails of all images." in found.setup().notice


def test_a_table_above_the_limit_is_omitted(bundle_of, write, monkeypatch):
    bundle = bundle_of(1000, images=False)
    monkeypatch.setattr(onefile, "TABLE_BYTES", bundle.array(bundle.manifest.strings.starts)[2])
    found, inside = write(bundle)
    assert inside.array(inside.manifest.neighbors.indices).shape == (1000, 0)
    assert inside.manifest.strings.n_items == 512
    assert inside.strings(511) == bundle.strings(511)
    assert "omits the nearest neighbors and the names of all but 512" in found.setup().notice


def test_a_file_truncated_after_opening_raises(bundle_of, write):
    bundle = bundle_of(20)
    file = bundle.folder / "ids.bin"
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(InputError, match=r"ids\.bin is missing or damaged: the file was truncated"):
        write(bundle)


def test_a_negative_number_of_images_is_refused(bundle_of, write):
    with pytest.raises(InputError, match="page_images must be 0 or more; got -1"):
        write(bundle_of(5), n_images=-1)


def test_the_viewer_is_small():
    static = Path(viewer_page.__file__).parent / "static"
    assert sum((static / name).stat().st_size for name in viewer_page.VIEWER) < 264 * 1024


def test_a_missing_viewer_file_raises(bundle_of, write, viewer):
    (viewer / "viewer.js").unlink()
    with pytest.raises(FeatscapeError, match=r"lacks the viewer's file viewer.js.* make viewer"):
        write(bundle_of(5))


class TestSite:
    @pytest.fixture
    def site(self, tmp_path):
        return tmp_path / "site"

    def test_the_site_contains_the_page_and_the_data(self, bundle_of, picture, site):
        bundle = bundle_of(70)
        write_site(bundle, site, picture_in=FolderHandle(picture.parent))
        assert sorted(file.name for file in site.iterdir()) == [
            "data",
            "index.html",
            "scatter.png",
            "viewer.css",
            "viewer.js",
        ]
        for name in bundle.files():
            assert (site / "data" / name).read_bytes() == (bundle.folder / name).read_bytes()
        assert (site / "viewer.js").read_text() == VIEWER["viewer.js"]

    def test_the_policy_allows_only_the_server_of_the_site(self, bundle_of, picture, site):
        write_site(bundle_of(5), site, picture_in=FolderHandle(picture.parent))
        found = Page((site / "index.html").read_text())
        scripts = found.all("script")
        assert found.policy() == {
            "default-src": "'none'",
            "base-uri": "'none'",
            "form-action": "'none'",
            "img-src": "'self' blob: data:",
            "connect-src": "'self'",
            "script-src": f"'self' {hash_of(scripts[1][1])}",
            "style-src": "'self'",
        }
        assert found.setup().source == "site"
        assert found.setup().data == "data/"
        assert [has for has, _ in scripts] == [
            {"type": "application/json", "id": "featscape"},
            {},  # from disk: shows the picture without waiting
            {"type": "module", "src": "viewer.js"},
        ]

    def test_a_missing_picture_raises(self, bundle_of, picture, site):
        picture.unlink()
        with pytest.raises(InputError, match=r"scatter.png is missing or damaged: .* Make the map"):
            write_site(bundle_of(5), site, picture_in=FolderHandle(picture.parent))
        assert not site.exists()

    @pytest.mark.parametrize("content", [b"", b"a secret key", b"\x89PNG\r\n\x1a\n"])
    def test_a_picture_that_is_not_png_is_not_published(self, bundle_of, picture, site, content):
        picture.write_bytes(content)
        with pytest.raises(InputError, match=r"scatter.png is .* damaged: it is not a PNG image"):
            write_site(bundle_of(5), site, picture_in=FolderHandle(picture.parent))
        assert not site.exists()

    def test_a_link_is_not_published(self, bundle_of, picture, site):
        picture.rename(picture.with_name("elsewhere.png"))
        picture.symlink_to("elsewhere.png")
        with pytest.raises(InputError, match=r"scatter.png is .* damaged: it is a link"):
            write_site(bundle_of(5), site, picture_in=FolderHandle(picture.parent))
        assert not site.exists()

    def test_an_empty_folder_is_filled(self, bundle_of, picture, site):
        site.mkdir()
        write_site(bundle_of(5), site, picture_in=FolderHandle(picture.parent))
        assert (site / "index.html").exists()

    @pytest.mark.parametrize("force", [False, True])
    def test_other_files_are_never_replaced(self, bundle_of, picture, site, force):
        site.mkdir()
        (site / "index.html").write_text("<title>my own</title>")
        with pytest.raises(InputError, match=r"is not a site that featscape wrote, .* with -o"):
            write_site(bundle_of(5), site, picture_in=FolderHandle(picture.parent), force=force)
        assert [file.name for file in site.iterdir()] == ["index.html"]

    def test_a_file_is_never_replaced(self, bundle_of, picture, site):
        site.write_text("mine")
        with pytest.raises(InputError, match="is not a site that featscape wrote"):
            write_site(bundle_of(5), site, picture_in=FolderHandle(picture.parent), force=True)
        assert site.read_text() == "mine"

    def test_replacing_a_site_needs_force(self, bundle_of, picture, site):
        write_site(bundle_of(5, folder="old"), site, picture_in=FolderHandle(picture.parent))
        new = bundle_of(9, folder="new")
        with pytest.raises(InputError, match=r"already exists. Replace the site with --force"):
            write_site(new, site, picture_in=FolderHandle(picture.parent))
        write_site(new, site, picture_in=FolderHandle(picture.parent), force=True)
        assert json.loads((site / "data" / "manifest.json").read_text())["n_items"] == 9

    @pytest.mark.parametrize("name", ["CNAME", ".git/HEAD", "data/notes.txt"])
    def test_force_does_not_delete_other_files(self, bundle_of, picture, site, name):
        bundle = bundle_of(5)
        write_site(bundle, site, picture_in=FolderHandle(picture.parent))
        (site / name).parent.mkdir(exist_ok=True)
        (site / name).write_text("mine")
        with pytest.raises(
            InputError, match=r"the site .* contains files that featscape did not write: "
        ):
            write_site(bundle, site, picture_in=FolderHandle(picture.parent), force=True)
        assert (site / name).read_text() == "mine"

    def test_a_missing_parent_raises(self, bundle_of, picture, site):
        with pytest.raises(InputError, match="choose another with -o"):
            write_site(bundle_of(5), site / "below", picture_in=FolderHandle(picture.parent))

    def test_a_failed_export_leaves_no_files(self, bundle_of, picture, site, viewer, tmp_path):
        (viewer / "viewer.css").unlink()
        bundle = bundle_of(5)
        before = sorted(tmp_path.iterdir())
        with pytest.raises(FeatscapeError, match=r"viewer.css"):
            write_site(bundle, site, picture_in=FolderHandle(picture.parent))
        assert sorted(tmp_path.iterdir()) == before


def test_the_viewer_files_may_have_a_prefix():
    setup = PageSetup(
        source="server",
        data="data/",
        api="api/",
        abilities=Abilities(search=True),
        notice="</script><b>",
    )
    text = linked_page(title="t", setup=setup, viewer="static/")
    found = Page(text)
    assert found.setup() == setup
    assert found.one("link", rel="stylesheet")[0]["href"] == "static/viewer.css"
    assert re.search(r'<script type="module" src="static/viewer.js">', text)
