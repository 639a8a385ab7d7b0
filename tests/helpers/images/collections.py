"""Images and datasets as those of a program, of PyTorch and of Hugging Face."""

import io
from typing import ClassVar

from PIL import Image

RED, BLUE = Image.new("RGB", (8, 6), "red"), Image.new("RGB", (8, 6), "blue")


def png_of(image):
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


class TorchDataset:
    """Items as those of a torch Dataset: tuples of image and label."""

    classes = ("cat", "dog")

    def __len__(self):
        return 2

    def __getitem__(self, place):
        return (RED, 0) if place == 0 else (BLUE, 1)


class ImageFolder(TorchDataset):
    """Files and classes as those of torchvision's ImageFolder."""

    def __init__(self, folder):
        self.samples = [(str(folder / f"{code}.png"), code) for code in (0, 1)]
        for (file, _), image in zip(self.samples, (RED, BLUE), strict=True):
            image.save(file)


class HuggingFaceDataset:
    """Rows and columns as those of datasets.Dataset."""

    column_names = ("id", "photo", "label")
    format: ClassVar = {"type": None}

    def __init__(self, labels=(0, 1), names=("cat", "dog"), image_column="photo"):
        self.image_column = image_column
        image = type("Image", (), {"__init__": lambda *_, **__: None})()
        label = type("ClassLabel", (), {"names": names})()
        number = type("Value", (), {"dtype": "int64"})()
        self.features = {"id": number, "photo": image, "label": label}
        self.columns = {"id": [7, 8], "label": list(labels)}
        self.files = [{"bytes": png_of(image), "path": None} for image in (RED, BLUE)]

    def add_list(self, name, values, **item):
        """Add a column of lists whose items have the feature Value with these attributes."""
        self.features[name] = type("List", (), {"feature": type("Value", (), item)()})()
        self.columns[name] = values

    def with_format(self, kind):
        assert kind is None
        return self

    def select_columns(self, names):
        assert names == [self.image_column]
        return self

    def cast_column(self, name, feature):
        assert (name, type(feature).__name__) == (self.image_column, "Image")
        return EncodedImages(name, self.files)

    def __len__(self):
        return 2

    def __getitem__(self, key):
        return self.columns[key] if isinstance(key, str) else {"photo": (RED, BLUE)[key]}


class EncodedImages:
    """A column of images of a Dataset that are not decoded."""

    def __init__(self, column, files):
        self.column, self.files = column, files

    def __getitem__(self, place):
        return {self.column: self.files[place]}

    def flatten(self):
        return {f"{self.column}.path": [file and file["path"] for file in self.files]}


def colors_of(images):
    return [images.load(place).getpixel((0, 0)) for place in range(len(images))]


class Lazy:
    """Two images that are opened when they are read."""

    def __init__(self, *images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def __getitem__(self, place):
        return self.images[place]
