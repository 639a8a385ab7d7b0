"""Steps of the tests of folders that are written beside their final name."""

from featscape.mapfolder.staging import kept_beside, staged


def allow(_output):
    """Let everything be replaced."""


def stage(output, *, check=allow, files=("*",), **options):
    """Stage a folder that may replace every file."""
    return staged(output, check=check, files=files, **options)


def names_in(folder):
    """Return the sorted names in a folder."""
    return sorted(path.name for path in folder.iterdir())


def keep(folder, text="work"):
    """Write a file that an interrupted run keeps."""
    kept_beside(folder).mkdir(exist_ok=True)
    (kept_beside(folder) / "file").write_text(text)
