import base64
import io
import pickle
import sys
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from pydantic import ValidationError

import featscape
from featscape.app import exports
from featscape.app.interactive_map import InteractiveMap
from featscape.bundle import open_bundle
from featscape.errors import InputError, MissingExtra
from featscape.findings import FindingRow, to_rows


@pytest.fixture
def opened(digits):
    return featscape.open_map(digits.folder)


@pytest.fixture
def ask(opened, monkeypatch):
    """Return a function that sends a request to the kernel: fields -> answer, buffers."""
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
    def test_open_map_returns_the_map_with_a_widget(self, opened, digits):
        assert isinstance(opened, InteractiveMap)
        assert opened.paths == digits.made.paths
        shown = opened._repr_mimebundle_()[0]["application/vnd.jupyter.widget-view+json"]
        assert shown["model_id"] == opened.widget.model_id

    def test_the_output_has_a_small_copy_of_the_scatter_plot(self, copied, monkeypatch):
        monkeypatch.setattr("featscape.app.widget.PICTURE_PX", 100)
        drawn = Image.new("RGB", (400, 200), "red")
        drawn.paste("blue", (200, 0, 400, 200))
        drawn.save(copied.folder / "scatter.png")
        data, _ = featscape.open_map(copied.folder)._repr_mimebundle_()
        shown = Image.open(io.BytesIO(base64.b64decode(data["image/jpeg"])))
        assert (shown.format, shown.size) == ("JPEG", (100, 50))
        for x, color in ((25, (255, 0, 0)), (75, (0, 0, 255))):
            assert np.allclose(shown.getpixel((x, 25)), color, atol=10)

    def test_the_text_of_the_output_describes_the_map(self, opened):
        data, _ = opened._repr_mimebundle_()
        assert data["text/plain"] == repr(opened)

    def test_a_pickled_map_has_the_arrays_and_opens_the_thumbnails_again(self, opened):
        shown = opened.widget
        again = pickle.loads(pickle.dumps(opened))
        assert isinstance(again, InteractiveMap)
        assert (again.paths, again.run) == (opened.paths, opened.run)
        np.testing.assert_array_equal(again.features, opened.features)
        np.testing.assert_array_equal(again.positions, opened.positions)
        assert again.thumbnails.load(1).tobytes() == opened.thumbnails.load(1).tobytes()
        assert again.widget is not shown
        assert again.selected == []

    @pytest.mark.usefixtures("quick_network")
    def test_make_map_returns_a_map_with_a_widget(self, photos, here):
        made = featscape.make_map(photos, here / "photos-map", perplexity=5, size_px=300)
        assert isinstance(made, InteractiveMap)
        assert made.folder.name == "photos-map"

    def test_the_widget_contains_the_viewer_and_no_copy_of_the_data(self, opened):
        state = opened.widget.get_state()
        assert "export" in state["_esm"]
        assert ".featscape" in state["_css"]
        assert state["selected_ids"] == []
        assert not any(isinstance(value, bytes) for value in state.values())

    def test_missing_anywidget_raises_with_the_install_command(self, digits, monkeypatch):
        monkeypatch.setitem(sys.modules, "anywidget", None)
        monkeypatch.delitem(sys.modules, "featscape.app.widget", raising=False)
        opened = featscape.open_map(digits.folder)
        with pytest.raises(MissingExtra, match=r"needs anywidget.*'featscape\[notebook\]'"):
            opened.widget  # noqa: B018 - the access is the test
        shown = opened._repr_mimebundle_()
        assert list(shown) == ["text/plain"]
        assert shown["text/plain"].startswith("<InteractiveMap: ")
        assert "pip install" in shown["text/plain"]

    @pytest.mark.parametrize("name", ["bundle/positions.bin", "scatter.png"])
    def test_a_damaged_map_raises_before_the_display(self, copied, name):
        (copied.folder / name).unlink()
        with pytest.raises(InputError, match=rf"{name} is missing"):
            featscape.open_map(copied.folder).widget  # noqa: B018 - the access is the test


class TestSelected:
    def test_no_item_is_selected_before_the_display(self, opened):
        assert opened.selected == []
        assert "widget" not in vars(opened)

    def test_selected_rows_are_ascending(self, opened, digits):
        opened.widget.set_state({"selected_ids": [41, 3, 17]})
        assert opened.selected == [3, 17, 41]
        frame = opened.selected_frame()
        assert frame["id"].tolist() == [3, 17, 41]
        assert frame["path"].tolist() == [digits.made.paths[row] for row in (3, 17, 41)]
        assert {"label", "x", "y", "width", "height"} <= set(frame.columns)

    def test_an_empty_selection_gives_a_frame_with_all_columns(self, opened):
        frame = opened.selected_frame()
        assert len(frame) == 0
        assert "label" in frame.columns

    def test_a_frame_has_a_row_for_each_item(self, opened):
        frame = opened.to_frame()
        assert tuple(frame["path"]) == opened.paths
        assert tuple(frame["label"]) == opened.labels

    def test_the_frame_of_the_findings_is_the_table_of_the_findings(self, opened):
        frame = opened.findings_frame()
        labels, splits = opened.labels, opened.splits
        rows = list(to_rows(opened.findings, labels=labels, splits=splits, columns=opened.columns))
        assert tuple(frame.columns) == FindingRow._fields
        assert frame["text"].tolist() == [row.text for row in rows]
        assert frame["id"].dropna().tolist() == [row.id for row in rows if row.id is not None]
        assert frame[frame["leak"]].empty
        named = frame[frame["id"].notna()]
        assert named["path"].tolist() == [opened.paths[item] for item in named["id"]]

    def test_dates_of_a_frame_are_datetime64(self, opened, monkeypatch):
        dates = pa.array([date(2026, 5, 1), None], pa.date32())
        monkeypatch.setattr(exports, "read_items", lambda _: pa.table({"taken": dates}))
        taken = opened.to_frame()["taken"]
        assert taken.dtype.kind == "M"
        assert taken.dt.year.tolist()[0] == 2026
        assert taken.isna().tolist() == [False, True]

    @pytest.mark.parametrize(
        ("values", "dtype"),
        [
            (pa.array([3, None], pa.int32()), "Int64"),
            (pa.array([2**63, None], pa.uint64()), "UInt64"),
            (pa.array([True, None]), "boolean"),
            (pa.array(["red", None]), "string"),
        ],
    )
    def test_the_type_of_a_column_does_not_depend_on_missing_values(
        self, opened, monkeypatch, values, dtype
    ):
        for column in (values, values[:1]):
            monkeypatch.setattr(exports, "read_items", lambda _, c=column: pa.table({"own": c}))
            own = opened.to_frame()["own"]
            assert own.dtype == dtype
            assert own.isna().tolist() == [False, True][: len(column)]
            assert own[0] == values[0].as_py()

    def test_equal_columns_of_both_frames_have_the_same_type(self, opened):
        items, found = opened.to_frame(), opened.findings_frame()
        shared = ["id", "path", "label", "split", "suggested", "duplicate_group"]
        assert items[shared].dtypes.tolist() == found[shared].dtypes.tolist()
        assert found["duplicate_kind"].dtype == "string"
        assert (
            found[["share", "share_low", "share_high", "share_expected"]].dtypes.eq("float64").all()
        )

    def test_a_parquet_file_has_all_columns_and_the_features(self, opened, tmp_path):
        table = pq.read_table(opened.to_parquet(tmp_path / "items.parquet"))
        assert table.column_names == [*opened.to_frame().columns, "vector"]
        assert np.array_equal(np.array(table["vector"].to_pylist()), opened.features)

    def test_a_parquet_file_without_features_has_the_columns_of_the_map(self, opened, tmp_path):
        table = pq.read_table(opened.to_parquet(tmp_path / "items.parquet", vector_column=None))
        assert table.column_names == list(opened.to_frame().columns)

    def test_a_column_of_features_with_the_name_of_a_column_is_refused(self, opened, tmp_path):
        with pytest.raises(InputError, match="the map has a column 'label'"):
            opened.to_parquet(tmp_path / "items.parquet", vector_column="label")
        assert not (tmp_path / "items.parquet").exists()

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("x.csv", r"must end in \.parquet; got .*x\.csv\. Choose another name, such as map"),
            ("none/x.parquet", r"there is no folder .*none\. .* or choose another with path=\.$"),
            ("folder.parquet", r"folder\.parquet is a folder\. Choose another file with path=\.$"),
        ],
    )
    def test_a_parquet_file_that_cannot_be_written_is_refused(
        self, opened, tmp_path, name, message
    ):
        (tmp_path / "folder.parquet").mkdir()
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(InputError, match=message):
            opened.to_parquet(tmp_path / name)
        assert sorted(tmp_path.rglob("*")) == before

    def test_selected_works_without_pandas(self, opened, monkeypatch):
        monkeypatch.setitem(sys.modules, "pandas", None)
        opened.widget.set_state({"selected_ids": [1]})
        assert opened.selected == [1]
        with pytest.raises(MissingExtra, match="selected_frame needs pandas"):
            opened.selected_frame()
        with pytest.raises(MissingExtra, match="findings_frame needs pandas"):
            opened.findings_frame()


class TestRead:
    def test_every_file_of_the_bundle_can_be_read_completely_and_in_part(self, ask, digits):
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
    def test_other_files_are_refused(self, ask, file):
        answer, buffers = ask(file)
        assert answer["kind"] == "error"
        assert answer["error"].startswith("the page may read only files that the manifest names")
        assert buffers is None

    @pytest.mark.parametrize(("start", "end"), [(-1, 4), (9, 3), (0, 10**9), (10**9, None)])
    def test_ranges_outside_the_file_are_refused(self, ask, start, end):
        answer, buffers = ask("ids.bin", start, end)
        assert "must be within 0 to 240 bytes" in answer["error"]
        assert buffers is None

    def test_a_replaced_map_is_refused(self, copied):
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
        assert "has changed since the map was opened" in sent[0]["error"]

    def test_invalid_messages_are_refused(self, opened):
        with pytest.raises(ValidationError, match="kind"):
            opened.widget._answer(None, {"kind": "write", "id": 1}, [])


def test_a_missing_image_is_reported_before_the_network_is_loaded(made):
    with pytest.raises(InputError, match=r"the image 'nofile\.jpg' does not exist"):
        made.place("nofile.jpg")
