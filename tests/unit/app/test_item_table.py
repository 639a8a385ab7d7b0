"""Item details and search, with every type of column that a table may contain."""

import datetime as dt
import threading

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from featscape.app.item_table import ItemTable
from featscape.errors import InputError


def write_items(folder, n_items=None, texts=(), **columns):
    """Write a table that has the columns of every map, and some more."""
    n_items = n_items or len(next(iter(columns.values())))
    known = dict.fromkeys(["path", "label", "split"], pa.nulls(n_items, pa.string()))
    numbers = {name: pa.array(np.full(n_items, 3, np.int32)) for name in ("width", "height")}
    places = {name: pa.array(np.zeros(n_items, np.float32)) for name in "xy"}
    ids = {"id": pa.array(np.arange(n_items, dtype=np.int32))}
    pq.write_table(pa.table(ids | known | numbers | places | columns), folder / "items.parquet")
    return ItemTable(folder, texts=texts)


class TestSearch:
    @pytest.fixture
    def items(self, tmp_path):
        return write_items(
            tmp_path,
            texts=["note"],
            path=[
                "a/Éléphant 1.jpg",
                "b/elephant_2.jpg",
                "c/100%.png",
                "d/O'Brien.png",
                "e/قط.png",
                "f/한국 İstanbul.gif",
            ],
            label=["Tier", "TIER", "", "straße", "حيوان", ""],
            note=["e\u0301t\u00e9", None, "x_y", '"; DROP TABLE items; --', "a\nb", None],
        )

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("elephant", [0, 1]),
            ("ÉLÉPHANT", [0, 1]),
            ("e\u0301le\u0301phant", [0, 1]),
            ("tier elephant", [0, 1]),
            ("jpg  2\ttier", [1]),
            ("tier png", []),
            ("été", [0]),
            ("100%", [2]),
            ("%", [2]),
            ("_", [1, 2]),
            ("'", [3]),
            ("DROP", [3]),
            ('"; DROP TABLE items; --', [3]),
            ("' OR 1=1 --", []),
            ("STRASSE", [3]),
            ("STRAßE", [3]),
            ("قط", [4]),
            ("brien\nd/o", [3]),  # two words
            ("", [0, 1, 2, 3, 4, 5]),
            ("\x00", []),
            ("한", [5]),
            ("ISTANBUL", [5]),
        ],
    )
    def test_every_word_is_found_in_some_column(self, items, text, expected):
        found = items.search(text)
        assert found.dtype == np.uint32
        assert found.tolist() == expected

    @pytest.mark.parametrize(  # the same pairs as in viewer/src/state/search/find.test.ts
        ("text", "query", "same"),
        [
            ("Käfer", "KAFER", True),
            ("Straße", "strasse", True),
            ("Straße", "STRAẞE", True),
            ("ΑΘΉΝΑΣ", "αθηνασ", True),
            ("ﾈｺ", "ネコ", True),
            ("Ｃａｔ", "cat", True),
            ("ガ", "カ", False),
            ("ｶﾞ", "ガ", True),
            ("أَرْنَب", "ارنب", True),
            ("قـــط", "قط", True),
            ("की", "क", False),
            ("ø", "o", False),
            ("Levi’s", "levi's", True),
        ],
    )
    def test_letters_are_compared_without_case_accents_and_width(self, tmp_path, text, query, same):
        items = write_items(tmp_path, path=[f"{text}."])
        assert (items.search(f"{query}.").tolist() == [0]) is same

    @pytest.mark.parametrize(  # the same queries as in viewer/src/state/search/find.test.ts
        ("text", "expected"),
        [
            ("catalogue", []),
            ("cat", [2]),
            ("path:cat", []),
            ("label:cat", [2]),
            ("catalogue.parquet/1", [0, 1]),
            ("PARQUET cät", [2]),
            ("parquet/2", [2]),
        ],
    )
    def test_the_folders_of_all_paths_are_not_searched(self, tmp_path, text, expected):
        paths = [f"Cätalogue.parquet/{number}" for number in (1, 10, 2)]
        items = write_items(tmp_path, path=paths, label=["dog", "dog", "cat parquet"])
        assert items.search(text).tolist() == expected

    def test_a_word_never_spans_two_columns(self, items):
        assert items.search("jpgTier").tolist() == []

    def test_pattern_characters_are_literal(self, items):
        assert items.search(".*").tolist() == []
        assert items.search("[a-z]").tolist() == []

    def test_searches_in_parallel_threads_are_correct(self, tmp_path):
        paths = [f"folder/{number:05d}.png" for number in range(20_000)]
        items = write_items(tmp_path, path=paths)
        found = {}

        def look(number):
            found[number] = items.search(f"00{number}").tolist()

        threads = [threading.Thread(target=look, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for number in range(8):
            expected = [i for i, path in enumerate(paths) if f"00{number}" in path]
            assert found[number] == expected

    def test_a_map_without_texts_can_be_searched(self, tmp_path):
        items = write_items(tmp_path, n_items=3)
        assert items.search("x").tolist() == []
        assert items.search(" ").tolist() == [0, 1, 2]

    def test_dictionary_columns_are_searched(self, tmp_path):
        kinds = pa.array(["cat", None, "dog"]).dictionary_encode()
        assert write_items(tmp_path, texts=["kind"], kind=kinds).search("dog").tolist() == [2]

    def test_phrases_and_columns_are_searched(self, tmp_path):
        items = write_items(
            tmp_path,
            texts=["my kind"],
            path=["a dog.png", "dog a.png", "cat:x"],
            **{"my kind": ["Cat", "b", "dog"]},
        )
        assert items.search('"a dog"').tolist() == [0]
        assert items.search("a dog").tolist() == [0, 1, 2]
        assert items.search("path:dog").tolist() == [0, 1]
        assert items.search('"MY KIND":dog').tolist() == [2]
        assert items.search("path:dog CAT").tolist() == [0]
        assert items.search("cat:x").tolist() == [2]  # no column has this name
        assert items.search('cat:"x y"').tolist() == []

    def test_categories_are_searched_if_the_table_has_them(self, tmp_path):
        write_items(tmp_path, split=["train", "test"])
        items = ItemTable(tmp_path, categories=["split", "missing"])
        assert items.search("test").tolist() == [1]
        assert items.search("split:train").tolist() == [0]

    def test_other_columns_are_not_searched(self, tmp_path):
        items = write_items(tmp_path, split=["train", "test"], path=["train/a", "b"])
        assert items.search("train").tolist() == [0]
        assert items.search("test").tolist() == []

    def test_a_missing_text_column_raises(self, tmp_path):
        with pytest.raises(InputError, match=r"items.parquet is .*: it lacks the columns note\."):
            write_items(tmp_path, n_items=2, texts=["note"])


class TestDetails:
    def test_every_type_of_column_becomes_json(self, tmp_path):
        items = write_items(
            tmp_path,
            share=[0.5, np.nan],
            infinite=[np.inf, -np.inf],
            count=[2, None],
            exact=[-(2**53), 2**53],
            large=[2**53 + 1, -(2**63)],
            good=[True, False],
            day=[dt.date(2024, 2, 29), None],
            label=["<b>", "c"],
        )
        first, second = items.details(0), items.details(1)
        assert first.label == "<b>"
        assert first.width == 3
        assert first.columns == {
            "split": None,
            "share": 0.5,
            "infinite": None,
            "count": 2,
            "exact": -(2**53),
            "large": "9007199254740993",  # JavaScript would round the integer
            "good": True,
            "day": "2024-02-29",
        }
        assert first.columns["good"] is True
        assert second.columns["share"] is None
        assert second.columns["count"] is None
        second.model_dump_json()

    @pytest.mark.parametrize("days", [-(2**31), 10**7])
    def test_a_date_that_python_cannot_represent_raises(self, tmp_path, days):
        with pytest.raises(InputError, match="column day has dates outside the years 1 to 9999"):
            write_items(tmp_path, day=pa.array([days, 0, None], pa.date32()))

    def test_a_path_keeps_bytes_that_are_not_utf8(self, tmp_path):
        items = write_items(tmp_path, path=["a\\xe9.png"], path_bytes=[b"a\xe9.png"])
        assert items.path(0) == "a\udce9.png"
        assert items.details(0).path == "a\\xe9.png"
        assert items.has_paths

    def test_a_map_of_features_has_no_paths(self, tmp_path):
        items = write_items(tmp_path, n_items=2)
        assert items.path(1) is None
        assert not items.has_paths
