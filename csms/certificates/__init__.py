"""Who signs certificates: a small interface, and a local authority for those who have none."""
