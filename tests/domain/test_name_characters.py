"""New identities, serials and ids: no two of them look the same."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.name_characters import objection


@pytest.mark.parametrize(
    "name",
    [
        "ChargeStationOne-001", "SN-AUTEL-23-001234", "สถานีทดสอบบางนา-A1", "สถานีน้ำ ๑๒", "กำลัง",
        "充电桩-01", "日本語テスト・ー々", "충전기-1", "Ladesäule-Straße", "Đà Nẵng ơ",
        "Zarządzanie ł",
        "Зарядка-1", "Москва_1", "Восток", "Ελλάδα-2", "κτιριο", "น้ำมัน", "แม่น้ำที่นี่", "ข้ามถนนกว้าง",
        "สิทธิ์", "หมู่ ๓", "ກຳແພງແສນ", "ນ້ຳ", "عمان-3", "नमस्ते", "a:b;c(d)_e+f",
    ],
)  # fmt: skip
def test_names_that_people_have(name: str) -> None:
    assert objection(unicodedata.normalize("NFC", name)) is None


@pytest.mark.parametrize(
    ("name", "named", "remedy"),
    [
        ("CP\u200b1", "U+200B", "remove it"),
        ("CP\u200d1", "U+200D", "remove it"),
        ("CP\u202e1", "U+202E", "remove it"),
        ("CP\u00ad1", "U+00AD", "remove it"),
        ("CP\u0085x", "U+0085", "remove it"),
        ("CP\u3164", "U+3164", "remove it"),
        ("CP\ufe0f1", "U+FE0F", "remove it"),
        ("CP\u28001", "U+2800", "remove it"),
        ("CP\U000e00411", "U+E0041", "remove it"),
        ("CP\ue0001", "U+E000", "remove it"),
        ("CP\u03781", "U+0378", "remove it"),
        ("CP\u00a01", "U+00A0", "ordinary"),
        ("CP\u30001", "U+3000", "ordinary"),
        ("C\u0440-1", "U+0440", "one script"),
        ("\u0421\u0420-001", "U+0421", "Latin letters"),
        ("\u0391\u0392-1", "U+0391", "Latin letters"),
        ("CP\u13df", "U+13DF", "replace it"),
        ("C\u0250", "U+0250", "common"),
        ("\uff23\uff30-1", "U+FF23", "looks like C; use that"),
        ("\U0001d402P", "U+1D402", "looks like C; use that"),
        ("CP\u20131", "U+2013", "keyboard"),
        ("CP\u22121", "U+2212", "keyboard"),
        ("C\u0e50P1", "U+0E50", "use those of one"),
        ("ไทยЖ", "U+0416", "one script"),
        ("\u0e40\u0e40สน-1", "U+0E40 U+0E40", "looks like \u0e41; use that"),
        ("ก\u0e4d\u0e32", "U+0E4D U+0E32", "looks like \u0e33; use that"),
        ("น\u0e4d\u0e49\u0e32", "U+0E4D U+0E49 U+0E32", "looks like \u0e49\u0e33; use that"),
        ("น\u0e49\u0e4d\u0e32", "U+0E49 U+0E4D U+0E32", "looks like \u0e49\u0e33; use that"),
        ("ท\u0e48\u0e35", "U+0E48 U+0E35", "looks like \u0e35\u0e48; use that"),
        ("ที\u0e48\u0e48", "U+0E48 U+0E48", "looks like \u0e48; use that"),
        ("\u0ec0\u0ec0", "U+0EC0 U+0EC0", "looks like \u0ec1; use that"),
        ("x\u0300\u0300", "U+0300 U+0300", "use that"),
    ],
)
def test_names_that_look_like_others(name: str, named: str, remedy: str) -> None:
    found = objection(unicodedata.normalize("NFC", name))
    assert found is not None and named in found and remedy in found


@given(st.text(min_size=1, max_size=20))
def test_what_passes_has_nothing_hidden_and_no_double_in_ascii(name: str) -> None:
    name = unicodedata.normalize("NFC", name)
    if objection(name) is None and not name.isascii():
        assert not any(unicodedata.category(char)[0] == "C" for char in name if ord(char) > 127)
        assert not unicodedata.normalize("NFKC", name).isascii()


@given(
    st.text(alphabet="abcXYZ019-", min_size=3), st.characters(categories=["Cf", "Cc", "Zs", "Co"])
)
def test_a_hidden_character_anywhere(name: str, hidden: str) -> None:
    if not hidden.isascii():
        assert objection(name[:1] + hidden + name[1:]) is not None
