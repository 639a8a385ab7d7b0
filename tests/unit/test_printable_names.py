"""Names as text, alone and in lists."""

from pathlib import Path

import pytest

from featscape.findings.wording import join_names
from featscape.printable_names import as_argument, list_names, separable


# the same names as in viewer/src/state/wording/words.test.ts
@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["cat", "sea lion"], ["cat", "sea lion"]),
        (["noisy, tiny", "clear"], ["“noisy, tiny”", "“clear”"]),
        (["black and white", "red"], ["“black and white”", "“red”"]),
        ([], []),
    ],
)
def test_names_in_a_list_are_in_quotes_if_the_reader_could_not_separate_them(names, expected):
    assert separable(names) == expected


def test_names_are_joined_with_and_and_stay_separable():
    assert join_names(["cat", "dog", "horse"]) == "cat, dog and horse"
    assert join_names(["a, b", "c", "d\n"]) == "“a, b”, “c” and “d\\n”"
    assert join_names(["a, b"]) == "“a, b”"


@pytest.mark.parametrize(
    ("names", "expected"),
    [([], "none"), (["a", "b"], "'a', 'b'"), (["a", "b", "c", "d"], "'a', 'b' and 2 more")],
)
def test_a_message_has_the_first_names_and_the_number_of_the_others(names, expected):
    assert list_names(names, n_shown=2) == expected


@pytest.mark.parametrize(
    ("folder", "argument"),
    [
        ("photos-map", "photos-map"),
        ("my photos-map", "'my photos-map'"),
        ("-x-map", "./-x-map"),
        ("/disk/-x-map", "/disk/-x-map"),
    ],
)
def test_a_folder_is_an_argument_of_the_next_command(folder, argument):
    assert as_argument(Path(folder)) == argument
