"""The admin REST: one file per resource, joined in `routes.py`."""
