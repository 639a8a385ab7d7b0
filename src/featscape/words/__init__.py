"""Words that a classifier knows: recognize classes in images, and find images by a word.

`vocabulary` names the classes of ImageNet-1k and their hypernyms, `recognition` computes the most
probable classes of each image, `matching` ranks images by a query, `similarity` by a vector, and
`naming` collects the words that name the classes of a map and its regions.
"""

from featscape.words.matching import check_query, match
from featscape.words.naming import name_classes, name_concepts
from featscape.words.recognition import N_CLASSES, recognize
from featscape.words.similarity import Similarities, classify, rank
from featscape.words.vocabulary import Vocabulary, load_vocabulary

__all__ = [
    "N_CLASSES",
    "Similarities",
    "Vocabulary",
    "check_query",
    "classify",
    "load_vocabulary",
    "match",
    "name_classes",
    "name_concepts",
    "rank",
    "recognize",
]
