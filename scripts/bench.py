#!/usr/bin/env python3
"""Measure csms beside its baselines, in one run on one machine, and print ratios.

`bench.py` takes about ten minutes, `bench.py --quick` about three. It needs what the extras
`embedded` and `test` install, and 20,000 open files. Everything it starts ends with it.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

if __name__ == "__main__":
    from benchmark.report import main

    sys.exit(main())
