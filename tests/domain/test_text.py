"""Text in its composed form, and as it is compared."""

from __future__ import annotations

import unicodedata
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import StringConstraints, TypeAdapter

from csms.connections.visitor import ENDPOINT, read_identity
from csms.domain.text import COMPOSED, MAX_COMPOSED, fold_text, nfc

FORMS = ("NFC", "NFD")


@given(st.text())
def test_normal_form_and_case_make_no_difference(text: str) -> None:
    folded = fold_text(text)
    assert {fold_text(unicodedata.normalize(form, text)) for form in FORMS} == {folded}
    assert fold_text(folded) == folded
    assert unicodedata.is_normalized("NFC", folded) and unicodedata.is_normalized("NFC", nfc(text))
    if text.isascii():
        assert folded == text.casefold() and nfc(text) == text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CAFÉ", "cafe\u0301"),
        ("Straße", "STRASSE"),
        ("Hà Nội", "Ha\u0300 No\u0323\u0302i"),
        ("อยู่", "\u0e2d\u0e22\u0e48\u0e39"),  # the tone mark typed before the vowel
        ("ΑΣ", "ας"),
    ],
)
def test_what_looks_the_same_is_the_same(one: str, other: str) -> None:
    assert one != other and fold_text(one) == fold_text(other)


@pytest.mark.parametrize(("one", "other"), [("e", "é"), ("น้ำ", "น้ํา"), ("Ⅳ", "IV"), ("1", "①")])
def test_what_is_only_alike_stays_apart(one: str, other: str) -> None:
    assert fold_text(one) != fold_text(other)


def test_a_model_takes_text_composed_and_counts_its_characters_so() -> None:
    short: TypeAdapter[str] = TypeAdapter(
        Annotated[str, StringConstraints(max_length=2, strip_whitespace=True), COMPOSED]
    )
    assert short.validate_python(" e\u0301o\u0308 ") == "éö"
    assert short.json_schema() == {"maxLength": 2, "type": "string"}
    with pytest.raises(ValueError):
        short.validate_python(5)


def test_a_megabyte_of_accents_costs_nothing() -> None:
    accents = "\u0300" * 250_000 + "\u0323" * 250_000
    # To bring it into order would take minutes, and would change it.
    assert nfc(accents) == accents
    assert fold_text("A" + accents) == "a" + accents
    assert nfc("e\u0301" + "e" * (MAX_COMPOSED - 2)) == "é" + "e" * (MAX_COMPOSED - 2)
    with pytest.raises(ValueError):
        read_identity(f"{ENDPOINT}/{'%CC%80' * 5_000}{'%CC%A3' * 5_000}")
