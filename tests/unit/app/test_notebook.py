import sys

import pytest
from pydantic import ValidationError

import featscape
from featscape.app.notebook import InteractiveMap
from featscape.bundle import open_bundle
from featscape.errors import InputError, MissingExtra


@pytest.fixture
def opened(digits):
    return featscape.open_map(digits.folder)


@pytest.fixture
def ask(opened, monkeypatch):
    """Return a function that asks the kernel as the page does: fields -> answer, buffers."""
    sent = []
    widget = opened.widget
    monkeypatch.setattr(
        widget, "send", lambda content, buffers=None: sent.append((content, buffers))
    )

    def read(file, start=0, end=None, **others):
        asked = {"kind": "read", "id": 7, "file": file, "start": start, "end": end, **others}
        widget._handle_custom_msg(asked, [])
        return sent.pop()

    return read


class TestShow:
    def test_a_map_is_the_plain_one_and_shows_a_widget(self, opened, digits):
        assert isinstance(opened, InteractiveMap)
        assert opened.paths == digits.made.paths
        shown = opened._repr_mimebundle_()[0]["application/vnd.jupyter.widget-view+json"]
        assert shown["model_id"] == opened.widget.model_id

    @pytest.mark.usefixtures("quick_network")
    def test_what_was_just_made_shows_itself_too(self, photos, here):
        made = featscape.make_map(photos, here / "photos-map", perplexity=5, size_px=300)
        assert isinstance(made, InteractiveMap)
        assert made.folder.name == "photos-map"

    def test_the_page_is_the_viewer_and_holds_no_second_copy_of_the_data(self, opened):
        state = opened.widget.get_state()
        assert "export" in state["_esm"]
        assert ".featscape" in state["_css"]
        assert state["selected_ids"] == []
        assert not any(isinstance(value, bytes) for value in state.values())

    def test_without_anywidget_it_says_what_to_install(self, digits, monkeypatch):
        monkeypatch.setitem(sys.modules, "anywidget", None)
        monkeypatch.delitem(sys.modules, "featscape.app.widget", raising=False)
        opened = featscape.open_map(digits.folder)
        with pytest.raises(MissingExtra, match=r"anywidget .* pip install 'featscape\[notebook\]'"):
            opened.widget  # noqa: B018 - the access is the test
        shown = opened._repr_mimebundle_()
        assert list(shown) == ["text/plain"]
        assert shown["text/plain"].startswith("InteractiveMap(folder=")
        assert "pip install" in shown["text/plain"]

    def test_a_damaged_map_says_so_before_it_is_shown(self, copied):
        (copied.folder / "bundle" / "positions.bin").unlink()
        with pytest.raises(InputError, match=r"positions\.bin is missing"):
            featscape.open_map(copied.folder).widget  # noqa: B018 - the access is the test


class TestSelected:
    def test_nothing_before_it_is_shown(self, opened):
        assert opened.selected == []
        assert "widget" not in vars(opened)

    def test_rows_in_their_order(self, opened, digits):
        opened.widget.set_state({"selected_ids": [41, 3, 17]})
        assert opened.selected == [3, 17, 41]
        frame = opened.selected_frame()
        assert frame["id"].tolist() == [3, 17, 41]
        assert frame["path"].tolist() == [digits.made.paths[row] for row in (3, 17, 41)]
        assert {"label", "x", "y", "width", "height"} <= set(frame.columns)

    def test_a_frame_of_nothing_has_the_columns_all_the_same(self, opened):
        frame = opened.selected_frame()
        assert len(frame) == 0
        assert "label" in frame.columns

    def test_without_pandas_the_list_remains(self, opened, monkeypatch):
        monkeypatch.setitem(sys.modules, "pandas", None)
        opened.widget.set_state({"selected_ids": [1]})
        assert opened.selected == [1]
        with pytest.raises(MissingExtra, match="pandas to give a table"):
            opened.selected_frame()


class TestRead:
    def test_each_file_of_the_bundle_whole_and_in_part(self, ask, digits):
        bundle = open_bundle(digits.folder / "bundle")
        for name in bundle.files():
            content = (bundle.folder / name).read_bytes()
            answer, [whole] = ask(name)
            assert (answer["kind"], answer["id"], whole) == ("data", 7, content)
            assert ask(name, 3, 9)[1] == [content[3:9]]
            assert ask(name, len(content))[1] == [b""]

    @pytest.mark.parametrize(
        "file", ["run.json", "../run.json", "/etc/passwd", "", "bundle/manifest.json", "\0"]
    )
    def test_no_other_file(self, ask, file):
        answer, buffers = ask(file)
        assert answer["kind"] == "error"
        assert answer["error"].startswith("a page may read the files that its map's manifest names")
        assert buffers is None

    @pytest.mark.parametrize(("start", "end"), [(-1, 4), (9, 3), (0, 10**9), (10**9, None)])
    def test_no_bytes_outside(self, ask, start, end):
        answer, buffers = ask("ids.bin", start, end)
        assert "must lie within its 240 bytes" in answer["error"]
        assert buffers is None

    def test_a_map_that_was_replaced_is_not_mixed_with_the_old_one(self, copied):
        widget = featscape.open_map(copied.folder).widget
        sent = []
        widget.send = lambda content, _buffers=None: sent.append(content)
        file = copied.folder / "bundle" / "ids.bin"
        content = file.read_bytes()
        file.unlink()
        file.write_bytes(content[::-1])
        widget._handle_custom_msg(
            {"kind": "read", "id": 1, "file": "ids.bin", "start": 0, "end": None}, []
        )
        assert "has changed since it was opened" in sent[0]["error"]

    def test_what_is_no_question_is_refused(self, opened):
        with pytest.raises(ValidationError, match="kind"):
            opened.widget._answer(None, {"kind": "write", "id": 1}, [])
