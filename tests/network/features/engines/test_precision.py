"""The precision of a network: an earlier choice, the sample, and calibration."""

import copy
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from featscape.errors import InputError, MissingExtra, ModelError
from featscape.features import (
    ExtractOptions,
    NetworkRequest,
    extract,
    load_network,
    reload_network,
    run_extraction,
)
from featscape.features.engines.precision import (
    check_precision,
    measure,
)
from featscape.features.extraction.earlier_runs import find_earlier_choice
from featscape.images import ThumbnailPacker, make_thumbnail
from featscape.mapfolder import damaged
from featscape.mapfolder.thumbnails import Thumbnails
from featscape.records import Inference
from helpers.networks.rounded_engine import CARD, Rounded
from helpers.notes import Notes


class TestEarlierChoice:
    CHOSEN = Inference("An engine 0.9", "bf16", "auto", "it is close", cosine=0.999, n_checked=24)

    @pytest.fixture(autouse=True)
    def maps(self, monkeypatch):
        """Simulate a map "m" of 100 images in bf16."""
        card = replace(CARD, precision="bf16")
        runs = {
            "m": {
                "model": asdict(card),
                "inference": asdict(self.CHOSEN),
                "counts": {"items": 100},
                "parameters": {"white": None},
            },
            "of features": {"model": None, "inference": None, "counts": {"items": 100}},
        }

        def read_run(folder):
            if folder.name not in runs:
                raise damaged(folder, "it is older")
            return runs[folder.name]

        monkeypatch.setattr("featscape.features.extraction.earlier_runs.read_run", read_run)
        return runs

    def find(self, *, card=CARD, white=None, n_images=200):
        maps = [Path(name) for name in ("none", "of features", "m")]
        return find_earlier_choice(maps, card, white=white, n_images=n_images)

    def test_the_choice_of_a_map_with_half_the_images_is_reused(self):
        assert self.find() == self.CHOSEN
        assert self.find(card=replace(CARD, layer="all+one", widths=(16, 2))) == self.CHOSEN
        assert self.find(n_images=201) is None
        assert self.find(white=4095) is None
        assert self.find(card=replace(CARD, layer="one")) is None
        assert self.find(card=replace(CARD, weights_sha256="1" * 64)) is None

    def test_a_requested_precision_is_not_reused(self, maps):
        maps["m"]["inference"]["asked"] = "bf16"
        assert self.find() is None

    def test_the_network_uses_an_earlier_choice(self, small_network):
        network = replace(small_network, engine=Rounded())
        held = network.with_choice(self.CHOSEN)
        assert (held.card.precision, held.engine.precision) == ("bf16", "bf16")
        assert held.inference == replace(self.CHOSEN, engine="An engine 1.0")
        assert held.sample_size(1000) == 0
        assert replace(network, requested="fp32").with_choice(self.CHOSEN).card == network.card
        plain = replace(network, engine=Rounded(precisions=("fp32",)))
        assert plain.with_choice(self.CHOSEN) is plain

    def test_extraction_uses_an_earlier_choice(self, noise_images, maps, small_network):
        model = asdict(replace(small_network.card, precision="fp32"))
        inference = asdict(replace(self.CHOSEN, precision="fp32", reason="bf16 is too far from it"))
        maps["m"] |= {"model": model, "inference": inference}
        options = ExtractOptions(maps=[Path("m")])
        found = run_extraction(noise_images(3), NetworkRequest(small_network), options)
        assert found.inference.reason == "bf16 is too far from it"


@pytest.mark.parametrize("name", ["fp16", "", "BF16", "int8-abc"])
def test_invalid_precisions_are_refused(name):
    with pytest.raises(InputError, match=r"precision must be auto, fp32, bf16 or int8; got "):
        check_precision(name)
    with pytest.raises(InputError, match="precision"):
        load_network("shufflenet_v2_x0_5", precision=name)


def continue_in(work, images, network, **options):
    """Extract features, and reuse and keep intermediate results in a folder."""
    return run_extraction(images, NetworkRequest(network), ExtractOptions(work=work, **options))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Store calibrations in a temporary folder."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    return tmp_path / "hub" / "featscape"


def test_a_run_of_few_images_uses_fp32_and_records_the_reason(noise_images, small_file):
    notes = Notes()
    found = extract(
        noise_images(3),
        model="shufflenet_v2_x0_5",
        weights=small_file,
        device="cpu",
        progress=notes,
    )
    assert found.model.precision == "fp32"
    assert found.inference.precision == "fp32"
    no_bf16 = "no faster precision on this processor"
    few = "bf16 is tried for 38,021 images of this network or more"
    assert found.inference.reason in (no_bf16, few)
    assert notes.lines == ["loading shufflenet_v2_x0_5"]


def test_the_first_readable_images_are_the_sample(noise_images, monkeypatch, small_network):
    seen = []
    monkeypatch.setattr(type(small_network), "sample_size", lambda _self, _n: 4)
    monkeypatch.setattr(
        type(small_network), "choose_precision", lambda self, sample: (self, seen.extend(sample))
    )
    images = noise_images(30, broken={0: "x", 2: "x"})
    extract(images, model=small_network)
    expected = [small_network.prepare(images.load(i)) for i in (1, 3, 4, 5)]
    assert np.array_equal(seen, expected)


@dataclass(frozen=True)
class Counted:
    """An engine in fp32 that claims to support bf16, and counts the images of each precision."""

    engine: object
    precision: str = "fp32"
    precisions: tuple = ("fp32", "bf16")
    name: str = "An engine 1.0"
    batch_size: int = 4
    counts: Counter = field(default_factory=Counter)
    flaw: float = 0.0

    def run(self, pixels):
        self.counts[self.precision] += len(pixels)
        return self.engine.run(pixels) + np.float32(self.flaw)

    def count_multiply_adds(self, image):
        return self.engine.count_multiply_adds(image)

    def at(self, precision, **_):
        return replace(self, precision=precision, flaw=self.flaw + 1e-3)


class TestSample:
    @pytest.fixture
    def load(self, small_network):

        def load(**changes):
            counted = Counted(small_network.engine, **changes)
            return replace(small_network, engine=counted, requested="bf16"), counted.counts

        return load

    def test_the_sample_is_not_computed_again_by_the_loop(self, noise_images, tmp_path, load):
        network, counts = load()
        images = noise_images(40, broken={0: "x", 30: "x"})
        with ThumbnailPacker(tmp_path / "pack") as pack:
            options = ExtractOptions(thumbnails=pack)
            found = run_extraction(images, NetworkRequest(network), options)
        assert counts == {"fp32": found.inference.n_checked, "bf16": 38}
        assert 20 < found.inference.n_checked < 38
        kept = [i for i in range(40) if i not in (0, 30)]
        pixels = [network.prepare(images.load(i)) for i in kept]
        assert np.array_equal(found.values, network.engine.at("bf16").run(pixels))
        made = [make_thumbnail(images.load(i)) for i in kept]
        packed = Thumbnails(tmp_path / "pack")
        assert [packed.encoded(i) for i in range(len(packed))] == made

    def test_a_continued_run_computes_the_sample_again(self, noise_images, tmp_path, load):
        first, _ = load()
        found = continue_in(tmp_path, noise_images(30), first)
        network, counts = load()
        images = noise_images(40)
        with ThumbnailPacker(tmp_path / "pack") as pack:
            options = ExtractOptions(work=tmp_path, thumbnails=pack)
            again = run_extraction(images, NetworkRequest(network), options)
        n_checked = again.inference.n_checked
        assert counts == {"fp32": n_checked, "bf16": n_checked + 10}
        assert np.array_equal(again.values[:30], found.values)
        assert len(Thumbnails(tmp_path / "pack")) == 40

    def test_features_of_the_sample_that_are_not_finite_are_an_error(self, noise_images, load):
        network, _ = load(flaw=np.nan)
        with pytest.raises(ModelError, match=r"gives NaN or infinity for 0\.png"):
            extract(noise_images(40), model=network)


class TestInterruptedRun:
    """The precision of a run that continues another run, of 30 images."""

    @pytest.fixture
    def load(self, small_network):
        """Return a function that returns a network with the precision auto, and its counts."""

        def load():
            counted = Counted(small_network.engine)
            return replace(small_network, engine=counted, requested="auto"), counted.counts

        return load

    @pytest.fixture
    def try_bf16_from(self, monkeypatch, small_network):
        """Return a function that sets the number of images from which auto tries bf16."""
        engine = small_network.engine

        def set_number(n_images):
            monkeypatch.setattr(
                "featscape.features.engines.precision.AUTO_MIN_MULTIPLY_ADDS",
                n_images * engine.count_multiply_adds(None),
            )

        return set_number

    def test_a_slow_machine_chooses_the_same_precision(
        self, noise_images, tmp_path, load, monkeypatch
    ):
        first, _ = load()
        found = continue_in(tmp_path, noise_images(30), first)
        now_s = count(step=100.0)
        monkeypatch.setattr("time.perf_counter", lambda: next(now_s))
        network, counts = load()
        notes = Notes()
        again = continue_in(tmp_path, noise_images(30), network, progress=notes)
        assert "continuing: 30 of at most 30 different images were done" in notes.lines
        assert counts == {}
        assert again.inference == found.inference
        fresh, _ = load()
        assert extract(noise_images(30), model=fresh).inference == found.inference

    def test_a_grown_run_keeps_the_choice(self, noise_images, tmp_path, load, try_bf16_from):
        try_bf16_from(40)
        first, _ = load()
        assert continue_in(tmp_path, noise_images(30), first).model.precision == "fp32"
        network, counts = load()
        again = continue_in(tmp_path, noise_images(40), network)
        assert again.model.precision == "fp32"
        assert counts == {"fp32": 10}
        fresh, _ = load()
        assert extract(noise_images(40), model=fresh).model.precision == "bf16"

    def test_the_comparison_is_kept_and_the_sample_is_computed_again(
        self, noise_images, tmp_path, load, try_bf16_from
    ):
        try_bf16_from(30)
        first, _ = load()
        found = continue_in(tmp_path, noise_images(30), first)
        assert found.inference.n_checked == 21
        network, counts = load()
        again = continue_in(tmp_path, noise_images(30), network)
        assert counts == {"bf16": 21}
        assert again.inference == found.inference
        assert np.array_equal(again.values, found.values)

    def test_a_requested_precision_is_reported(self, noise_images, tmp_path, load):
        first, _ = load()
        continue_in(tmp_path, noise_images(30), first)
        network, _ = load()
        notes = Notes()
        network = replace(network, requested="bf16")
        continue_in(tmp_path, noise_images(30), network, progress=notes)
        unused = "the results of the interrupted run are not used: "
        assert f"{unused}the precision was fp32, and is now bf16" in notes.lines


def test_bf16_is_measured_recorded_and_reloaded(noise_images, small_file):
    network = load_network("shufflenet_v2_x0_5", weights=small_file, device="cpu", precision="bf16")
    if "bf16" not in network.engine.precisions:
        pytest.skip("this processor has no bfloat16")
    assert network.inference is None
    images = noise_images(23)
    found = extract(images, model=network)
    assert found.model.precision == "bf16"
    assert 0.9 < found.inference.cosine < 1
    assert found.inference.n_checked == 21
    again = reload_network(found.model, device="cpu")
    assert again.card == found.model
    row = again.run([again.prepare(images.load(5))])
    assert np.array_equal(row[0], found.values[5])


def test_a_card_in_bf16_is_reloaded_on_a_processor_without_bfloat16(noise_image, small_network):
    engine = replace_precisions(small_network.engine, ("fp32",))
    network = replace(small_network, engine=engine)
    emulated = network.at_precision("bf16")
    assert emulated.inference.engine.startswith("PyTorch")
    pixels = [network.prepare(noise_image(0, (50, 50)))]
    assert measure(network.run(pixels), emulated.run(pixels)).cosine > 0.99


def replace_precisions(engine, precisions):
    engine = copy.copy(engine)
    engine.precisions = precisions
    return engine


def test_int8_is_calibrated_cached_and_reloaded(noise_images, small_file, cache, capsys):
    images = noise_images(12)
    network = load_network("shufflenet_v2_x0_5", weights=small_file, device="cpu", precision="int8")
    found = extract(images, model=network)
    assert capsys.readouterr().out == ""
    assert found.model.precision.startswith("int8-")
    assert 0.9 < found.inference.cosine < 1 - 1e-7
    assert {path.suffix for path in cache.iterdir()} == {".xml", ".bin"}
    again = reload_network(found.model, device="cpu")
    row = again.run([again.prepare(images.load(5))])
    assert np.array_equal(row[0], found.values[5])
    for path in cache.iterdir():
        path.unlink()
    with pytest.raises(ModelError, match=r"calibrated on this machine; .* is missing"):
        reload_network(found.model, device="cpu")


def test_int8_without_nncf_is_an_error_with_the_package_to_install(
    noise_images, small_file, cache, monkeypatch
):
    monkeypatch.setattr("featscape.features.engines.calibration.find_spec", lambda _name: None)
    with pytest.raises(MissingExtra, match=r"needs NNCF.*pip install 'featscape\[int8\]'"):
        extract(
            noise_images(3),
            model="shufflenet_v2_x0_5",
            weights=small_file,
            device="cpu",
            precision="int8",
        )
    assert not cache.exists()
