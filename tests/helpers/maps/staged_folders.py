"""Steps of tests of folders that are written beside their final name."""

import pytest

from featscape.mapfolder.staging import kept_beside, staged


def allow(_output):
    """Allow every replacement."""


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


def end_early(output, *, error=RuntimeError, note=None, fill=keep):
    def begin():
        with stage(output, note=note) as folder:
            (folder / "half").write_text("half")
            fill(folder)
            raise error

    with pytest.raises(error):
        begin()


def full_disk(_handle):
    raise OSError(28, "No space left on device")


def between_the_moves(tmp_path):
    """Write the files of a run that was killed between the two moves; return its hidden folder."""
    partial = tmp_path / ".m.partial"
    for name in ("replaced", "new"):
        (partial / name).mkdir(parents=True)
    (partial / "replaced" / "older").write_text("older")
    (partial / "lock").touch()
    return partial
