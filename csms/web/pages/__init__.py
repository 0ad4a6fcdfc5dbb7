"""The admin pages: one file per page."""
