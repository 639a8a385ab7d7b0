"""Check the wheels and source archives of a folder: their tags and files.

A wheel must contain every file of its package and nothing else, apart from its metadata. meshtsne's
extension must use the stable ABI from Python 3.12 on. The folder must contain at least one wheel.
"""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = {"featscape": ROOT / "src", "meshtsne": ROOT / "engine" / "src"}


def main() -> None:
    """Check the wheels of the folder that is given; print one line for each."""
    wheels = sorted(Path(sys.argv[1]).glob("*.whl"))
    problems = [] if wheels else [f"{sys.argv[1]} contains no wheel"]
    for wheel in wheels:
        found = find_problems(wheel)
        problems += [f"{wheel.name}: {problem}" for problem in found]
        print(wheel.name, "differs" if found else "has the expected tags and files")
    if problems:
        sys.exit("\n".join(problems))


def find_problems(wheel: Path) -> list[str]:
    """Return what is wrong with the name and the files of a wheel."""
    package, _version, python, abi, platform = wheel.stem.split("-")
    with zipfile.ZipFile(wheel) as archive:
        listed = [name for name in archive.namelist() if not name.endswith("/")]
    names = {name for name in listed if ".dist-info/" not in name}
    expected = list_sources(package)
    problems = []
    if package == "featscape":
        tags = {("py3", "none", "any")}
    else:
        tags = {("cp311", "cp311", platform), ("cp312", "abi3", platform)}
        native = {name for name in names - expected if name.startswith("meshtsne/_native.")}
        names -= native
        is_stable = [".abi3." in name or name.endswith("_native.pyd") for name in native]
        if len(native) != 1 or (abi == "abi3" and not all(is_stable)):
            problems.append(f"the native module must be one file of the ABI {abi}; got {native}")
    if (python, abi, platform) not in tags:
        problems.append(f"the tags must be one of {tags}; got {python}-{abi}-{platform}")
    problems += [f"{name} is missing" for name in sorted(expected - names)]
    problems += [f"{name} is not a file of the package" for name in sorted(names - expected)]
    return problems


def list_sources(package: str) -> set[str]:
    """Return the files of a package that git tracks, as paths inside the wheel."""
    folder = SOURCES[package]
    listed = subprocess.run(
        ["git", "ls-files", package], cwd=folder, check=True, capture_output=True, text=True
    )
    return set(listed.stdout.split())


if __name__ == "__main__":
    main()
