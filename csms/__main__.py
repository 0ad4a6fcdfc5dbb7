"""`python -m csms` is `csms`."""

import sys

from csms.cli import main

sys.exit(main())
