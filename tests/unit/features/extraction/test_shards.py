"""Shards are written completely or not at all, and damage is detected."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest

from featscape.errors import InputError
from featscape.features.extraction.cache import FeatureCache
from featscape.features.extraction.earlier_runs import open_cache
from featscape.features.extraction.kept_runs import KeptRun
from featscape.features.extraction.reading import digest
from featscape.features.extraction.shards import (
    Shard,
    ShardWriter,
    read_shards,
    write_shard,
)
from featscape.features.zoo.fingerprint import card_key
from featscape.progress import SilentProgress
from featscape.records import ModelCard

N_FEATURES = 5
NAMES = ["a", "b", "c"]
CARD = ModelCard("m", "fc", "file.pth", "0" * 64, "resize 256", N_FEATURES)


def a_shard(names=NAMES, *, thumbnail_px=64, fingerprint=()):
    return Shard(
        values=np.random.default_rng(len(names)).random((len(names), N_FEATURES), np.float32),
        digests=[digest(name.encode()) for name in names],
        sizes_px=[(30 + i, 40) for i in range(len(names))],
        thumbnails=None if thumbnail_px is None else [name.encode() * 9 for name in names],
        thumbnail_px=thumbnail_px,
        fingerprint=fingerprint,
    )


def find(folder, name, *, thumbnail_px=64):
    parts = read_shards(folder, card=CARD).parts
    return FeatureCache(parts).find(digest(name.encode()), thumbnail_px=thumbnail_px)


@pytest.fixture
def folder(tmp_path):
    for number, names in enumerate((NAMES, ["d", "e"])):
        write_shard(tmp_path / "work", number, a_shard(names))
    return tmp_path / "work"


def test_written_features_are_found_by_the_hash_of_the_image(folder):
    found = find(folder, "e")
    np.testing.assert_array_equal(found.values, a_shard(["d", "e"]).values[1])
    assert found.size_px == (31, 40)
    assert found.thumbnail == b"eeeeeeeee"
    assert find(folder, "f") is None


def test_thumbnails_of_another_size_are_not_returned(folder):
    assert find(folder, "a", thumbnail_px=65).thumbnail is None
    write_shard(folder, 2, a_shard(["g"], thumbnail_px=None))
    assert find(folder, "g").thumbnail is None


def read_facts(folder):
    """Return the facts of the first shard."""
    return json.loads((folder / "000000.json").read_text().splitlines()[1])


def plant(folder, facts):
    """Replace the facts of the first shard, with a valid checksum."""
    text = facts if isinstance(facts, str) else json.dumps(facts)
    file = folder / "000000.json"
    file.write_text(f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}\n")


@pytest.mark.parametrize(
    "change",
    [
        {"sizes_px": [[1, 2]]},
        {"thumbnail_bytes": [9]},
        {"digests": ["00"] * 3},
        {"digests": ["no"] * 3},
        {"sha256": {}},
    ],
)
def test_a_shard_with_impossible_facts_is_damaged(folder, change):
    plant(folder, read_facts(folder) | change)
    kept = read_shards(folder, card=CARD)
    assert (len(kept.parts), kept.n_damaged, kept.change) == (1, 1, "")


@pytest.mark.parametrize(
    "change",
    [
        {"sizes_px": [[10**10, 1]] * 3},
        {"sizes_px": [[0, 1]] * 3},
        {"sizes_px": [[1, 2, 3]] * 3},
        {"thumbnail_bytes": [-1, 9, 9]},
        {"fingerprint": {"a": 1}},
        {"sha256": []},
    ],
)
def test_a_shard_with_facts_of_other_types_is_of_another_version(folder, change):
    plant(folder, read_facts(folder) | change)
    assert_of_another_version(folder)


@pytest.mark.parametrize("name", ["digests", "thumbnail_bytes"])
def test_a_shard_without_a_fact_is_of_another_version(folder, name):
    facts = read_facts(folder)
    del facts[name]
    plant(folder, facts)
    assert_of_another_version(folder)


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", "null", "{}", '{"digests": 1}'])
def test_a_shard_of_another_form_is_of_another_version(folder, text):
    plant(folder, text)
    assert_of_another_version(folder)


def assert_of_another_version(folder):
    kept = read_shards(folder, card=CARD)
    assert (len(kept.parts), kept.n_damaged) == (1, 0)
    assert kept.change == "another version of featscape wrote them"
    assert {file.stem for file in folder.iterdir()} == {"000001"}


def test_a_shard_of_an_early_version_has_no_fingerprint(folder):
    facts = read_facts(folder)
    del facts["fingerprint"]
    plant(folder, facts)
    assert len(read_shards(folder, card=CARD).parts) == 2


def test_a_missing_folder_contains_no_shards(tmp_path):
    kept = read_shards(tmp_path / "none", card=CARD)
    assert (kept.parts, kept.n_damaged, kept.change) == ([], 0, "")


@pytest.mark.parametrize("name", ["000000.npy", "000000.thumbnails", "000000.json"])
def test_a_shard_with_a_changed_byte_is_deleted(folder, name):
    content = (folder / name).read_bytes()
    for place in range(0, len(content), max(1, len(content) // 50)):
        write_shard(folder, 0, a_shard())
        damaged = bytearray(content)
        damaged[place] ^= 4
        (folder / name).write_bytes(damaged)
        kept = read_shards(folder, card=CARD)
        assert (len(kept.parts), kept.n_damaged) == (1, 1), place
        assert {file.stem for file in folder.iterdir()} == {"000001"}


@pytest.mark.parametrize("name", ["000000.npy", "000000.thumbnails", "000000.json"])
@pytest.mark.parametrize("n_left", [0, 1, 50])
def test_a_shard_with_a_truncated_file_is_deleted(folder, name, n_left):
    content = (folder / name).read_bytes()[:n_left]
    (folder / name).write_bytes(content)
    kept = read_shards(folder, card=CARD)
    expected = (2, 0) if n_left > len(content) else (1, 1)
    assert (len(kept.parts), kept.n_damaged) == expected


def test_an_incomplete_shard_is_deleted(folder):
    (folder / "000001.json").rename(folder / "000001.begun")
    kept = read_shards(folder, card=CARD)
    assert (len(kept.parts), kept.n_damaged) == (1, 0)
    assert {file.stem for file in folder.iterdir()} == {"000000"}


@pytest.mark.parametrize("name", ["thesis.txt", "notes.json", "1.npy", "000009.txt"])
def test_files_with_other_names_stay(folder, name):
    run = KeptRun(CARD, None, None, n_images=5, n_sampled=0)
    folder = folder.rename(folder.with_name(run.name))
    (folder / name).write_text("years of work")
    _, n_shards = open_cache(folder.parent, [], run=run, sample={}, progress=SilentProgress())
    assert n_shards == 2
    assert (folder / name).read_text() == "years of work"


@pytest.mark.parametrize("ending", ["npy", "thumbnails", "json", "begun"])
def test_a_folder_with_the_name_of_a_shards_file_is_refused(folder, ending):
    (folder / f"000009.{ending}").mkdir()
    with pytest.raises(InputError, match=rf"create .*000009\.{ending}: it is not a file\. Move it"):
        read_shards(folder, card=CARD)


def test_a_link_with_the_name_of_a_shards_file_is_refused(folder):
    (folder / "000000.npy").rename(folder.parent / "elsewhere.npy")
    (folder / "000000.npy").symlink_to(folder.parent / "elsewhere.npy")
    with pytest.raises(InputError, match=r"000000\.npy: it is not a file"):
        read_shards(folder, card=CARD)


def test_a_link_or_a_file_in_place_of_the_folder_is_refused(folder):
    (folder.parent / "link").symlink_to(folder)
    (folder.parent / "file").write_text("text")
    for name in ("link", "file"):
        with pytest.raises(InputError, match=rf"{name}: it is not a folder"):
            read_shards(folder.parent / name, card=CARD)


def test_a_shard_with_another_number_of_features_is_damaged(folder):
    kept = read_shards(folder, card=replace(CARD, n_features=N_FEATURES + 1))
    assert (kept.parts, kept.n_damaged) == ([], 2)


def test_shards_of_a_changed_network_are_deleted_with_the_reason(folder):
    before, now = (replace(CARD, fingerprint=((value, 2.0),)) for value in (1.0, 1.1))
    for number in (0, 1):
        write_shard(folder, number, a_shard(fingerprint=before.fingerprint))
    assert read_shards(folder, card=before).change == ""
    kept = read_shards(folder, card=now)
    assert (kept.parts, kept.n_damaged) == ([], 0)
    assert kept.change == (
        "the network's weights or code have changed: its features of a fixed image differ by 4.4%"
    )
    assert list(folder.iterdir()) == []


def test_a_full_disk_leaves_no_files_of_the_shard(folder, monkeypatch):
    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_shard(folder, 2, a_shard())
    assert {file.stem for file in folder.iterdir()} == {"000000", "000001"}


def test_the_writer_writes_whole_batches_by_size_and_age(tmp_path, monkeypatch):
    monkeypatch.setattr("featscape.features.extraction.shards.MAX_BYTES", 200)
    with ShardWriter(tmp_path, next_number=7, thumbnail_px=64) as writer:
        for name in "abcdef":
            writer.add(a_shard([name, name.upper()]))  # 58 bytes
    sizes = [len(part.digests) for part in read_shards(tmp_path, card=CARD).parts]
    assert sizes == [8, 4]
    assert {file.stem for file in tmp_path.iterdir()} == {"000007", "000008"}
    monkeypatch.setattr("featscape.features.extraction.shards.MAX_SECONDS", 0.0)
    with ShardWriter(tmp_path, next_number=9, thumbnail_px=64) as writer:
        writer.add(a_shard(["x"]))
        assert find(tmp_path, "x") is not None


def test_the_writer_writes_the_collected_batches_on_an_interruption(tmp_path):
    def interrupted():
        with ShardWriter(tmp_path, next_number=0, thumbnail_px=64) as writer:
            writer.add(a_shard())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert find(tmp_path, "a") is not None


def test_features_of_a_map_that_was_deleted_are_not_found(folder):
    parts = read_shards(folder, card=CARD).parts
    found = FeatureCache(parts)
    for file in folder.iterdir():
        file.unlink()
    assert found.find(digest(b"a"), thumbnail_px=None) is None


class TestCardKey:
    card = ModelCard("m", "fc", "file.pth", "0" * 64, "resize 256", 5)

    def test_the_name_of_the_weights_is_not_part_of_the_key(self):
        assert card_key(self.card) == card_key(ModelCard(**vars(self.card) | {"weights": "other"}))

    @pytest.mark.parametrize("name", sorted({*vars(card)} - {"weights", "fingerprint"}))
    def test_every_other_field_is_part_of_the_key(self, name):
        value = vars(self.card)[name]
        other = value + "x" if isinstance(value, str) else (6,) if name == "widths" else 6
        assert card_key(self.card) != card_key(ModelCard(**vars(self.card) | {name: other}))

    def test_the_fingerprint_is_not_part_of_the_key(self):
        card = replace(self.card, fingerprint=((1.0, 2.0),))
        assert card_key(card) == card_key(self.card)
        assert card == self.card

    def test_a_card_that_was_written_as_json_has_the_same_key(self):
        import json
        from dataclasses import asdict

        assert card_key(ModelCard(**json.loads(json.dumps(asdict(self.card))))) == card_key(
            self.card
        )
