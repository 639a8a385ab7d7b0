"""Suggestions for paths that do not exist."""

import pytest

from featscape.files.near_paths import suggest_spelling

COMPOSED, DECOMPOSED = "K\u00e4fer.png", "Ka\u0308fer.png"


@pytest.mark.parametrize(
    ("stored", "written", "changes"),
    [
        ("img/a.png", "img\\a.png", "with / instead of \\"),
        ("img/a.png", "img/a", "with the extension .png"),
        (COMPOSED, DECOMPOSED, "in the Unicode form NFC"),
        (DECOMPOSED, COMPOSED, "in the Unicode form NFD"),
        ("img/a.v2.jpg", "img\\a.v2", "with / instead of \\ and with the extension .jpg"),
        (f"x/{DECOMPOSED}", f"x\\{COMPOSED}", "with / instead of \\ and in the Unicode form NFD"),
    ],
)
def test_the_spelling_that_leads_to_a_file_is_named(tmp_path, stored, written, changes):
    file = tmp_path / stored
    file.parent.mkdir(exist_ok=True)
    file.touch()
    expected = f"The file exists {changes}: correct the paths."
    assert suggest_spelling(tmp_path / written) == expected


@pytest.mark.parametrize("name", ["a.png", "b.png", "a\0.png", "a" * 5_000, "[a-z].png"])
def test_a_path_without_a_near_spelling_has_no_suggestion(tmp_path, name):
    (tmp_path / "a.png").touch()
    (tmp_path / "a.png.bak").touch()
    assert suggest_spelling(tmp_path / name) is None
