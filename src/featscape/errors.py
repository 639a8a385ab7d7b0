"""The errors of featscape.

    FeatscapeError
    ├── InputError (ValueError)      an invalid argument, path or array
    │   ├── ChangedError             a file of an open map that was replaced or changed
    │   └── BusyError                an output that another process is writing
    ├── ImageError (FeatscapeError)  one image that cannot be decoded
    ├── ModelError                   a network, its weights or one of its layers
    │   └── DownloadError            weights that are not on this disk and cannot be downloaded
    ├── MissingExtra (ImportError)   an optional library that is not installed
    └── DeviceError                  a device that is absent or has too little memory

Each message contains the rule, the value and the remedy. The message of an ImageError contains only
the reason: featscape skips the image, and lists the reasons with the paths.

An exception that never reaches a caller of the package is defined in the module that catches it.
For example, `featscape.mapfolder.staging` translates its `WriteError` to an `InputError`.
"""


class FeatscapeError(Exception):
    """Base class of all errors of featscape."""


class InputError(FeatscapeError, ValueError):
    """An argument, a path or an array is invalid."""


class ChangedError(InputError):
    """A file of the map has changed since the map was opened."""


class BusyError(InputError):
    """Another process is writing the output."""


class ImageError(FeatscapeError):
    """An image file cannot be decoded. The message contains only the reason."""


class ModelError(FeatscapeError):
    """A network is unknown, or its weights are missing, wrong or damaged."""


class DownloadError(ModelError):
    """The weights of a network are not on this disk, and cannot be downloaded."""


class MissingExtra(FeatscapeError, ImportError):  # noqa: N818 - the name says what is missing
    """A feature needs an optional library that is not installed."""


class DeviceError(FeatscapeError):
    """The requested device is absent or has too little memory."""


def missing_extra(problem: str, *, extra: str) -> MissingExtra:
    """Return the error for a library of an extra, with the command that installs the extra."""
    return MissingExtra(f"{problem}. Run {install_command(extra)} in the environment of featscape.")


def install_command(extra: str, *, package: str = "featscape") -> str:
    """Return the command that installs an extra of a package.

    pip uses the package that is installed, also a package from a checkout, and downloads the
    libraries of the extra only.
    """
    return f"pip install '{package}[{extra}]'"


def first_line(error: BaseException) -> str:
    """Return the first line of the message of an error, or the type of the error."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__
