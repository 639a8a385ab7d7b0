import pytest

from featscape.bundle import open_bundle
from featscape.errors import InputError


def test_a_map_without_a_bundle(tmp_path):
    with pytest.raises(InputError, match=r"no such folder.* Make the map again with --force"):
        open_bundle(tmp_path / "bundle")


@pytest.mark.parametrize("content", [b"", b"{}", b'{"format": "other"}', b"\xff"])
def test_a_damaged_manifest(bundle_of, content):
    folder = bundle_of(20).folder
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(InputError, match=r"manifest.json is missing or damaged: .* Make the map"):
        open_bundle(folder)


def test_every_file_is_looked_at(bundle_of):
    bundle = bundle_of(20)
    for name in bundle.files()[1:]:
        file = bundle.folder / name
        whole = file.read_bytes()
        for damaged in (whole[:-1], whole + b"x"):
            file.write_bytes(damaged)
            with pytest.raises(InputError, match=rf"{name} is missing or damaged: it has"):
                open_bundle(bundle.folder)
        file.unlink()
        with pytest.raises(InputError, match=rf"{name} is missing or damaged: No such file"):
            open_bundle(bundle.folder)
        file.write_bytes(whole)
    open_bundle(bundle.folder)
