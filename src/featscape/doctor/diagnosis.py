"""Check every part of the installation and collect the problems."""

from __future__ import annotations

from featscape.doctor.engine import check_tsne_engine
from featscape.doctor.libraries import (
    find_missing,
    find_unloadable,
    list_extras,
    list_versions,
)
from featscape.doctor.machine import (
    describe_machine,
    find_full_disks,
    find_unused_gpu,
    list_folders,
)
from featscape.doctor.records import Diagnosis, Problem


def diagnose() -> Diagnosis:
    """Return the state of the installation.

    All required libraries are imported, and the t-SNE engine fits 100 points. Nothing is
    downloaded.

    Returns
    -------
    Diagnosis
    """
    unloadable = tuple(find_unloadable())
    versions = list_versions()
    machine = describe_machine(unloadable={problem.subject for problem in unloadable})
    engine = check_tsne_engine()
    folders = list_folders()
    problems = [
        *find_missing(),
        *(problem for problem in unloadable if versions[problem.subject] is not None),
        *([engine] if isinstance(engine, Problem) else []),
        *find_unused_gpu(machine, torch_version=versions["torch"]),
        *find_full_disks(folders),
    ]
    return Diagnosis(
        versions=versions,
        extras=list_extras(),
        machine=machine,
        engine=None if isinstance(engine, Problem) else engine,
        folders=folders,
        problems=tuple(problems),
    )
