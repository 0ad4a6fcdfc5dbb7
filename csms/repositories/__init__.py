"""MongoDB: one file per collection, and the group-commit writer in `telemetry.py`."""
