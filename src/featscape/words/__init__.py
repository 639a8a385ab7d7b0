"""Words that a classifier knows: recognize classes in images, and find images by a word.

`vocabulary` names the classes of ImageNet-1k and their hypernyms, `recognition` computes the most
probable classes of each image, `matching` ranks images by a query, `similarity` by a vector,
`naming` collects the words that name the classes and the regions of a map, and `nouns` has the
nouns whose vectors a map of a network with a text tower stores.
"""

from featscape.words.matching import check_query, match
from featscape.words.naming import name_classes, name_concepts, name_nouns
from featscape.words.nouns import Nouns, as_bytes, load_nouns, make_comparable
from featscape.words.recognition import N_CLASSES, recognize
from featscape.words.similarity import Similarities, classify, rank
from featscape.words.vocabulary import Vocabulary, load_vocabulary

__all__ = [
    "N_CLASSES",
    "Nouns",
    "Similarities",
    "Vocabulary",
    "as_bytes",
    "check_query",
    "classify",
    "load_nouns",
    "load_vocabulary",
    "make_comparable",
    "match",
    "name_classes",
    "name_concepts",
    "name_nouns",
    "rank",
    "recognize",
]
