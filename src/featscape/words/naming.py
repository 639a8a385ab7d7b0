"""Name the recognized classes of a map: for the search of the page, and for regions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from featscape.records import ClassifierWeights, NamedClasses
from featscape.records.regions import Terms
from featscape.words.nouns import load_nouns
from featscape.words.recognition import recognize
from featscape.words.vocabulary import load_vocabulary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from featscape.records import Recognized, WordVectors

# The largest factor of the similarities that CLIP may learn, which its released networks reach
# (Radford et al., Learning Transferable Visual Models From Natural Language Supervision, 2021,
# section 2.5).
_SCALE = 100.0
_MOST_NOUNS = 1_000
_MOST_SAMPLED = 20_000  # images that select the nouns of a map

# Concepts of three classes or more that are abstract, or terms of taxonomy. As names of regions,
# these words would be correct, but most readers would not know what the images show. More general
# or more specific words replace them.
_NO_NAMES = frozenset(
    (
        *("entity", "physical entity", "abstraction", "object", "whole", "artifact", "organism"),
        *("living thing", "instrumentality", "device", "covering", "conveyance", "commodity"),
        *("consumer goods", "structure", "matter", "equipment", "implement", "instrument"),
        *("self-propelled vehicle", "substance", "solid", "protective covering", "furnishing"),
        *("craft", "natural object", "reproductive structure", "plant part", "plant organ"),
        *("mechanism", "game equipment", "durables", "nutriment", "nutrient", "restraint"),
        *("obstruction", "establishment", "barrier", "place of business", "mechanical device"),
        *("mercantile establishment", "foodstuff", "causal agent", "starches", "relation", "piece"),
        *("part", "support", "system", "ware", "article", "agent", "natural elevation"),
        *("supporting structure", "gymnastic apparatus", "fluid", "white goods", "top"),
        *("vertebrate", "chordate", "placental", "carnivore", "diapsid", "aquatic vertebrate"),
        *("even-toed ungulate", "saurian", "passerine", "oscine", "teleost fish", "bony fish"),
        *("colubrid snake", "bovid", "musteline mammal", "gallinaceous bird", "chelonian"),
        *("decapod crustacean", "lepidopterous insect", "elasmobranch", "anapsid", "metatherian"),
        *("spiny-finned fish", "soft-finned fish", "cartilaginous fish", "leporid", "phasianid"),
        *("lagomorph", "coelenterate", "anseriform bird"),
    )
)


def name_classes(recognized: Recognized) -> NamedClasses:
    """Return the recognized classes with the words that name them.

    Parameters
    ----------
    recognized : Recognized
        Of n images.

    Returns
    -------
    NamedClasses
        The terms are the words of the vocabulary that name a recognized class.
    """
    return NamedClasses(recognized, load_vocabulary().terms(np.unique(recognized.classes).tolist()))


def name_concepts(recognized: Recognized) -> Terms:
    """Return the recognized classes and their hypernyms as terms.

    Parameters
    ----------
    recognized : Recognized
        Of n images.

    Returns
    -------
    Terms
        A term is the most frequent name of a concept. Its weight is the probability of the classes
        below the concept. Abstract concepts are omitted. The most specific term is the
        first: of terms that fit equally well, the first names a region.
    """
    vocabulary = load_vocabulary()
    concepts = [one for one in reversed(vocabulary.concept_classes()) if one[0] not in _NO_NAMES]
    members = np.zeros((len(vocabulary.classes), len(concepts)), np.float32)
    for term, (_, classes) in enumerate(concepts):
        members[classes, term] = 1
    names = tuple(name for name, _ in concepts)
    return Terms("word", names, recognized.classes, recognized.probabilities, members)


def name_nouns(features: NDArray[np.float32], words: WordVectors, *, random_state: int) -> Terms:
    """Return the nouns most similar to each image as terms.

    The 1,000 nouns that are most frequent among at most 20,000 random images are candidates. A
    softmax over the candidates gives the weights of an image.

    Parameters
    ----------
    features : ndarray of float32, shape (n, d)
        May be memory-mapped.
    words : WordVectors
        The vectors of the nouns of `load_nouns`.
    random_state : int
        Seed of the sample.

    Returns
    -------
    Terms
    """
    names = load_nouns().names
    vectors = words.vectors * (words.scales * np.float32(_SCALE))  # (v, d)
    n_items = len(features)
    rows = np.arange(n_items)
    if n_items > _MOST_SAMPLED:
        rows = np.sort(np.random.default_rng(random_state).permutation(n_items)[:_MOST_SAMPLED])
    sampled = _most_similar(features[rows], vectors)
    weights = np.bincount(
        sampled.classes.ravel(), weights=sampled.probabilities.ravel(), minlength=len(names)
    )
    kept = np.sort(np.argsort(-weights, kind="stable")[:_MOST_NOUNS])
    found = _most_similar(features, vectors[kept])
    members = np.eye(len(kept), dtype=np.float32)
    return Terms(
        "word", tuple(names[row] for row in kept), found.classes, found.probabilities, members
    )


def _most_similar(features: NDArray[np.float32], vectors: NDArray[np.float32]) -> Recognized:
    bias = np.zeros(len(vectors), np.float32)
    return recognize(features, ClassifierWeights(vectors, bias, is_cosine=True))
