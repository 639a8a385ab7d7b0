"""Named regions of a map: dense clusters at several levels, each with a name and an image.

`clusters` finds the clusters, `naming` chooses names, `representatives` chooses an image of each
region, and `compute` combines these steps.
"""

from featscape.regions.compute import find_regions
from featscape.regions.naming import code_terms

__all__ = ["code_terms", "find_regions"]
