"""The columns that the error for a missing column of labels suggests."""

import pytest

from featscape.errors import InputError
from featscape.images import find_images
from helpers.images.table_files import write_csv, write_rows

N_ROWS = 50
ROWS = [
    {
        "path": f"{row}.png",
        "width": row / 7,
        "kind": "fox" if row % 2 else "owl",
        "night": row % 2 == 0,
        "camera": row % 3,
        "grade": 1 if row % 2 else None,
        "bytes": row,
        "taken": f"2026-05-0{row % 2 + 1}",
        "caption": f"image {row}",
        "note": f"note {row}" if row % 2 else None,
        "empty": None,
    }
    for row in range(N_ROWS)
]


@pytest.mark.parametrize("name", ["m.csv", "m.parquet"])
def test_columns_of_text_truth_values_and_few_integers_are_suggested(tmp_path, name):
    file = write_rows(tmp_path / name, ROWS)
    with pytest.raises(
        InputError, match=r"Name a column of classes: 'kind', 'night', 'camera', 'grade'\.$"
    ):
        find_images(file, label_column="widths")
    with pytest.raises(InputError, match=r"Name 'camera'\.$"):
        find_images(file, label_column="Cameras")


def test_a_table_without_a_column_of_classes_suggests_none(tmp_path):
    file = write_csv(tmp_path / "m.csv", "path,width", "a.png,1.5")
    with pytest.raises(InputError, match=r"No column has classes: add a column of labels, or omit"):
        find_images(file, label_column="widths")
