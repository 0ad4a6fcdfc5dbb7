"""What is hidden in the URLs of jobs."""

from __future__ import annotations

import pytest

from csms.domain.job import mask_location, token_of


@pytest.mark.parametrize(
    ("location", "masked"),
    [
        ("ftp://user:secret@host/x.bin", "ftp://********@host/x.bin"),
        ("ftp://user:p@ss@host/x.bin", "ftp://********@host/x.bin"),
        ("ftp://user:a b?c#d@host/x.bin", "ftp://********@host/x.bin"),
        ("https://host:8080/mail@home.bin", "https://host:8080/mail@home.bin"),
        ("https://host/ocpp/files/TOKEN/v2.bin", "https://host/ocpp/files/********/v2.bin"),
        ("/files/TOKEN", "/files/********"),
        ("//FILES///TOKEN/", "//FILES///********/"),
        ("/admin/files/6b04d174", "/admin/files/6b04d174"),
    ],
)
def test_secrets_are_hidden_and_nothing_else(location: str, masked: str) -> None:
    assert mask_location(location) == masked


def test_a_token_is_found_in_urls_of_ours() -> None:
    assert token_of("https://host/files/TOKEN/v2.bin") == "TOKEN"
    assert token_of("ftp://host/v2.bin") is None
