"""Write and read the files of a map folder.

    NAME-map/
      run.json         how the map was made: see `write_run`
      items.parquet    one row per image: id, path, label, split, width, height, sha256, x, y (z),
                       landmark if t-SNE was fitted on some items, suspicion, suggested, off_topic,
                       torn, false_friends and duplicate_group with findings.json, and the columns
                       of the source
      features.npy     (n, d) float32
      findings.json    what the map shows: see docs/explanation/findings.md
      words.npz        classes that the network recognizes: indices (n, 5) int16 of ImageNet-1k
                       and probabilities (n, 5) float32
      regions.json     named regions: see `featscape.records.regions`
      neighbors.npz    indices (n, k) int32 and distances (n, k) float32
      thumbnails/      packed thumbnails
      bundle/          the files of the interactive map: see docs/explanation/viewer.md
      scatter.png  images.png  images-grid.png  classes.png
      map.html         the interactive map in one file

`layout` names the files, `write` writes a map, `read` opens a map, and `staging` moves a complete
folder to its final name.
"""

from featscape.mapfolder.layout import (
    BUNDLE,
    BUNDLE_FILES,
    CLASSES,
    FEATURES,
    FINDING_COLUMNS,
    FINDINGS,
    FIRST_COLUMNS,
    FORMAT,
    GRID,
    ITEMS,
    LANDMARK,
    LAYOUTS,
    MAP_FILES,
    MOSAIC,
    NEIGHBORS,
    OWN_COLUMNS,
    PAGE,
    RUN,
    SCATTER,
    SCHEMA_VERSION,
    SOURCE_PREFIX,
    THUMBNAILS,
    check_readable,
    check_source,
    damaged,
    find_run,
    open_part,
)
from featscape.mapfolder.write import (
    current_versions,
    new_map_folder,
    write_embedding,
    write_features,
    write_picture,
    write_run,
)

__all__ = [
    "BUNDLE",
    "BUNDLE_FILES",
    "CLASSES",
    "FEATURES",
    "FINDINGS",
    "FINDING_COLUMNS",
    "FIRST_COLUMNS",
    "FORMAT",
    "GRID",
    "ITEMS",
    "LANDMARK",
    "LAYOUTS",
    "MAP_FILES",
    "MOSAIC",
    "NEIGHBORS",
    "OWN_COLUMNS",
    "PAGE",
    "RUN",
    "SCATTER",
    "SCHEMA_VERSION",
    "SOURCE_PREFIX",
    "THUMBNAILS",
    "check_readable",
    "check_source",
    "current_versions",
    "damaged",
    "find_run",
    "new_map_folder",
    "open_part",
    "write_embedding",
    "write_features",
    "write_picture",
    "write_run",
]
