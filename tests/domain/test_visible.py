"""What a screen would obey or leave out is shown."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.visible import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("CP\u202e1", "CP[U+202E]1"),
        ("\x9b2J", "[U+009B]2J"),
        ("a\u200bb\ufeff", "a[U+200B]b[U+FEFF]"),
        ("CP\u200d1", "CP[U+200D]1"),
        ("\U000e0041", "[U+E0041]"),
        ("\ud800", "[U+D800]"),
        ("two\nlines\t", "two\nlines\t"),
        ("สถานีน้ำ 充电 Straße नमस्ते‍ 👩‍🔧", "สถานีน้ำ 充电 Straße नमस्ते‍ 👩‍🔧"),
    ],
)
def test_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_no_control_and_no_mark_of_direction_is_left(text: str) -> None:
    for char in visible(text):
        assert unicodedata.category(char) not in ("Cc", "Cs") or char in "\n\r\t"
        assert unicodedata.bidirectional(char) not in (
            "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI",
        )  # fmt: skip
    assert visible(visible(text)) == visible(text)
