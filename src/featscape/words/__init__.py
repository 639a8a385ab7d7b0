"""Words that a classifier knows: recognize classes in images, and find images by a word.

`vocabulary` names the classes of ImageNet-1k and their hypernyms, `recognition` computes the most
probable classes of each image, and `matching` ranks images by a query.
"""

from featscape.words.matching import Match, match
from featscape.words.recognition import N_CLASSES, recognize
from featscape.words.vocabulary import Vocabulary, load_vocabulary

__all__ = ["N_CLASSES", "Match", "Vocabulary", "load_vocabulary", "match", "recognize"]
