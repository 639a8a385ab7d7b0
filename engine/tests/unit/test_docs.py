"""The examples in the documentation run."""

import doctest
import importlib
import re
from pathlib import Path

import pytest

import meshtsne

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.parametrize("name", meshtsne.__all__)
def test_the_examples_of_the_docstrings_run(name):
    value = getattr(meshtsne, name)
    module = importlib.import_module(value.__module__)
    examples = doctest.DocTestFinder().find(value, name, module=module, globs={})
    runner = doctest.DocTestRunner()
    failed = sum(runner.run(example).failed for example in examples)
    assert failed == 0


def test_tsne_documents_each_input_that_replaces_a_stage():
    text = meshtsne.TSNE.__doc__.partition("Examples")[2]
    assert all(f"{given}=" in text for given in ("neighbors", "affinities", "init"))


def test_the_examples_of_the_readme_run():
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 2
    known = {}
    for code in blocks:
        exec(code, known)
    assert (known["embedding"].shape, known["placed"].shape) == ((300, 2), (100, 3))
