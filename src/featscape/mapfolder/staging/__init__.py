"""Write a folder beside its final name, and move the complete folder to that name.

- `replacement`: the steps, from the check of the older folder to the move of the new folder
- `single_file`: the same for one file
- `hidden_folder`: the folder beside the output, with its lock
- `exchange`: exchange two names in one step
- `ownership`: the files that featscape may delete
- `write_errors`: the system's refusals to write
"""

from featscape.mapfolder.staging.replacement import find_unfinished, kept_beside, restore, staged
from featscape.mapfolder.staging.single_file import check_suffix, staged_file
from featscape.mapfolder.staging.write_errors import WriteError, flush, writing

__all__ = [
    "WriteError",
    "check_suffix",
    "find_unfinished",
    "flush",
    "kept_beside",
    "restore",
    "staged",
    "staged_file",
    "writing",
]
