"""Check the installation: libraries, devices, the t-SNE engine, cache folders, fonts and the disk.

- `libraries`: the installed libraries, and the optional ones
- `machine`: processor, devices, folders, fonts
- `engine`: a fit of 100 points with the t-SNE engine
- `diagnosis`: all of these, and the problems
"""

from featscape.doctor.diagnosis import diagnose
from featscape.doctor.records import Diagnosis, Extra, Folder, Machine, Problem, TsneEngine

__all__ = ["Diagnosis", "Extra", "Folder", "Machine", "Problem", "TsneEngine", "diagnose"]
