"""Commands of csms in a remedy, with the options by which they find what was checked."""

from __future__ import annotations

import shlex

from csms.config import Settings


def command(settings: Settings, words: str) -> str:
    """`csms WORDS` for the installation that was checked."""
    options = []
    if settings.config is not None:
        options += ["--config", str(settings.config)]
    if settings.data_dir != Settings.model_fields["data_dir"].default:
        options += ["--data-dir", str(settings.data_dir)]
    return " ".join(["csms", words, *map(shlex.quote, options)])
