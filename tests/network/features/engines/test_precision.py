"""The choice of the precision, its measured cost, and calibration."""

from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from featscape.errors import InputError, MissingExtra, ModelError
from featscape.features import extract, load_network, reload_network
from featscape.features.engines.precision import (
    AUTO_MIN,
    Distance,
    check_precision,
    choose_precision,
    measure,
    sample_size,
)
from featscape.features.extraction.earlier_runs import find_earlier_choice
from featscape.images import ThumbnailPacker, make_thumbnail
from featscape.mapfolder import damaged
from featscape.mapfolder.thumbnails import Thumbnails
from featscape.records import Inference, ModelCard
from notes import Notes

CARD = ModelCard("random", "all", "none", "0" * 64, "none", 16, fingerprint=((1.0,),))


def features(n_images=64, seed=0):
    return np.random.default_rng(seed).normal(size=(n_images, 16)).astype(np.float32)


@dataclass(frozen=True)
class Rounded:
    """An engine with fixed features in fp32, to which other precisions add noise."""

    noise: float = 0.0
    name: str = "An engine 1.0"
    precision: str = "fp32"
    precisions: tuple = ("fp32", "bf16", "int8")
    batch_size: int = 4
    asked: list = field(default_factory=list)

    def run(self, pixels):
        exact = features(len(pixels))
        if self.precision == "fp32":
            return exact
        return exact + self.noise * features(len(pixels), seed=1)

    def at(self, precision, *, sample=(), key="", fingerprint=()):
        self.asked.append((precision, len(sample), key))
        assert fingerprint in ((), CARD.fingerprint)
        return replace(self, precision=precision)


def sample(n_images=64):
    return list(np.zeros((n_images, 2, 2, 3), np.uint8))


class TestMeasure:
    def test_equal_features_have_cosine_and_recall_one(self):
        assert measure(features(), 3 * features()) == Distance(pytest.approx(1.0), 1.0, 64)

    def test_cosine_and_recall_agree_with_plain_loops(self):
        exact, other = features(), features() + 0.5 * features(seed=1)
        cosines, shared = [], []
        for a, b in zip(exact, other, strict=True):
            cosines.append(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
        for i in range(64):
            near = []
            for rows in (exact, other):
                closeness = [
                    rows[i] @ row / np.linalg.norm(row) if j != i else -np.inf
                    for j, row in enumerate(rows)
                ]
                near.append(set(np.argsort(closeness)[-10:]))
            shared.append(len(near[0] & near[1]) / 10)
        found = measure(exact, other)
        assert found.cosine == pytest.approx(np.mean(cosines), abs=1e-6)
        assert found.recall == pytest.approx(np.mean(shared))
        assert 0.3 < found.recall < 0.9

    def test_few_images_have_no_recall(self):
        assert measure(features(20), features(20)).recall is None
        assert measure(features(21), features(21)).recall == 1.0

    def test_a_row_of_zeros_does_not_divide_by_zero(self):
        exact = features()
        exact[3] = 0
        assert measure(exact, exact).cosine == pytest.approx(63 / 64)


class TestChoosePrecision:
    def test_auto_chooses_bf16_if_its_features_are_close(self):
        choice = choose_precision(Rounded(noise=0.01), "auto", sample(), card=CARD)
        inference = choice.inference
        assert choice.engine.precision == inference.precision == choice.precision == "bf16"
        assert inference.asked == "auto"
        np.testing.assert_array_equal(choice.values, choice.engine.run(sample()))
        assert inference.cosine > 0.998
        assert inference.recall > 0.95
        assert inference.n_checked == 64
        assert inference.reason == (
            f"on the first 64 images mean cosine {inference.cosine:.4f} with the features in fp32, "
            f"recall of the 10 nearest {inference.recall:.3f}; required are at least 0.998 and 0.95"
        )

    @pytest.mark.parametrize("noise", [0.07, 0.3])
    def test_auto_chooses_fp32_if_bf16_differs_too_much(self, noise):
        choice = choose_precision(Rounded(noise=noise), "auto", sample(), card=CARD)
        inference = choice.inference
        assert choice.engine.precision == inference.precision == choice.precision == "fp32"
        np.testing.assert_array_equal(choice.values, features())
        assert inference.cosine < 0.998 or inference.recall < 0.95
        assert inference.reason.startswith(
            "bf16 differs too much: on the first 64 images mean cosine"
        )

    def test_a_low_cosine_or_a_low_recall_does_not_suffice(self):
        assert Distance(0.998, 0.95, 64).suffices()
        assert not Distance(0.9979, 1.0, 64).suffices()
        assert not Distance(1.0, 0.949, 64).suffices()
        assert not Distance(1.0, None, 12).suffices()

    def test_auto_chooses_fp32_on_a_processor_without_bfloat16(self):
        plain = Rounded(precisions=("fp32", "int8"))
        choice = choose_precision(plain, "auto", sample(), card=CARD)
        assert choice.engine is plain
        assert choice.inference.reason == "no faster precision on this processor"
        assert choice.inference.cosine is None
        assert choice.values is None
        assert plain.asked == []

    def test_a_requested_precision_is_used_and_measured(self):
        choice = choose_precision(Rounded(noise=0.3), "bf16", sample(), card=CARD)
        assert choice.engine.precision == choice.precision == "bf16"
        assert choice.inference.cosine < 0.998
        assert choice.inference.reason.startswith("requested; on the first 64 images")
        np.testing.assert_array_equal(choice.values, choice.engine.run(sample()))

    def test_the_key_of_a_calibration_depends_on_images_and_network(self):
        engine = Rounded(noise=0.1)
        named = [
            choose_precision(engine, "int8", images, card=card).precision
            for images, card in (
                (sample(), CARD),
                (sample(), CARD),
                (sample(63), CARD),
                (sample(), replace(CARD, layer="some")),
                (sample(), replace(CARD, name="the same weights in another network")),
            )
        ]
        assert named[0] == named[1]
        assert len(set(named)) == 4
        assert [f"{precision}-{key}" for precision, _, key in engine.asked] == named


@pytest.mark.parametrize(
    ("precision", "n_images", "size"),
    [
        ("fp32", 10_000, 0),
        ("auto", AUTO_MIN - 1, 0),
        ("auto", AUTO_MIN, 21),
        ("auto", 1_000, 41),
        ("auto", 1_000_000, 128),
        ("bf16", 10, 10),
        ("int8", 500, 128),
    ],
)
def test_the_sample_size_depends_on_precision_and_number_of_images(precision, n_images, size):
    assert sample_size(precision, n_images, engine=Rounded()) == size


def test_no_sample_is_needed_if_no_precision_is_faster_than_fp32():
    assert sample_size("auto", 1_000, engine=Rounded(precisions=("fp32", "int8"))) == 0


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
            },
            "of features": {"model": None, "inference": None, "counts": {"items": 100}},
        }

        def read_run(folder):
            if folder.name not in runs:
                raise damaged(folder, "it is older")
            return runs[folder.name]

        monkeypatch.setattr("featscape.features.extraction.earlier_runs.read_run", read_run)
        return runs

    def find(self, *, card=CARD, n_images=200, names=("none", "of features", "m")):
        return find_earlier_choice([Path(name) for name in names], card, n_images=n_images)

    def test_the_choice_of_a_map_with_half_the_images_is_reused(self):
        held = replace(self.CHOSEN, reason="as for the features in m")
        assert self.find() == held
        assert self.find(card=replace(CARD, layer="all+one", widths=(16, 2))) == held
        assert self.find(n_images=201) is None
        assert self.find(card=replace(CARD, layer="one")) is None
        assert self.find(card=replace(CARD, weights_sha256="1" * 64)) is None

    def test_a_requested_precision_is_not_reused(self, maps):
        maps["m"]["inference"]["asked"] = "bf16"
        assert self.find() is None

    def test_the_network_uses_an_earlier_choice(self, small_file):
        network = load_network("shufflenet_v2_x0_5", weights=small_file, device="cpu")
        network = replace(network, engine=Rounded())
        held = network.with_choice(self.CHOSEN)
        assert (held.card.precision, held.engine.precision) == ("bf16", "bf16")
        assert held.inference == replace(self.CHOSEN, engine="An engine 1.0")
        assert held.sample_size(1000) == 0
        assert replace(network, requested="fp32").with_choice(self.CHOSEN).card == network.card
        plain = replace(network, engine=Rounded(precisions=("fp32",)))
        assert plain.with_choice(self.CHOSEN) is plain

    def test_extraction_uses_an_earlier_choice(self, noise_images, small_file, maps):
        network = load_network("shufflenet_v2_x0_5", weights=small_file, device="cpu")
        model = asdict(replace(network.card, precision="fp32"))
        inference = asdict(replace(self.CHOSEN, precision="fp32", reason="bf16 is too far from it"))
        maps["m"] |= {"model": model, "inference": inference}
        notes = Notes()
        found = extract(noise_images(3), model=network, maps=[Path("m")], progress=notes)
        assert found.inference.reason == "as for the features in m"
        assert notes.lines[0].endswith("in fp32: as for the features in m")


@pytest.mark.parametrize("name", ["fp16", "", "BF16", "int8-abc"])
def test_invalid_precisions_are_refused(name):
    with pytest.raises(InputError, match=r"precision must be auto, fp32, bf16 or int8; got "):
        check_precision(name)
    with pytest.raises(InputError, match="precision"):
        load_network("shufflenet_v2_x0_5", precision=name)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Store calibrations in a temporary folder."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    return tmp_path / "hub" / "featscape"


def test_a_run_of_few_images_uses_fp32_and_reports_the_reason(noise_images, small_file):
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
    inference = f"{found.inference.engine} in fp32: {found.inference.reason}"
    assert notes.lines == ["loading shufflenet_v2_x0_5", inference]


def test_the_first_readable_images_are_the_sample(noise_images, small_file, monkeypatch):
    seen = []
    network = load_network("shufflenet_v2_x0_5", weights=small_file, device="cpu")
    monkeypatch.setattr(type(network), "sample_size", lambda _self, _n: 4)
    monkeypatch.setattr(
        type(network), "choose_precision", lambda self, sample: (self, seen.extend(sample))
    )
    images = noise_images(30, broken={0: "x", 2: "x"})
    extract(images, model=network)
    expected = [network.prepare(images.load(i)) for i in (1, 3, 4, 5)]
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

    def at(self, precision, **_):
        return replace(self, precision=precision, flaw=self.flaw + 1e-3)


class TestSample:
    @pytest.fixture
    def load(self, small_file):
        network = load_network("shufflenet_v2_x0_5", weights=small_file, device="cpu")

        def load(**changes):
            counted = Counted(network.engine, **changes)
            return replace(network, engine=counted, requested="bf16"), counted.counts

        return load

    def test_the_sample_is_not_computed_again_by_the_loop(self, noise_images, tmp_path, load):
        network, counts = load()
        images = noise_images(40, broken={0: "x", 30: "x"})
        with ThumbnailPacker(tmp_path / "pack") as pack:
            found = extract(images, model=network, thumbnails=pack)
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
        found = extract(noise_images(30), model=first, work=tmp_path)
        network, counts = load()
        images = noise_images(40)
        with ThumbnailPacker(tmp_path / "pack") as pack:
            again = extract(images, model=network, work=tmp_path, thumbnails=pack)
        n_checked = again.inference.n_checked
        assert counts == {"fp32": n_checked, "bf16": n_checked + 10}
        assert np.array_equal(again.values[:30], found.values)
        assert len(Thumbnails(tmp_path / "pack")) == 40

    def test_features_of_the_sample_that_are_not_finite_are_an_error(self, noise_images, load):
        network, _ = load(flaw=np.nan)
        with pytest.raises(ModelError, match=r"gives NaN or infinity for 0\.png"):
            extract(noise_images(40), model=network)


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


def test_a_card_in_bf16_is_reloaded_on_a_processor_without_bfloat16(small_file, noise_image):
    network = load_network("shufflenet_v2_x0_5", weights=small_file, device="cpu")
    network = replace(network, engine=replace_precisions(network.engine, ("fp32",)))
    emulated = network.at_precision("bf16")
    assert emulated.inference.engine.startswith("PyTorch")
    pixels = [network.prepare(noise_image(0, (50, 50)))]
    assert measure(network.run(pixels), emulated.run(pixels)).cosine > 0.99


def replace_precisions(engine, precisions):
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
