"""What a token that is set by hand must be like, in the settings and wherever it is shown."""

from __future__ import annotations

MIN_TOKEN = 20
"""Characters. Shorter ones can be guessed."""


def check_token(token: str) -> str:
    """See that a token that was set by hand is long enough.

    Raises:
        ValueError: it is not; the text says what to do.
    """
    if len(token.strip()) < MIN_TOKEN:
        raise ValueError(
            f"is too short: set a random text of {MIN_TOKEN} characters or more, such as"
            " `openssl rand -hex 32` prints"
        )
    return token
