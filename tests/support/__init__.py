"""What tests share."""

PATIENCE = 30.0
"""Seconds until a test gives up waiting; a machine may stand still for some of them."""
