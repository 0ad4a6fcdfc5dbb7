#!/usr/bin/env python3
"""Whitelist a fleet from a CSV file: `import_charge_points.py FLEET.csv --url ... --token ...`.

Works with any Python 3.11+; what csms needs is taken from the .venv that scripts/run makes.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
VENV = HERE / ".venv"


def main() -> int:
    """Import, with the .venv's Python if this one has not got what is needed."""
    sys.path.insert(0, str(HERE))
    try:
        from csms.client.fleet import import_main
    except ImportError as error:
        python = VENV / "bin" / "python"
        if python.exists() and Path(sys.prefix).resolve() != VENV.resolve():
            os.execv(python, [str(python), *sys.argv])
        print(f"{error}. Run scripts/run first: it installs what is needed.", file=sys.stderr)
        return 2
    return import_main()


if __name__ == "__main__":
    sys.exit(main())
