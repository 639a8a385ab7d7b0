"""Defaults that several packages share; this module imports nothing, so that the help is fast."""

DEFAULT_MODEL = "resnet101"  # the network of the tutorial
INSTALLED_MODEL = "efficientnet_lite0"  # its weights are installed with featscape
PAGE_IMAGES = 20_000  # a page with 20,000 thumbnails is small enough for an e-mail
MOST_CLASSES = 60  # in the picture of the classes; the names of more classes are too small
NAME_TEMPLATE = "a photo of a {}"  # the text that a text encoder gets for a name
