"""Defaults that several packages share; this module imports nothing, so that the help is fast."""

DEFAULT_MODEL = "resnet101"  # the network of the tutorial
NAME_TEMPLATE = "a photo of a {}"  # the text that a text encoder gets for a name
