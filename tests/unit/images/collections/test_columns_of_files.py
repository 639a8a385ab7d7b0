"""Columns that a program gives with a list of files."""

import pytest

from featscape import InputError, find_images
from helpers.images.collections import BLUE, RED, ImageFolder, Lazy, colors_of


@pytest.fixture
def files(tmp_path):
    """Return the paths of a red and a blue image."""
    for name, image in (("r.png", RED), ("b.png", BLUE)):
        image.save(tmp_path / name)
    return [str(tmp_path / "r.png"), str(tmp_path / "b.png")]


class TestColumnsOfFiles:
    """`columns` with the paths of images that have paths of their own."""

    SOURCES = (list, lambda files: {"file": files, "m": [5, 6]}, lambda files: {"path": files})

    @pytest.mark.parametrize("source", SOURCES)
    @pytest.mark.parametrize("step", [1, -1])
    def test_each_row_belongs_to_the_image_at_its_path(self, files, source, step):
        columns = {"path": files[::step], "n": [1, 2][::step], "label": ["red", "blue"][::step]}
        images = find_images(source(files), columns=columns)
        assert images.paths == tuple(files)
        assert colors_of(images) == [(255, 0, 0), (0, 0, 255)]
        assert images.columns["n"].tolist() == [1, 2]
        assert images.labels == ("red", "blue")
        assert set(images.columns) <= {"n", "m"}

    def test_a_column_that_the_caller_names_follows_the_same_rule(self, files):
        columns = {"where": files[::-1], "n": [2, 1]}
        images = find_images(files, columns=columns, path_column="where")
        assert images.paths == tuple(files)
        assert images.columns["n"].tolist() == [1, 2]

    def test_an_image_folder_and_a_dataset_have_files(self, tmp_path, files):
        folder = ImageFolder(tmp_path)
        samples = [file for file, _ in folder.samples]
        images = find_images(folder, columns={"path": samples[::-1], "n": [2, 1]})
        assert (images.labels, images.columns["n"].tolist()) == (("cat", "dog"), [1, 2])
        dataset = Lazy({"image": files[0]}, {"image": files[1]})
        images = find_images(dataset, columns={"path": files[::-1], "n": [2, 1]})
        assert (images.paths, images.columns["n"].tolist()) == (tuple(files), [1, 2])

    @pytest.mark.parametrize("paths", [["x/1", "x/2"], ["{0}", "x/2"], ["{1}", "{1}"], ["{0}", ""]])
    @pytest.mark.parametrize("source", SOURCES)
    def test_other_paths_are_refused(self, files, source, paths):
        columns = {"path": [path.format(*files) for path in paths]}
        with pytest.raises(
            InputError, match=r"'path' must have the path of each .* rename the col"
        ):
            find_images(source(files), columns=columns)

    def test_a_list_of_files_and_pixels_takes_the_paths_in_its_order(self, files):
        columns = {"path": [files[0], "new"]}
        assert find_images([files[0], BLUE], columns=columns).paths == (files[0], "new")
        with pytest.raises(InputError, match=f"row 1 has 'new', and image 1 is '{files[0]}'"):
            find_images([BLUE, files[0]], columns=columns)

    def test_a_file_twice_in_a_list_keeps_its_first_row(self, files):
        listed = [files[0], files[0]]
        images = find_images(listed, columns={"path": listed, "n": [1, 2]})
        assert (images.paths, images.columns["n"].tolist()) == ((files[0],), [1])

    @pytest.mark.parametrize("name", ["file_name", "filename", "IMAGE"])
    @pytest.mark.parametrize("source", SOURCES)
    @pytest.mark.parametrize("depth", [1, 2, 9])
    def test_the_ends_of_paths_in_a_column_with_a_usual_name_order_the_rows(
        self, files, name, source, depth
    ):
        ends = ["/".join(file.split("/")[-depth:]) for file in files]
        images = find_images(source(files), columns={"n": [2, 1], name: ends[::-1]})
        assert images.paths == tuple(files)
        assert images.columns["n"].tolist() == [1, 2]
        assert images.columns[name] == tuple(ends)

    def test_file_names_may_be_the_column_path(self, files):
        images = find_images(files, columns={"path": ["b.png", "r.png"], "n": [2, 1]})
        assert (images.paths, images.columns["n"].tolist()) == (tuple(files), [1, 2])

    def test_a_usual_column_that_names_no_file_is_an_ordinary_column(self, files):
        names = ("x.png", "x.png")
        assert find_images(files, columns={"file_name": names}).columns["file_name"] == names
        pixels = find_images([RED, BLUE], columns={"file_name": names})
        assert pixels.columns["file_name"] == names

    def test_equal_file_names_in_the_order_of_the_images_are_kept(self, tmp_path, files):
        (tmp_path / "d").mkdir()
        other = tmp_path / "d" / "r.png"
        BLUE.save(other)
        columns = {"file_name": ["r.png", "r.png"], "n": [1, 2]}
        assert find_images([files[0], other], columns=columns).columns["n"].tolist() == [1, 2]

    @pytest.mark.parametrize("names", [["b.png", "x.png"], ["b.png", "b.png"]])
    def test_file_names_of_only_some_files_are_refused(self, files, names):
        with pytest.raises(InputError, match=r"'file_name' must have .* row 0 has 'b.png', and im"):
            find_images(files, columns={"file_name": names})
