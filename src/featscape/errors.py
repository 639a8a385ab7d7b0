"""Every error that featscape raises on purpose.

    FeatscapeError
    ├── InputError (ValueError)      an argument, a path or an array that cannot be worked with
    ├── ImageError (FeatscapeError)  one image that cannot be decoded
    ├── ModelError                   a network, its weights or one of its layers
    ├── MissingExtra (ImportError)   an optional library that is not installed
    └── DeviceError                  a processor that is absent or too small for the work

Each message has a subject, a rule, the value met and a remedy.
"""


class FeatscapeError(Exception):
    """The root of the tree: ``except FeatscapeError`` catches all below."""


class InputError(FeatscapeError, ValueError):
    """The caller's argument, path or array cannot be worked with."""


class ImageError(FeatscapeError):
    """One image file cannot be decoded; the message is the reason alone, without the path."""


class ModelError(FeatscapeError):
    """A network is unknown, or its weights are missing, wrong or damaged."""


class MissingExtra(FeatscapeError, ImportError):  # noqa: N818 - reads as what is missing
    """A feature needs an optional library that is not installed."""


class DeviceError(FeatscapeError):
    """A processor was asked for that is absent, or whose memory is too small."""


def first_line(error: BaseException) -> str:
    """Return the first line of another library's error for a message, or the error's type."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__
