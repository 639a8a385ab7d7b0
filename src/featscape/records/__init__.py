"""The records that the packages exchange: images -> features -> embedding."""

from featscape.records.comparison import Estimate, FeatureComparison
from featscape.records.embedding import (
    Embedding,
    Neighbors,
    PlacedImage,
    PlacedImages,
)
from featscape.records.features import (
    Features,
    Inference,
    ModelCard,
)
from featscape.records.images import (
    Decoded,
    Decoder,
    ImageBytes,
    ImageSet,
    ImageSource,
    PlainDecoder,
    ThumbnailSink,
)
from featscape.records.items import ItemSet
from featscape.records.picture_settings import PictureSettings
from featscape.records.skipped import (
    SkippedImage,
    count_reasons,
    count_skipped,
)
from featscape.records.words import (
    MAX_QUERY_CHARACTERS,
    ClassifierWeights,
    ComparableWords,
    Match,
    NamedClasses,
    Recognized,
    WordVectors,
)

__all__ = [
    "MAX_QUERY_CHARACTERS",
    "ClassifierWeights",
    "ComparableWords",
    "Decoded",
    "Decoder",
    "Embedding",
    "Estimate",
    "FeatureComparison",
    "Features",
    "ImageBytes",
    "ImageSet",
    "ImageSource",
    "Inference",
    "ItemSet",
    "Match",
    "ModelCard",
    "NamedClasses",
    "Neighbors",
    "PictureSettings",
    "PlacedImage",
    "PlacedImages",
    "PlainDecoder",
    "Recognized",
    "SkippedImage",
    "ThumbnailSink",
    "WordVectors",
    "count_reasons",
    "count_skipped",
]
