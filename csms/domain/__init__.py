"""The rules and models, without I/O: one file per concept."""
