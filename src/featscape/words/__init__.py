"""Words that a classifier knows: recognize classes in images, and find images by a word.

`vocabulary` names the classes of ImageNet-1k and their hypernyms, `recognition` computes the most
probable classes of each image, `matching` ranks images by a query, and `naming` collects the words
that name the classes of a map.
"""

from featscape.words.matching import Match, match
from featscape.words.naming import name_classes
from featscape.words.recognition import N_CLASSES, recognize
from featscape.words.vocabulary import Vocabulary, load_vocabulary

__all__ = [
    "N_CLASSES",
    "Match",
    "Vocabulary",
    "load_vocabulary",
    "match",
    "name_classes",
    "recognize",
]
