"""The registry of the kinds of sources."""

import pytest

from featscape.errors import InputError
from featscape.images import find_images, open_contents
from featscape.images.sources.registry import SOURCE_KINDS


def test_the_names_of_the_kinds_are_unique():
    assert sorted(kind.name for kind in SOURCE_KINDS) == [
        *("address", "array", "folder", "manifest", "parquet", "tar", "zip"),
    ]


def test_an_unknown_kind_is_an_error_that_lists_the_kinds(tmp_path):
    with pytest.raises(InputError, match=r"one of folder, address, .*array; got 'video'\. Use"):
        open_contents("video", tmp_path)


def test_a_folder_with_images_and_other_sources_is_a_folder_of_images(write_images):
    folder = write_images("cat/1.png")
    (folder / "a.tar").write_bytes(b"")
    (folder / "a.parquet").write_bytes(b"")
    assert find_images(folder).kind == "folder"


@pytest.mark.parametrize(
    ("name", "what"),
    [("a.json", "JSON"), ("data.yaml", "YAML"), ("d.yml", "YAML"), ("A.XML", "XML")],
)
def test_annotations_are_no_source_and_the_error_names_the_guide_to_boxes(tmp_path, name, what):
    file = tmp_path / name
    file.write_text("{}")
    with pytest.raises(InputError, match=rf'is a file in {what}\. .*"Map boxes of images" in'):
        find_images(file)


@pytest.mark.parametrize("name", ["state.json", "dataset_dict.json"])
def test_a_folder_that_save_to_disk_wrote_gets_the_call_that_loads_the_dataset(tmp_path, name):
    (tmp_path / name).write_text("{}")
    (tmp_path / "data-00000-of-00001.arrow").write_bytes(b"")
    with pytest.raises(InputError, match=r"Load it with datasets\.load_from_disk"):
        find_images(tmp_path)
