"""Invalid files of features and labels on the command line."""

import os
import pickle
import zipfile

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("here")


class TestFeaturesFile:
    @pytest.mark.parametrize(
        ("array", "words"),
        [
            (
                np.array([[1.0, np.nan]] * 3 + [[1.0, 2.0]] * 30),
                "NaN, infinity or values beyond float32: rows 0, 1, 2. Repair",
            ),
            (
                np.array([[1.0, 2.0]] * 30 + [[1.0, np.inf]]),
                "1 of 31 rows contain NaN, infinity or values beyond float32: row 30. ",
            ),
            (np.array([[1.0, 1e300]] * 30), "values beyond float32"),
            (np.full((30, 2), 1e19), "at most 6.52e+18, because float32 cannot contain"),
            (np.array([[1.0, 2.0]] * 29 + [[1e19, 0]]) * 1e11, "row 29 reaches 1e+30. Divide all"),
            (np.array([["a", "b"]] * 30), "must be real numbers; got dtype <U1"),
            (np.array([[1j, 2j]] * 30), "must be real numbers; got dtype complex128"),
            (np.zeros((1, 8)), "at least 2 rows and 1 column; got 1 x 8"),
            (np.zeros((30, 0)), "got 30 x 0"),
            (np.zeros(30), "must have two dimensions, one row per item; got shape (30,)"),
            (np.zeros((2, 3, 4)), "got shape (2, 3, 4)"),
        ],
    )
    def test_invalid_contents_are_refused(self, refuse, here, array, words):
        np.save(here / "f.npy", array)
        assert words in refuse("embed", "f.npy", "--perplexity", 30)

    def test_pickled_objects_are_never_loaded(self, refuse, here):
        np.save(here / "f.npy", np.array([Trap()], dtype=object), allow_pickle=True)
        assert "pickled objects, which are never loaded" in refuse(
            "embed", "f.npy", "--perplexity", 30
        )
        (here / "g.npy").write_bytes(pickle.dumps(Trap()))
        assert "pickled objects, which are never loaded" in refuse("embed", "g.npy")

    @pytest.mark.parametrize("content", [b"", b"1.5,2.5\n" * 30, b"\x89PNG\r\n\x1a\n"])
    def test_a_file_of_another_type_is_refused(self, refuse, here, content):
        (here / "f.npy").write_bytes(content)
        assert refuse("embed", "f.npy") == (
            "f.npy is not an .npy file. "
            "Write one array with numpy.save(file, array, allow_pickle=False)."
        )

    def test_a_missing_file_is_refused(self, refuse):
        assert refuse("embed", "f.npy") == "there is no file f.npy. Check the path."

    def test_a_folder_is_refused(self, refuse, here):
        (here / "f.npy").mkdir()
        message = refuse("embed", "f.npy", "--perplexity", 30)
        assert message.startswith("the features must be in a file; f.npy is a folder. For a map of")
        assert "`featscape map f.npy` (make_map)" in message
        assert "--images f.npy (images=)" in message

    def test_an_npz_archive_is_refused(self, refuse, here):
        np.savez(here / "f.npz", np.zeros((30, 4)))
        assert "it is an .npz archive" in refuse("embed", "f.npz")

    def test_a_file_of_pytorch_is_refused(self, refuse, here):
        with zipfile.ZipFile(here / "f.pt", "w") as archive:  # as torch.save writes it
            archive.writestr("f/data.pkl", b"")
        assert "it is a PyTorch file. Write one array with numpy.save" in refuse("embed", "f.pt")

    def test_a_truncated_file_is_refused(self, refuse, here):
        np.save(here / "f.npy", np.zeros((30, 4)))
        os.truncate(here / "f.npy", 300)
        assert "must be an .npy file" in refuse("embed", "f.npy", "--perplexity", 30)

    def test_too_few_rows_are_refused(self, refuse, here):
        np.save(here / "f.npy", np.eye(30))
        assert "less than the number of items, 30; got 30" in refuse(
            "embed", "f.npy", "--perplexity", 30
        )

    def test_outliers_that_exceed_the_precision_of_float32_are_refused(self, refuse, here):
        features = np.random.default_rng(0).normal(size=(100, 4))
        features[17, 2] = -1e15
        np.save(here / "f.npy", features)
        message = refuse("embed", "f.npy")
        assert "the values of row 17 reach 1e+15, more than 2**24 times the" in message
        assert "Remove or rescale that row." in message
        features[20:29, 0] = 1e12
        np.save(here / "f.npy", features)
        assert "the values of rows 17, 20, 21, 22, 23 and 5 more" in refuse(
            "embed", "f.npy", "--perplexity", 30
        )

    def test_a_device_is_refused(self, refuse):
        expected = "/dev/zero cannot be read: not a regular file. Check the file."
        assert refuse("embed", "/dev/zero") == expected

    def test_a_damaged_header_is_refused(self, refuse, here):
        np.save(here / "f.npy", np.eye(100))
        content = bytearray((here / "f.npy").read_bytes())
        content[20] = ord("(")
        (here / "f.npy").write_bytes(content)
        assert "its header is damaged (" in refuse("embed", "f.npy", "--perplexity", 30)


class Trap:
    """Fails the test when the object is unpickled."""

    def __reduce__(self):
        return pytest.fail, ("unpickled",)


class TestLabelsFile:
    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"a\nb\n", "there must be 100 labels, one for each row of the features"),
            (b"\xff\xfe\n" * 100, "must be text in UTF-8"),
        ],
    )
    def test_invalid_text_is_refused(self, refuse, here, content, words):
        np.save(here / "f.npy", np.eye(100))
        (here / "labels.txt").write_bytes(content)
        assert words in refuse("embed", "f.npy", "--labels", "labels.txt")

    def test_an_array_of_two_dimensions_is_refused(self, refuse, here):
        np.save(here / "f.npy", np.eye(100))
        np.save(here / "labels.npy", np.zeros((100, 2)))
        message = refuse("embed", "f.npy", "--labels", "labels.npy")
        assert "one-dimensional integers or strings; got shape (100, 2)" in message

    def test_characters_beyond_unicode_are_refused(self, refuse, here):
        np.save(here / "f.npy", np.eye(100))
        np.save(here / "labels.npy", np.full(100, 0x110000, np.uint32).view("<U1"))
        message = refuse("embed", "f.npy", "--labels", "labels.npy")
        assert "a character has the number 1,114,112, which is not in Unicode" in message

    def test_a_missing_file_is_refused(self, refuse, here):
        np.save(here / "f.npy", np.eye(100))
        assert "there is no file l.txt" in refuse("embed", "f.npy", "--labels", "l.txt")
