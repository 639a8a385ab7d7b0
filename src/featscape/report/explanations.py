"""Explain how each kind of finding is computed, for the sections of the report."""

_SIMILAR = (
    "The pixels correlate after alignment more than chance explains, but a plain background covers "
    "25 % or more of the pictures, and the foregrounds differ in a part, in the gray levels or in "
    "the color. The highest correlation is first. In the difference image, black is equal."
)
# docs/explanation/findings.md has the details; {noun} is "image", or "item" in a map without images
_HOW = {
    "labels": (
        "Each {noun} is classified without its own label, by a linear classifier of the features "
        "(ridge regression) and by its nearest neighbors. An {noun} is listed if it resembles "
        "another class more than the class of its label; the most suspicious {noun} is first. The "
        "number of neighbors is 5 more than half of the mean size of a class, at most 50. The "
        "neighbors are found after a scaling of the features, and can differ from the nearest "
        "neighbors on the page of the map."
    ),
    "leaks": (
        "Duplicates are equal files, equal pixels, or possible copies: pixels that correlate after "
        "alignment more than chance explains. These groups have images in different splits."
    ),
    "conflicts": (
        "Duplicates are equal files, equal pixels, or possible copies: pixels that correlate after "
        "alignment more than chance explains. The images of each group have different labels."
    ),
    "similar_leaks": _SIMILAR,
    "similar": _SIMILAR,
    "duplicates": (
        "Duplicates are equal files, equal pixels, or possible copies: pixels that correlate after "
        "alignment more than chance explains. In the difference image, black is equal."
    ),
    "off_topic": (
        "The distance of an {noun} is the cosine distance of its features to the nearest 5 % of "
        "the dataset, and to the nearest class. Outliers of this distance are first, and the "
        "farthest of the other {noun}s last, with two of each class if possible."
    ),
    "quality": (
        "Brightness, contrast, sharpness and noise are measured on the thumbnails, and width and "
        "height on the originals. Blur and noise are compared with the other images."
    ),
    "classes": (
        "The matrix shows the share of the nearest neighbors of each class (row) that have each "
        "label (column). The tree joins the nearest classes first (average linkage); thick "
        "branches are also in at least 80 % of the trees of {noun}s drawn at random with "
        "repetition (bootstrap). The {noun}s of a pair are those with the most neighbors in the "
        "other class. The matrix counts all {noun}s; the sentences leave out {noun}s without a "
        "label, and count many duplicates with one label as one {noun}."
    ),
    "groups": (
        "The groups are the branches of the tree of the classes that are also in at least 80 % of "
        "the trees of {noun}s drawn at random with repetition (bootstrap)."
    ),
    "split": (
        "The best cut of the neighbor graph of the class separates two parts almost completely."
    ),
    "exemplars": (
        "A few typical {noun}s are chosen together, so that each {noun} of the class is similar to "
        "one of them (facility location). The least typical {noun}s are the farthest from the "
        "dataset and from the classes; look at them first."
    ),
    "shortcuts": (
        "The {noun}s below or above a value of a simple property, and the {noun}s with each value "
        "of a category or of whole numbers that repeat, are compared with each class. A property "
        "is listed if it predicts a class better than 95 % of permuted labels do, so that chance "
        "alone seldom explains a listed property. A property, or a value of a category, is also "
        "listed if the nearest neighbors have it in common more than permuted values do. A column "
        "that equals the label, also under other names, in all {noun}s or except in few is listed "
        "once, with these few {noun}s."
    ),
    "reliability": (
        "The nearest items in the features are compared with the nearest items on the map. 1 means "
        "that the map preserves the neighbors."
    ),
}
# what follows in a map with images
_OF_IMAGES = {
    "labels": "Below each image are similar images with the suggested label.",
    "off_topic": (
        "Images that are much smaller than the others, or whose borders have other gray levels, "
        "are shown between the outliers and the farthest images, because they may come from "
        "another source."
    ),
}


def explain(section: str, *, noun: str) -> str:
    """Return how the findings of a section are computed; "" for a section without explanation.

    Parameters
    ----------
    section : str
        The name of the section.
    noun : str
        "image", or "item" in a map without images.
    """
    text = _HOW.get(section, "").format(noun=noun)
    if noun == "image" and section in _OF_IMAGES:
        text = f"{text} {_OF_IMAGES[section]}"
    return text
