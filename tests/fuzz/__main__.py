"""`make fuzz`: run the targets, print a report, and exit with status 1 if a try failed."""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fuzz import child, parent
from fuzz.settings import TARGETS, Settings

if TYPE_CHECKING:
    from fuzz.parent import Outcome

_FAILURES = Path("fuzz-failures")
_REPEATED_S = 600.0  # the time limit when tries are repeated
_KEPT = Path(__file__).with_name("seeds.json")  # the tries of fixed failures


def main() -> int:
    """Run the command line; return the exit status."""
    asked = _parse()
    if asked.child is not None:
        return _run_child(json.loads(asked.child))
    if not Path("/proc/self/statm").exists():
        raise SystemExit("The fuzzing program needs Linux, which has /proc/PID/statm.")
    settings = Settings(
        seed=secrets.randbelow(10**6) if asked.seed is None else asked.seed,
        failures=asked.failures.absolute(),
        hang_s=asked.hang_s,
        max_bytes=asked.most_mb << 20,
        replayed=_read_kept() if asked.replay else None,
        first=0 if asked.repeat is None else asked.repeat,
        most_tries=asked.tries if asked.repeat is None else 1,
    )
    if asked.replay or asked.repeat is not None:
        asked.seconds = _REPEATED_S
    names = asked.target or list(settings.replayed or TARGETS)
    started = time.strftime("%Y-%m-%d %H:%M")
    _print(f"Fuzzing {', '.join(names)} for {asked.seconds:g} s, SEED={settings.seed}, {started}")
    outcomes = parent.run_targets(names, settings, seconds=asked.seconds)
    _report(outcomes, settings)
    return 1 if any(each.failures or each.n_tries == 0 for each in outcomes) else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="duration of the run")
    parser.add_argument("--seed", type=int, help="seed of the inputs [default: random]")
    parser.add_argument("--target", action="append", help=f"{', '.join(TARGETS)} [default: all]")
    parser.add_argument("--tries", type=int, default=10**12, help="limit of tries per target")
    parser.add_argument("--try", dest="repeat", type=int, metavar="N", help="repeat one try")
    parser.add_argument("--replay", action="store_true", help="repeat the tries of seeds.json")
    parser.add_argument("--failures", type=Path, default=_FAILURES, metavar="DIR")
    parser.add_argument("--hang-s", type=float, default=20.0)
    parser.add_argument("--most-mb", type=int, default=2048)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


def _read_kept() -> dict[str, list[tuple[int, int]]]:
    """Return the (seed, number) of the tries in seeds.json by target."""
    kept: dict[str, list[tuple[int, int]]] = {}
    for each in json.loads(_KEPT.read_text(encoding="utf-8")):
        kept.setdefault(each["target"], []).append((each["seed"], each["try"]))
    return kept


def _run_child(arguments: dict[str, Any]) -> int:
    """Run the tries of a target in this process, with the arguments from `parent`."""
    settings = arguments.pop("settings")
    arguments["settings"] = Settings(**{**settings, "failures": Path(settings["failures"])})
    child.run(**{**arguments, "workspace": Path(arguments["workspace"])})
    return 0


def _report(outcomes: list[Outcome], settings: Settings) -> None:
    """Print one line per target and one line per kind of failure."""
    _print(
        f"{'target':10}{'tries':>10}{'tries/s':>9}{'failures':>10}{'kinds':>7}"
        f"{'slowest':>10}{'its try':>10}{'peak memory':>13}"
    )
    for each in outcomes:
        _print(
            f"{each.target:10}{each.n_tries:>10,}{each.n_tries / each.seconds:>9,.1f}"
            f"{each.failures.total():>10,}{len(each.failures):>7}"
            f"{each.slowest[0]:>8.2f} s{each.slowest[1]:>10}{each.peak_bytes >> 20:>10,} MB"
        )
    for each in outcomes:
        if each.n_tries == 0:
            _print(f"{each.target}: no try started within the time limit. Raise SECONDS.")
        for key, count in each.failures.most_common():
            _print(f"{each.target}: {count:,} x {key}")
    if any(outcome.failures for outcome in outcomes):
        _print(
            f"The inputs of the failures, and the commands that repeat them, are in "
            f"{settings.failures}"
        )


def _print(line: str) -> None:
    sys.stdout.write(line.encode(errors="backslashreplace").decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
