import inspect

import pytest

import featscape
from featscape import errors

TREE = {
    "FeatscapeError": Exception,
    "InputError": ValueError,
    "ChangedError": errors.InputError,
    "BusyError": errors.InputError,
    "ImageError": errors.FeatscapeError,
    "ModelError": errors.FeatscapeError,
    "DownloadError": errors.ModelError,
    "MissingExtra": ImportError,
    "DeviceError": errors.FeatscapeError,
}


@pytest.mark.parametrize(("name", "base"), TREE.items())
def test_each_error_derives_from_its_builtin(name, base):
    assert issubclass(getattr(errors, name), base)


@pytest.mark.parametrize("name", TREE)
def test_one_except_catches_all(name):
    with pytest.raises(errors.FeatscapeError, match="subject, rule"):
        raise getattr(errors, name)("subject, rule, value, remedy")


def test_the_tree_contains_every_error():
    defined = {name for name, value in vars(errors).items() if inspect.isclass(value)}
    assert defined == set(TREE)
    for name in defined:
        assert name in errors.__doc__


def test_every_error_is_public():
    assert set(TREE) == {name for name in featscape.__all__ if name.endswith(("Error", "Extra"))}
