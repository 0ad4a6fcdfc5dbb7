"""Runs the whole benchmark and prints its table."""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
from pathlib import Path

from benchmark.figures import FULL, QUICK, Figure, fleet_size, queries, rates, storm, whitelist
from benchmark.processes import csms

PARTS = {"rates": rates, "storm": storm, "fleet": fleet_size, "queries": queries}


def main() -> int:
    """Measure what is asked for; 0 when every goal is reached."""
    parser = argparse.ArgumentParser(description="measure csms beside its baselines")
    parser.add_argument("--quick", action="store_true", help="less of everything")
    parser.add_argument("--only", choices=PARTS, action="append", help="a part of it")
    args = parser.parse_args()
    size = QUICK if args.quick else FULL
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20_000), hard))
    print(f"{os.cpu_count()} cores for server, database and load together\n")
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="csms-bench-") as directory:
        data = Path(directory)
        with csms(data / "data", data / "log") as server:
            whitelist(server, 0, size.few)
            for name, part in PARTS.items():
                if args.only and name not in args.only:
                    continue
                for figure in part(server, size):
                    figures.append(figure)
                    print(_row(figure), flush=True)
    missed = [figure for figure in figures if not figure.reached]
    print(f"\n{len(figures) - len(missed)} of {len(figures)} goals reached")
    return 1 if missed else 0


def _row(figure: Figure) -> str:
    bound = "<=" if figure.at_most else ">="
    mark = " " if figure.reached else "!"
    value = f"{figure.value:.2f} {figure.unit}".strip()
    goal = f"{bound} {figure.goal:g} {figure.unit}".strip()
    return f"{mark} {figure.name:48} {value:>12}   {goal:>10}   {figure.detail}"
