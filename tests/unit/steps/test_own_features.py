"""Features of another program, with the images, labels and columns of their rows."""

import os

import numpy as np
import pytest
import torch

import featscape
from featscape import embed_features, find_images
from featscape.errors import InputError
from featscape.feature_options import FeatureMapOptions
from featscape.mapfolder.read import read_digests
from featscape.progress import PlainProgress
from featscape.steps.own_features import read_own_features

N = 24  # photographs


@pytest.fixture
def features(here):
    values = np.random.default_rng(0).normal(size=(N, 5)).astype(np.float32)
    np.save(here / "f.npy", values)
    return values


def read(**options):
    return read_own_features(FeatureMapOptions("f.npy", **options))


def write_table(file, columns):
    names = list(columns)
    rows = zip(*columns.values(), strict=True)
    lines = [",".join(names), *(",".join(map(str, row)) for row in rows)]
    file.write_text("\n".join(lines) + "\n")


class TestImages:
    def test_a_map_has_the_images_of_the_rows(self, features, photos):
        made = embed_features("f.npy", "m", images=photos, perplexity=4, size_px=400)
        found = find_images(photos)
        assert (made.paths, made.labels) == (found.paths, found.labels)
        np.testing.assert_array_equal(made.features, features)
        assert len(made.thumbnails) == N
        assert made.sizes_px.tolist() == [list(found.load(i).size) for i in range(N)]
        assert (made.folder / "images.png").exists()
        assert (made.folder / "images-grid.png").exists()
        assert (made.run["source"], made.run["source_kind"]) == (str(photos), "folder")
        assert made.run["thumbnail_px"] == 256
        assert made.run["model"] is None
        assert made.run["parameters"]["features_source"] == os.path.realpath("f.npy")
        message = r"m was made of features, .* with load_tsne\(map\)\.transform\(features\)"
        with pytest.raises(InputError, match=message):
            featscape.open_map("m").place_images(photos)
        assert featscape.load_tsne(made).transform(features[:3]).shape == (3, 2)

    @pytest.mark.parametrize("name", ["url", "image", "file_name"])
    def test_a_column_of_the_names_of_arrays_is_an_ordinary_column(self, features, name):
        values = [f"https://example.org/{i}" if name == "url" else f"{i}.png" for i in range(N)]
        pixels = np.zeros((N, 8, 6), dtype=np.uint8)
        own = read_own_features(
            FeatureMapOptions(features, "m", images=pixels, columns={name: values})
        )
        assert own.items.images.columns[name] == tuple(values)
        with pytest.raises(InputError, match=f"24 of 24 are not, .* rename the column '{name}'"):
            read_own_features(
                FeatureMapOptions(
                    features, "m", images=pixels, columns={name: values}, path_column=name
                )
            )

    @pytest.mark.usefixtures("features")
    def test_addresses_beside_a_column_of_paths_of_files_are_an_ordinary_column(self, photos):
        found = find_images(photos)
        urls = [f"https://example.org/{path}" for path in found.paths]
        images = read(images=photos, columns={"file": urls}).items.images
        assert (images.paths, images.columns["file"]) == (found.paths, tuple(urls))
        columns = {"file": urls, "uri": found.paths[::-1]}
        images = read(images=photos, columns=columns).items.images
        assert (images.paths, images.columns["file"]) == (found.paths[::-1], tuple(urls))

    @pytest.mark.usefixtures("without_pictures")
    def test_thumbnails_and_hashes_are_those_of_featscape_map(self, features, made):
        own = embed_features(
            features, "own", images=made.run["source"], perplexity=4, findings=False
        )
        assert own.paths == made.paths
        assert own.run["parameters"]["features_source"] == "ndarray in Python"
        for item in range(N):
            assert own.thumbnails.encoded(item) == made.thumbnails.encoded(item)
        assert own.sizes_px.tolist() == made.sizes_px.tolist()
        digests = [read_digests(one.folder) for one in (own, made)]
        np.testing.assert_array_equal(*digests)

    @pytest.mark.usefixtures("without_pictures")
    def test_duplicates_with_different_features_keep_their_features(self, features, photos):
        paths = find_images(photos).paths
        (photos / paths[1]).write_bytes((photos / paths[0]).read_bytes())
        made = embed_features("f.npy", images=photos, perplexity=4)
        np.testing.assert_array_equal(made.features, features)
        assert [group.items for group in made.findings.duplicates] == [(0, 1)]

    @pytest.mark.usefixtures("without_pictures")
    def test_an_image_that_cannot_be_read_is_left_out_with_its_features(self, features, photos):
        paths = find_images(photos).paths
        (photos / paths[3]).write_bytes(b"no image")
        lines = []
        made = embed_features(
            "f.npy",
            images=photos,
            columns={"row": range(N)},
            perplexity=4,
            findings=False,
            progress=PlainProgress(lines.append),
        )
        kept = np.delete(np.arange(N), 3)
        np.testing.assert_array_equal(made.features, features[kept])
        assert made.columns["row"].tolist() == kept.tolist()
        assert [one["path"] for one in made.run["skipped"]] == [paths[3]]
        assert any(line.startswith("skipped 1 file: ") for line in lines)

    @pytest.mark.usefixtures("features")
    def test_no_readable_image_is_an_error(self, here):
        for i in range(N):
            (here / f"{i}.png").write_bytes(b"no image")
        files = [str(here / f"{i}.png") for i in range(N)]
        with pytest.raises(InputError, match="at least one image must be readable; none of the 24"):
            embed_features("f.npy", "m", images=files, perplexity=4)

    @pytest.mark.usefixtures("features")
    def test_another_number_of_images_is_an_error(self, photos):
        (photos / "0.heic").write_bytes((photos / find_images(photos).paths[0]).read_bytes())
        (photos / find_images(photos).paths[0]).unlink()
        message = r"have 24 rows, and .* has 23 images \(1 skipped, the first of them 0.heic: "
        with pytest.raises(InputError, match=message):
            read(images=photos)

    @pytest.mark.usefixtures("features")
    def test_images_of_find_images_and_of_a_list(self, photos):
        images = find_images(photos)
        assert read(images=images).items.images is not None
        chosen = images.select(range(N)[::-1])
        assert read(images=chosen).items.paths == images.paths[::-1]
        files = [photos / path for path in images.paths]
        assert read(images=files, labels=images.labels).labels == images.labels

    @pytest.mark.usefixtures("features")
    def test_missing_labels_replace_the_labels_of_the_images(self, photos):
        own = read(images=photos, labels=[np.nan] * N)
        assert (own.labels, own.items.images.labels) == (None, None)
        assert read(images=photos).labels == find_images(photos).labels

    @pytest.mark.usefixtures("features")
    def test_an_output_inside_the_images_is_an_error(self, photos):
        with pytest.raises(InputError, match="is inside the source"):
            read(images=photos, output=photos / "m")


class TestPaths:
    @pytest.mark.usefixtures("features")
    @pytest.mark.parametrize("kind", ["folder", "set", "list", "set of a list", "table"])
    def test_the_paths_of_columns_determine_the_images_of_every_source(self, photos, kind):
        folder = find_images(photos)
        files = [str(photos / path) for path in folder.paths]
        sources = {"folder": photos, "set": folder, "list": files, "table": {"file": files}}
        images = sources[kind] if kind in sources else find_images(files)
        order = np.random.default_rng(3).permutation(N)
        known = folder.paths if kind in {"folder", "set"} else files
        paths = [known[item] for item in order]
        own = read(images=images, columns={"path": paths, "item": order})
        assert own.items.paths == tuple(paths)
        assert own.items.images.columns["item"].tolist() == order.tolist()
        assert "source path" not in own.items.images.columns
        for row in (0, 5, N - 1):
            assert own.items.images.read(row) == folder.read(order[row])
        with pytest.raises(InputError, match=r"24 of 24 are not, .* rename the column 'path'\.$"):
            read(images=images, columns={"path": [f"x/{item}.png" for item in order]})

    @pytest.mark.usefixtures("features")
    def test_a_frame_without_columns_is_no_columns(self, photos):
        files = [str(photos / path) for path in find_images(photos).paths]
        images = {"file": files, "row": list(range(N))}
        own = read(images=images, columns={}, label_column="row")
        assert own.labels == tuple(map(str, range(N)))

    @pytest.mark.usefixtures("features")
    def test_the_paths_of_a_table_determine_the_images(self, here, photos):
        paths = find_images(photos).paths[::-1]
        write_table(here / "t.csv", {"file": paths, "score": range(N)})
        own = read(images=photos, columns="t.csv")
        assert own.items.paths == paths
        assert own.labels == tuple(path.partition("/")[0] for path in paths)
        assert own.items.images.columns["score"].tolist() == list(range(N))
        assert "source path" not in own.items.images.columns

    def test_images_without_a_row_are_reported(self, here, photos):
        np.save("f.npy", np.eye(4))
        write_table(here / "t.csv", {"file": find_images(photos).paths[:4]})
        lines = []
        own = read(images=photos, columns="t.csv", progress=PlainProgress(lines.append))
        assert len(own.items.paths) == 4
        assert lines[0] == "not in the map: 20 of 24 images without a row in 't.csv'"

    @pytest.mark.usefixtures("features")
    @pytest.mark.parametrize(
        ("path", "message"),
        [
            ("lost.png", "1 of 24 are not, the first of them 'lost.png'"),
            ("blue/01.png", "t.csv, line 3: duplicate path: blue/01.png, as in line 2"),
            ("", "t.csv, line 3: invalid row: no path"),
        ],
    )
    def test_a_path_that_names_no_image_of_its_own_is_an_error(self, here, photos, path, message):
        paths = [f"{color}/{i:02}.png" for color in ("blue", "green", "red") for i in range(8)]
        paths[0], paths[1] = "blue/01.png", path
        write_table(here / "t.csv", {"file": paths, "score": range(N)})
        with pytest.raises(InputError) as caught:
            read(images=photos, columns="t.csv")
        assert message in str(caught.value)


@pytest.mark.usefixtures("features")
class TestNames:
    """The names of files that are stored beside the bytes of images."""

    @pytest.fixture
    def stored(self, features, photos):
        """Return the names and the file of features, images and a number of each image."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        images = find_images(photos)
        names = [path.replace("/", "-") for path in images.paths]
        contents = [{"bytes": images.read(i), "path": names[i]} for i in range(N)]
        columns = {"embedding": list(features), "image": contents, "number": range(N)}
        pq.write_table(pa.table(columns), photos / "f.parquet")
        return names, photos / "f.parquet"

    @pytest.mark.parametrize("path_column", [None, "file_name", "number"])
    @pytest.mark.parametrize("given", ["labels", "columns", "paths"])
    def test_the_images_of_the_features_get_the_row_with_their_name(
        self, here, features, stored, given, path_column
    ):
        names, file = stored
        order = np.random.default_rng(3).permutation(N)
        rows = {"file_name": [names[item] for item in order], "label": order, "item": order}
        if given == "paths" and path_column is None:
            rows["file_name"] = [f"f.parquet/{item}" for item in order]
        write_table(here / "t.csv", rows)
        table = {"labels" if given == "labels" else "columns": here / "t.csv"}
        own = read_own_features(FeatureMapOptions(file, path_column=path_column, **table))
        images = own.items.images
        np.testing.assert_array_equal(own.values, features)
        assert images.columns["number"].tolist() == images.columns["item"].tolist()
        assert images.columns["item"].tolist() == list(range(N))
        assert own.labels == tuple(map(str, range(N)))
        assert images.columns["file_name"] == tuple(names)

    @pytest.mark.parametrize("path_column", [None, "file_name"])
    def test_the_names_of_rows_determine_the_images(self, stored, path_column):
        names, file = stored
        order = np.random.default_rng(3).permutation(N)
        columns = {"file_name": [names[item] for item in order], "item": order}
        images = read(images=file, columns=columns, path_column=path_column).items.images
        assert images.columns["number"].tolist() == order.tolist()
        assert images.columns["item"].tolist() == order.tolist()

    @pytest.mark.parametrize("other", [{"file_name": 1}, {"path": 1}, {"file_name": 0}])
    def test_other_names_are_an_error(self, stored, other):
        names, file = stored
        ((column, n_known),) = other.items()
        rows = {column: names[:n_known] + [f"{i}.png" for i in range(n_known, N)]}
        for given in ({"columns": rows}, {"columns": rows, "images": file}):
            features = "f.npy" if "images" in given else file
            with pytest.raises(InputError, match=f"{N - n_known} of 24 are not, .* '{n_known}.png"):
                read_own_features(FeatureMapOptions(features, "m", **given))

    def test_a_table_with_other_values_of_a_column_of_the_images_is_an_error(self, stored):
        _, file = stored
        own = read_own_features(FeatureMapOptions(file, columns={"number": list(range(N))}))
        assert own.items.images.columns["number"].tolist() == list(range(N))
        with pytest.raises(InputError, match="a table has other values in the column 'number'"):
            read_own_features(FeatureMapOptions(file, columns={"number": list(range(N))[::-1]}))


class TestColumns:
    @pytest.mark.usefixtures("features")
    def test_a_table_of_labels_keeps_its_other_columns(self, here):
        write_table(here / "l.csv", {"digit": [3, 8] * 12, "writer": ["a", "b"] * 12})
        own = read(labels="l.csv", label_column="digit")
        assert own.labels == ("3", "8") * 12
        assert own.items.columns == {"writer": ("a", "b") * 12}

    @pytest.mark.usefixtures("features", "without_pictures")
    def test_a_map_without_images_has_columns_and_splits(self):
        columns = {"score": np.linspace(0, 1, N), "split": ["train", "test"] * 12}
        made = embed_features("f.npy", "m", columns=columns, perplexity=4, findings=False)
        np.testing.assert_array_equal(made.columns["score"], columns["score"])
        assert made.splits == ("train", "test") * 12
        assert made.paths is None

    @pytest.mark.usefixtures("features")
    def test_a_data_frame(self):
        import pandas as pd

        frame = pd.DataFrame(
            {
                "label": pd.Series(["cat", None] * 12, dtype="category"),
                "score": pd.Series([1, None] * 12, dtype="Int64"),
                "day": pd.to_datetime(["2026-05-01", None] * 12),
                7: ["x"] * N,
            }
        )
        own = read(columns=frame)
        assert own.labels == ("cat", "(no label)") * 12
        np.testing.assert_array_equal(own.items.columns["score"], [1, np.nan] * 12)
        day = np.datetime64("2026-05-01", "us")
        np.testing.assert_array_equal(own.items.columns["day"][:2], [day, np.datetime64("NaT")])
        assert own.items.columns["7"] == ("x",) * N

    @pytest.mark.usefixtures("features")
    def test_labels_beside_a_column_of_labels(self):
        own = read(labels=[None, *range(N - 1)], columns={"label": ["x"] * N})
        assert own.labels[:2] == ("(no label)", "0")
        assert own.items.columns == {"source label": ("x",) * N}

    @pytest.mark.usefixtures("features")
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (
                {"columns": {"a": [1, 2]}},
                "24 rows, one for each row of the features; 'columns'",
            ),
            ({"columns": {"a": [1] * N, "b": [2]}}, "'b' has 1 values, and another column 24"),
            ({"columns": {7: [1] * N, "7": [2] * N}}, "'7' occurs 2 times. Rename"),
            ({"labels": ["x"]}, "one for each row of the features; 'labels' has 1"),
            ({"columns": "c.txt"}, "the columns must be in a table"),
            ({"label_column": "a"}, "a label column needs a table; got 'a' without"),
            ({"path_column": "a"}, "a path column needs images; got 'a' without"),
            ({"labels": ["x"] * N, "label_column": "a"}, "but the labels are a sequence"),
        ],
    )
    def test_wrong_columns(self, options, message):
        with pytest.raises(InputError, match=message):
            read(**options)

    @pytest.mark.usefixtures("features")
    def test_a_column_in_both_tables_is_an_error(self, here):
        write_table(here / "l.csv", {"label": ["x"] * N, "a": [1] * N})
        with pytest.raises(InputError, match="'columns' repeats the column 'a'"):
            read(labels="l.csv", columns={"a": [1] * N})


class TestParquet:
    @pytest.fixture
    def write(self, features, photos):
        """Return a function that writes the features with other columns as f.parquet."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        def write(**columns):
            columns = {"embedding": list(features), "score": range(N), **columns}
            pq.write_table(pa.table(columns), photos / "f.parquet")
            return photos / "f.parquet"

        return write

    @pytest.mark.parametrize(
        "kind", ["string", "large_string", "string_view", "dictionary", "bytes"]
    )
    def test_a_column_of_images_gives_the_images(self, features, photos, write, kind):
        import pyarrow as pa

        images = find_images(photos)
        if kind == "bytes":
            contents = [{"bytes": images.read(i), "path": images.paths[i]} for i in range(N)]
            file = write(image=contents, label=images.labels)
        elif kind == "dictionary":
            file = write(url=pa.array(images.paths).dictionary_encode(), label=images.labels)
        else:
            file = write(url=pa.array(images.paths, getattr(pa, kind)()), label=images.labels)
        own = read_own_features(FeatureMapOptions(file))
        np.testing.assert_array_equal(own.values, features)
        assert own.labels == images.labels
        assert own.items.images.columns["score"].tolist() == list(range(N))
        assert own.items.images.read(5) == images.read(5)
        assert own.items.images.skipped == ()

    def test_a_table_without_images_gives_points_with_columns(self, features, write):
        lines = []
        options = {"label_column": "kind", "progress": PlainProgress(lines.append)}
        weight = ["1,5", "2"] * 12
        file = write(kind=["a", "b"] * 12, weight=weight)
        own = read_own_features(FeatureMapOptions(file, **options))
        np.testing.assert_array_equal(own.values, features)
        assert own.labels == ("a", "b") * 12
        assert (own.items.images, own.items.skipped) == (None, ())
        assert own.items.columns["score"].tolist() == list(range(N))
        assert lines == [
            "features: the column 'embedding' (--vector-column names another)",
            "columns: 'kind', 'score', 'weight'; values for 24 items",
            (
                "the column 'weight' is text: the numbers have commas, such as '1,5'. For a "
                "column of numbers, write 1.5 instead of 1,5"
            ),
        ]

    @pytest.mark.usefixtures("features")
    def test_the_label_column_may_be_in_the_table_of_the_images(self, photos):
        paths = find_images(photos).paths
        rows = {"file": [f"photos/{path}" for path in paths], "cls": list(range(N))}
        write_table(photos.parent / "i.csv", rows | {"label": ["x"] * N})
        write_table(photos.parent / "c.csv", {"n": range(N), "category": ["y"] * N})
        given = {"images": photos.parent / "i.csv", "columns": photos.parent / "c.csv"}
        own = read(**given, label_column="cls")
        assert own.labels == tuple(map(str, range(N)))
        assert list(own.items.images.columns) == ["source label", "n", "category"]
        assert read(**given, label_column="category").labels == ("y",) * N
        with pytest.raises(InputError, match=r"must be a column of 'c\.csv'; got 'kind'"):
            read(**given, label_column="kind")

    def test_rows_of_zeros_are_reported(self, features):
        features[[2, 5]] = 0
        np.save("f.npy", features)
        lines = []
        read(progress=PlainProgress(lines.append))
        assert lines == [
            "features: 2 of 24 rows are 0 (rows 2, 5), and their items are in one place of the map"
        ]

    def test_rows_that_differ_in_a_column_of_small_numbers_are_not_equal(self, features):
        features[:, 0] = 1e6
        np.save("f.npy", features)
        lines = []
        read(progress=PlainProgress(lines.append))
        assert not any("rows" in line for line in lines)

    @pytest.mark.parametrize("value", [0, 3])
    def test_equal_rows_are_reported_instead(self, features, value):
        features[:] = value
        np.save("f.npy", features)
        lines = []
        read(progress=PlainProgress(lines.append))
        (line,) = (line for line in lines if "rows" in line)
        assert line == (
            "features: all 24 rows are the same, so that positions on a map have no meaning: check "
            "the program that computed the features"
        )
        with pytest.warns(UserWarning, match="all 24 rows are the same"):
            read()

    def test_the_paths_determine_the_images_of_another_source(self, photos, write):
        paths = find_images(photos).paths[::-1]
        file = write(path=paths, label=["x"] * N)
        own = read_own_features(FeatureMapOptions(file, images=photos))
        assert own.items.paths == paths
        assert own.labels == ("x",) * N

    def test_other_labels_and_columns(self, photos, write):
        file = write(path=find_images(photos).paths, label=["x"] * N)
        columns = {"kind": ["a"] * N}
        own = read_own_features(FeatureMapOptions(file, columns=columns, label_column="kind"))
        assert own.labels == ("a",) * N

    @pytest.mark.parametrize("given", ["labels", "columns"])
    @pytest.mark.parametrize("has_source", [False, True])
    def test_the_paths_of_features_and_of_a_table_pair_their_rows(
        self, here, photos, write, given, has_source
    ):
        paths = find_images(photos).paths
        file = write(path=paths, number=range(N))
        order = np.random.default_rng(3).permutation(N)
        rows = {"file": [paths[item] for item in order], "label": order, "item": order}
        write_table(here / "t.csv", rows)
        table = {given: here / "t.csv", "images": photos if has_source else None}
        own = read_own_features(FeatureMapOptions(file, **table))
        assert own.items.images.columns["number"].tolist() == list(range(N))
        assert own.items.images.columns["item"].tolist() == list(range(N))
        assert own.labels == tuple(map(str, range(N)))
        assert own.items.images.read(5) == find_images(photos).read(5)
        write_table(here / "t.csv", rows | {"file": ["lost.png", *rows["file"][1:]]})
        with pytest.raises(InputError, match=r"'t.csv' must be an image of .* 1 of 24 are not"):
            read_own_features(FeatureMapOptions(file, **table))

    def test_a_table_of_other_images_than_the_features_is_an_error(self, photos, write):
        paths = find_images(photos).paths
        (photos / "new.png").write_bytes((photos / paths[0]).read_bytes())
        columns = {"file": [*paths[1:], "new.png"]}
        given = FeatureMapOptions(write(path=paths), images=photos, columns=columns)
        with pytest.raises(InputError, match=f"no row of the column 'file' is '{paths[0]}'"):
            read_own_features(given)

    @pytest.mark.parametrize(
        ("number", "fault"), [("a1", r"has 'a1', as photos/.*png"), ("", "has no value")]
    )
    def test_the_numbers_that_name_the_images_must_differ(self, photos, write, number, fault):
        numbers = [f"a{item}" for item in range(N)]
        paths = [f"photos/{path}" for path in find_images(photos).paths]
        table = {"file": paths, "sku": [*numbers[:5], number, *numbers[6:]]}
        write_table(photos.parent / "t.csv", table)
        given = FeatureMapOptions(
            write(sku=numbers), images=photos.parent / "t.csv", path_column="sku"
        )
        with pytest.raises(InputError, match=f"must have another value for each image; .* {fault}"):
            read_own_features(given)

    def test_rows_with_the_same_path_are_an_error(self, photos, write):
        first, *others = find_images(photos).paths
        for paths, message in (
            ([first] * N, "as in row 0, and 22 more. Remove these 23 rows with the features"),
            ([first, first, *others[1:]], "as in row 0. Remove this row with the features"),
            (["", first, *others[1:]], "row 0: invalid row: no path. Remove this row with"),
        ):
            with pytest.raises(InputError) as caught:
                read_own_features(FeatureMapOptions(write(path=paths)))
            assert "must have its own image; f.parquet, row" in str(caught.value)
            assert message in str(caught.value)

    def test_addresses_without_images_are_an_error_with_a_remedy(self, write):
        file = write(path=[f"{i}.txt" for i in range(N)])
        with pytest.raises(
            InputError, match="For a map without images, remove the column of the"
        ) as error:
            embed_features(file, file.parent.parent / "m", perplexity=4)
        tried = file.absolute().parent / "0.txt"
        assert f"The first image tried is {tried}. " in str(error.value)
        assert "Give the images with --images" in str(error.value)

    @pytest.mark.usefixtures("features")
    def test_a_vector_column_needs_a_table_or_tensors(self):
        with pytest.raises(InputError, match="needs a Parquet or safetensors file; got 'a'"):
            read(vector_column="a")


class TestArrays:
    def test_a_tensor_of_a_safetensors_file(self, features, here):
        from safetensors.numpy import save_file

        save_file({"embeddings": features, "ids": np.arange(N)}, here / "f.safetensors")
        own = read_own_features(FeatureMapOptions("f.safetensors"))
        np.testing.assert_array_equal(own.values, features)

    def test_an_array_needs_an_output(self, features):
        with pytest.raises(InputError, match="the output must be given if the features are an arr"):
            embed_features(features)

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            (np.ones(3), "the features must have two dimensions"),
            (np.full((3, 2), np.nan), "the features must be finite; 3 of 3 rows"),
            ([[1, 2], [3]], "must be an array that NumPy can convert; got the type list"),
            (torch.ones(3, 2, dtype=torch.bfloat16), r"Pass tensor\..* \.float\(\) for bfloat16"),
            (torch.ones(3, 2, requires_grad=True), r"Pass tensor\.detach\(\)\.cpu\(\)"),
        ],
    )
    @pytest.mark.usefixtures("here")
    def test_wrong_arrays(self, values, message):
        with pytest.raises(InputError, match=message):
            embed_features(values, "m")
