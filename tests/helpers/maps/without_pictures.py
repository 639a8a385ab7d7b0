"""Maps without pictures and pages, which take half of the time."""

from contextlib import nullcontext


def omit_pictures(patch):
    """Make maps without pictures and pages while `patch`, a MonkeyPatch, is in effect."""
    patch.setattr("featscape.pipeline.draw", lambda *_, **__: nullcontext(lambda _findings: None))
    patch.setattr("featscape.pipeline.write_interactive", lambda *_, **__: None)
