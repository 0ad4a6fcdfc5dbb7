"""Texts that are not in a template: those of the scripts, and words of OCPP that are shown."""

from __future__ import annotations

SCRIPT_TEXTS: tuple[str, ...] = (
    "The connection is lost. Trying again…",
    "This page is not up to date: the database is away.",
    "You are signed out. Sign in again.",
    "Live",
    "Working…",
    "Done",
    "Saved",
    "The server cannot be reached.",
    "Is this right? It cannot be undone.",
    "This is not valid JSON.",
    "Uploading…",
    "{0} rows so far",
    "No readings here.",
    "Show the numbers",
    "Time",
    "What",
    "Value",
    "this is too much to draw; choose a shorter time",
    "Download what was rejected",
)
"""What `t("...")` of the scripts may say."""
