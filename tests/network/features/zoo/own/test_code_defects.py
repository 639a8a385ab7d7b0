"""Networks of the user with defects that appear when the networks run."""

from dataclasses import replace

import pytest
from PIL import Image

from featscape.errors import ModelError
from featscape.features import ExtractOptions, NetworkRequest, load_network, run_extraction
from featscape.features.extraction.shards import read_shards
from featscape.records import Decoded
from helpers.networks.user_modules import DEFECTIVE

pytestmark = pytest.mark.usefixtures("own")


@pytest.mark.parametrize("name", ["Centered", "Normalized", "Random"])
def test_features_that_depend_on_the_batch_or_on_chance_are_refused(name):
    with pytest.raises(ModelError, match=rf"must not depend on chance .* those of \S+:{name} do"):
        load_network(f"own_defective:{name}", device="cpu")


def test_a_network_that_computes_in_bfloat16_passes_the_check_of_its_batches():
    assert load_network("own_defective:HalfPrecision", device="cpu").card.n_features == 8


def test_a_number_of_features_that_depends_on_the_batch_is_refused():
    with pytest.raises(
        ModelError, match=r"Widening gives \(1, 8\) for 1 image and \(2, 16\) for 2"
    ):
        load_network("own_defective:Widening", device="cpu")


def test_complex_features_are_refused():
    with pytest.raises(ModelError, match=r"output of \S+:Complex returns torch\.complex64"):
        load_network("own_defective:Complex", device="cpu")


_RAISES_KEY_ERROR = '            raise KeyError("bright")'


def place_of(code):
    """Return a pattern for the file and number of a line of `DEFECTIVE`."""
    return rf"in \S*own_defective\.py, line {1 + DEFECTIVE.splitlines().index(code)}[,.]"


@pytest.mark.parametrize(
    ("name", "code"), [("Leaving", "        sys.exit(7)"), ("leaving_factory", "    sys.exit()")]
)
def test_sys_exit_in_the_users_code_is_an_error(name, code):
    with pytest.raises(ModelError, match=rf"raises SystemExit .*{place_of(code)}"):
        load_network(f"own_defective:{name}", device="cpu")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Helped", r"raises ValueError \(no luck\) in \S*own_helper\.py, line 5, for float input"),
        (
            "of_helper",
            r"raises ValueError \(no luck\) in \S*own_helper\.py, line 5, for float input",
        ),
    ],
)
def test_an_error_in_a_helper_module_names_its_line(name, message):
    with pytest.raises(ModelError, match=message):
        load_network(f"own_defective:{name}", device="cpu")


@pytest.mark.parametrize(
    ("name", "layers", "message"),
    [
        ("Stopping", (), f"raises StopIteration {place_of('            raise StopIteration')}"),
        ("Failing", (), rf"KeyError \('bright'\) {place_of(_RAISES_KEY_ERROR)}"),
        ("LeavingLater", (), rf"SystemExit \(7\) {place_of('            sys.exit(7)')}"),
        ("WideningLater", (), r"features per image, here 8; .* gives \(1, 16\)"),
        (
            "Avoiding",
            ("layer",),
            r"layer of own_defective:Avoiding was not computed for an image of this dataset",
        ),
        (
            "EmptyLater",
            ("output",),
            r"a layer of own_defective:EmptyLater returned NoneType for an image of this dataset",
        ),
    ],
)
def test_an_exception_during_a_run_is_one_line_and_keeps_the_computed_features(
    tmp_path, noise_images, name, layers, message
):
    def decode(content, **_options):  # the first two images are dark, the others are bright
        color = "white" if int(content) >= 2 else "black"
        return Decoded(Image.new("RGB", (40, 40), color), (40, 40))

    network = load_network(f"own_defective:{name}", layers=layers, device="cpu")
    images = replace(noise_images(4), decode=decode)
    options = ExtractOptions(batch_size=1, work=tmp_path / "work")
    with pytest.raises(ModelError, match=message) as caught:
        run_extraction(images, NetworkRequest(network), options)
    assert "\n" not in str(caught.value)
    (folder,) = (tmp_path / "work").iterdir()
    parts = read_shards(folder, card=network.card).parts
    assert sum(len(part.digests) for part in parts) == 2
