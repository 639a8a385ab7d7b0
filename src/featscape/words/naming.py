"""Name the recognized classes of a map for the search of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from featscape.records import NamedClasses
from featscape.words.vocabulary import load_vocabulary

if TYPE_CHECKING:
    from featscape.records import Recognized


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
