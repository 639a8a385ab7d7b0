import os
import re
import subprocess
import sys
from importlib.metadata import entry_points

import numpy as np
import pytest

from featscape import __version__
from featscape.cli import commands as cli
from featscape.cli import report
from featscape.errors import DeviceError, MissingExtra, ModelError

COMMANDS = ["map", "demo", "embed", "serve", "export", "info", "models", "layers"]

pytestmark = pytest.mark.usefixtures("here")


def test_the_script_is_installed():
    (script,) = entry_points(group="console_scripts", name="featscape")
    assert script.load() is cli.main


def test_version(featscape):
    done = featscape("--version")
    assert (done.status, done.out) == (0, f"featscape {__version__}\n")


class TestHelp:
    @pytest.mark.parametrize("command", [None, *COMMANDS])
    def test_it_has_an_example_and_fits_80_columns(self, featscape, command):
        done = featscape(*([command] if command else []), "--help")
        assert done.status == 0
        assert re.search(r"  Examples?:\n    featscape ", done.out)
        assert max(map(len, done.out.splitlines())) <= 80

    def test_all_commands_are_listed_whole(self, featscape):
        out = featscape("--help").out
        for command in COMMANDS:
            line = re.search(rf"^  {command} +\S.*\.$", out, re.MULTILINE)
            assert line is not None
            assert "..." not in line[0]

    def test_alone_it_is_the_help(self, featscape):
        done = featscape()
        assert done.status == 0
        assert done.out == featscape("--help").out

    def test_it_is_quick(self):
        code = (
            "import sys; sys.argv = ['featscape', 'map', '--help']; from featscape import cli\n"
            "try: cli.main()\nexcept SystemExit: print(*sys.modules)"
        )
        before = os.times()
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        after = os.times()
        loaded = set(done.stdout.splitlines()[-1].split())
        assert not loaded & {"torch", "numpy", "matplotlib", "sklearn", "pyarrow"}
        # of the processor, since the clock on the wall runs for our neighbors too
        taken_s = sum(after[2:4]) - sum(before[2:4])
        assert taken_s < 0.5


class TestMistakes:
    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["map"], "Missing argument 'SOURCE'."),
            (["map", "x", "--limit", "many"], "--limit"),
            (["map", "x", "--colour"], "No such option: --colour"),
            (["paint"], "No such command 'paint'."),
            (["map", "nowhere"], "'nowhere' does not exist"),
            (["map", "photos", "--weights", "none.pth"], "none.pth"),
            (["info", "nowhere"], "there is no map nowhere"),
            (["info", "."], "is not a featscape map"),
            (["export", "nowhere", "--to", "site"], "there is no map nowhere"),
            (["map", "photos", "--page-images", "-1"], "map.html must hold 0 images or more"),
        ],
    )
    def test_one_line_and_status_2(self, featscape, photos, monkeypatch, arguments, words):
        monkeypatch.chdir(photos.parent)
        if "photos" in arguments:
            arguments = [*arguments, "--perplexity", 4]
        done = featscape(*arguments)
        assert done.status == 2
        assert done.out == ""
        line = done.err.splitlines()[-1]  # after the note of how many images were found
        assert line.startswith("featscape: ")
        assert words in line
        assert "Traceback" not in done.err
        assert not (photos.parent / "photos-map").exists()

    @pytest.mark.parametrize(
        ("option", "value"),
        [
            ("--model", "resnet1000"),
            ("--model", "none.py:net"),
            ("--model", "timm:nothing"),
            ("--precision", "fp8"),
            ("--device", "abacus"),
            ("--pool", "avg"),
        ],
    )
    def test_options_of_the_network_are_looked_at_before_the_images(
        self, featscape, here, option, value
    ):
        (here / "photos").mkdir()  # in which nothing would be found
        done = featscape("map", "photos", "--device", "cpu", option, value)
        assert done.status == 2
        (line,) = done.err.splitlines()
        assert value in line
        assert "photos" not in line

    @pytest.mark.parametrize("error", [ModelError, MissingExtra, DeviceError])
    def test_every_error_of_ours(self, featscape, photos, monkeypatch, error):
        def fail(*_arguments, **_options):
            raise error("what\nhappened")

        monkeypatch.setattr("featscape.features.extract", fail)
        done = featscape("map", photos, "--perplexity", 4)
        assert done.status == 2
        assert done.err.splitlines()[-1] == r"featscape: what\nhappened"


class TestScreens:
    @pytest.fixture
    def made(self, featscape, photos, here, quick_network):  # noqa: ARG002 - what it is made with
        (photos / "red" / "broken.png").write_bytes(b"")
        (photos / "red").rename(photos / "[red]")
        return featscape("map", photos, "-o", "m", "--perplexity", 4, "--size", 400)

    def test_the_summary(self, made):
        assert made.status == 0
        assert "24 images in 3 classes: m/" in made.out
        for picture in ("scatter.png", "images.png", "images-grid.png", "map.html"):
            assert picture in made.out
        assert "100% have mostly their own label among their 5 nearest neighbors" in made.out
        # a class's name is not markup
        assert re.search(r"^ *\[red\] +100% +of 8 images +━{20}$", made.out, re.MULTILINE)
        assert "*" not in made.out
        assert not re.search(r" $", made.out, re.MULTILINE)
        assert "Skipped 1 file" in made.out
        assert re.search(r"Took [\d.]+ s: .*pictures [\d.]+ s", made.out)

    @pytest.mark.usefixtures("quick_network")
    def test_names_that_no_font_can_write(self, featscape, photos, here):
        (photos / "red").rename(photos / "\U0010fffd")
        done = featscape("map", photos, "-o", here / "m", "--perplexity", 4, "--size", 400)
        assert "The pictures write numbers such as U+732B in 1 class name" in done.out
        assert "Install one that does" in done.out.replace("\n", " ")

    def test_progress_goes_to_the_standard_error(self, made):
        assert made.err.startswith("found 25 images in 3 classes\n")
        assert "t-SNE: " in made.err
        assert "\x1b" not in made.err + made.out  # no terminal, no colors

    @pytest.mark.usefixtures("made")
    def test_info(self, featscape, photos):
        out = featscape("info", "m").out
        assert "24 images in 3 classes: m/" in out
        for words in (str(photos), "quick", "perplexity 4, seed 10", "24 x 48 float32"):
            assert words in out.replace("\n", "")
        assert re.search(r"\[red\]/broken.png +empty", out)

    @pytest.mark.usefixtures("made")
    @pytest.mark.parametrize(("encoding", "bar"), [("latin-1", "="), ("utf-8", "\u2501")])
    def test_screens_of_other_encodings(self, here, encoding, bar):
        command = [sys.executable, "-c", "from featscape.cli import main; main()", "info", "m"]
        environment = os.environ | {"PYTHONIOENCODING": encoding}
        done = subprocess.run(command, cwd=here, env=environment, capture_output=True, check=True)
        assert 20 * bar in done.stdout.decode(encoding)
        assert done.stderr == b""

    @pytest.mark.usefixtures("made")
    def test_what_was_passed_over_is_told_before_the_work(self, featscape, photos, here):
        (photos / "lost.png").write_bytes(next((photos / "[red]").iterdir()).read_bytes())
        done = featscape("map", photos, "-o", here / "n", "--perplexity", 40)
        assert done.status == 2
        assert re.match(r"found \d+ images in 3 classes, skipped 1 file: ", done.err)

    @pytest.mark.usefixtures("made")
    def test_export(self, featscape, here):
        done = featscape("export", "m", "--to", "site")
        assert (done.status, done.out) == (0, "Wrote the site site/\n")
        assert (here / "site" / "index.html").exists()
        again = featscape("export", "m", "--to", "site")
        assert again.status == 2
        assert "the site site exists already" in again.err
        assert featscape("export", "m", "--to", "site", "--force").status == 0

    def test_models(self, featscape):
        done = featscape("models")
        assert done.status == 0
        assert re.search(r"^ *timm:NAME +1,\d{3} +timm", done.out, re.MULTILINE)
        assert re.search(r"^ *resnet101 +2048 +224 px +44\.5 M ", done.out, re.MULTILINE)
        assert re.search(
            r"^ *efficientnet_lite0 +1280 +224 px +4\.7 M +yes", done.out, re.MULTILINE
        )
        assert len(done.out.splitlines()) < 50
        first = set(report._FIRST)
        assert all(re.search(rf"^ *{re.escape(name)} ", done.out, re.MULTILINE) for name in first)

    def test_models_are_searched(self, featscape):
        done = featscape("models", "dinov2.")
        assert done.status == 0
        assert re.search(
            r"^timm:vit_small_patch14_dinov2\.lvd142m +384 +518 px +22\.1 M", done.out, re.MULTILINE
        )
        assert "resnet101" not in done.out
        missed = featscape("models", "xyzzy")
        assert (missed.status, missed.out) == (2, "")
        assert "'xyzzy' is in none" in missed.err

    def test_names_of_models_are_never_cut(self, featscape, monkeypatch):
        monkeypatch.setenv("COLUMNS", "60")
        out = featscape("models", "vit_base_patch16_clip*").out
        assert "timm:vit_base_patch16_clip_quickgelu_224.metaclip_2pt5b" in out
        assert "…" not in out

    def test_layers(self, featscape):
        done = featscape("layers", "resnet18", "--depth", 1)
        assert done.status == 0
        assert "by default its features are the input of fc" in done.out
        assert re.search(r"^ *layer3 +Sequential +256 x 14 x 14 +256 *$", done.out, re.MULTILINE)
        assert "layer3.0" not in done.out
        assert "57 layers more within these: --depth 2" in done.out

    def test_embed(self, featscape, here):
        rng = np.random.default_rng(0)
        np.save(here / "words.npy", rng.normal(size=(40, 8)))
        (here / "labels.txt").write_text("".join(f"class {i % 30}\n" for i in range(40)))
        done = featscape("embed", "words.npy", "--labels", "labels.txt", "--perplexity", 4)
        assert done.status == 0
        assert "40 items in 30 classes: words-map/" in done.out
        assert "10 more in run.json" in done.out
        assert re.search(r"class \d+ +0% +of [12] items? \* *$", done.out, re.MULTILINE)
        assert "* always 0%: a class of 3 or fewer cannot be most of 5 neighbors" in done.out
        assert "images.png" not in done.out
