"""Datasets of torchvision as sources; its import takes two seconds in each process of pytest."""

import pytest
from PIL import Image

from featscape import find_images

RED, BLUE = Image.new("RGB", (8, 6), "red"), Image.new("RGB", (8, 6), "blue")


def test_an_image_folder_of_torchvision_gives_files_and_classes(tmp_path):
    datasets = pytest.importorskip("torchvision.datasets")
    for name, image in (("cat", RED), ("dog", BLUE)):
        (tmp_path / name).mkdir()
        image.save(tmp_path / name / "1.png")
    images = find_images(datasets.ImageFolder(tmp_path))
    assert images.labels == ("cat", "dog")
    assert images.paths[0].endswith("cat/1.png")
    assert [images.load(row).getpixel((0, 0)) for row in (0, 1)] == [(255, 0, 0), (0, 0, 255)]
