"""The examples in the docstrings of the public names run, in a folder with photos and a map.

The examples of `featscape.TSNE` run in engine/tests/unit/test_docs.py.
"""

import doctest
import importlib
import shutil

import pytest

import featscape
from helpers.images.photos import write_photos

SKIPPED = {"InteractiveMap.search": "needs the weights of a classifier of ImageNet"}
WITHOUT_EXAMPLE = {"make_maps"}  # needs a network with layers


def find_examples(name):
    """Return the docstrings with examples of a public name and, for a class, of its methods."""
    value = getattr(featscape, name)
    module = importlib.import_module(value.__module__)
    found = doctest.DocTestFinder().find(value, name, module=module, globs={})
    return [docstring for docstring in found if docstring.examples]


def is_skipped(docstring):
    return any(example.options.get(doctest.SKIP) for example in docstring.examples)


NAMES = [name for name in featscape.__all__ if name != "TSNE"]
EXAMPLES = [docstring for name in NAMES for docstring in find_examples(name)]


@pytest.mark.parametrize("docstring", EXAMPLES, ids=lambda docstring: docstring.name)
@pytest.mark.usefixtures("quick_network", "without_pictures")
def test_the_examples_of_the_docstring_run(docstring, map_of_photos, here):
    if docstring.name in SKIPPED:
        pytest.skip(SKIPPED[docstring.name])
    write_photos(here / "photos")
    shutil.copytree(map_of_photos.folder, here / "photos-map")
    assert doctest.DocTestRunner().run(docstring).failed == 0


def test_only_examples_that_need_weights_are_skipped():
    assert {docstring.name for docstring in EXAMPLES if is_skipped(docstring)} == SKIPPED.keys()


def test_every_public_function_has_an_example():
    functions = {name for name in NAMES if name[0].islower()}
    assert functions - {docstring.name for docstring in EXAMPLES} == WITHOUT_EXAMPLE
