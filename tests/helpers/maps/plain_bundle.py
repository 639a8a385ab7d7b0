"""Bundles without the contents that a map may lack."""

from functools import partial

from featscape.bundle import write_bundle

write_plain_bundle = partial(
    write_bundle,
    labels=None,
    paths=None,
    columns=None,
    thumbnails=None,
    facts=None,
    findings=None,
    words=None,
    vectors=None,
    regions=(),
    progress=None,
)
