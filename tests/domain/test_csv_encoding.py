"""Encodings: recognised, or refused with the candidates; never guessed."""

from __future__ import annotations

import codecs
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.csv_encoding import Encoding, check_text, detect_encoding, parse_encoding
from csms.errors import InvalidInput, MalformedInput

HEADER = "id,name,location,serialNumber\r\n"
THAI = HEADER + 'CP_1,สถานีทดสอบ,"บางนา, กรุงเทพมหานคร",SN-1\r\n'
ONE_THAI_WORD = HEADER + "CP_1,Station,บางนา,SN-1\r\nCP_2,Site B,,SN-2\r\n"
WESTERN = HEADER + "CP_1,Café Müller,Genève,SN-1\r\nCP_2,l’Église – Œuvre,São Paulo,SN-2\r\n"
ASCII = HEADER + "CP_1,Station,Bangkok,SN-1\r\n"


def detect(data: bytes) -> Encoding:
    return detect_encoding(io.BytesIO(data))


@pytest.mark.parametrize("text", [THAI, ONE_THAI_WORD, WESTERN, ASCII, HEADER + "1,22 °C,à,ก\n"])
@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_unicode_is_recognised_with_and_without_a_mark(text: str, codec: str) -> None:
    data = text.encode(codec)
    found = detect(data)
    assert data.decode(found.codec) == text


def test_utf_16_of_the_other_byte_order_is_recognised_by_its_mark() -> None:
    data = codecs.BOM_UTF16_BE + THAI.encode("utf-16-be")
    assert data.decode(detect(data).codec) == THAI


def test_thai_header_in_utf_16_without_a_mark() -> None:
    assert detect("ชื่อ,ที่ตั้ง,หมายเลขเครื่อง\r\nก,ข,SN\r\n".encode("utf-16-le")) == "utf-16-le"


@pytest.mark.parametrize(
    "text",
    [
        THAI,
        ONE_THAI_WORD,
        HEADER + "1,อ.บางนา จ.กทม,แม่น้ำเจ้าพระยา ๑๒,x\n",
        HEADER + "1,เซ็นทรัล “ลาดพร้าว” – ๒,x,y\n",
    ],
)
def test_windows_874_is_recognised(text: str) -> None:
    assert detect(text.encode("cp874")) is Encoding.WINDOWS_874


@pytest.mark.parametrize(
    "text", [WESTERN, HEADER + "1,Zürich,,x\n", HEADER + "1,FRANÇAIS,22 °C à 5 €,x\n"]
)
def test_windows_1252_is_recognised(text: str) -> None:
    assert detect(text.encode("cp1252")) is Encoding.WINDOWS_1252


@pytest.mark.parametrize(
    ("word", "codec"),
    [
        ("ก", "cp874"),
        ("22 °C", "cp1252"),
        ("Москва", "cp1251"),
        ("Москва", "koi8-r"),
        ("北京市", "gbk"),
        ("東京", "shift_jis"),
        ("서울", "euc-kr"),
        ("Café Zürich", "mac_roman"),
        ("Café Zürich", "cp850"),
        ("Łódź Kraków", "cp1250"),
    ],
)
def test_what_cannot_be_told_is_refused_with_candidates_and_remedy(word: str, codec: str) -> None:
    with pytest.raises(MalformedInput) as caught:
        detect(f"{HEADER}1,{word},x,y\r\n".encode(codec))
    for part in ("windows-874", "windows-1252", "--encoding", "UTF-8"):
        assert part in str(caught.value)


@pytest.mark.parametrize("word", ["สถาน", "เกข"])
def test_thai_bytes_that_happen_to_be_utf_8_are_refused(word: str) -> None:
    data = f"{HEADER}1,{word},x,y\r\n".encode("cp874")
    data.decode("utf-8")
    with pytest.raises(MalformedInput, match="utf-8 or windows-874"):
        detect(data)


@given(st.text(st.characters(min_codepoint=0x0E01, max_codepoint=0x0E5B), max_size=12))
def test_thai_is_never_read_as_something_else(word: str) -> None:
    try:
        data = f"{HEADER}1,{word},x,y\r\n".encode("cp874")
    except UnicodeEncodeError:
        return
    try:
        found = detect(data)
    except MalformedInput:
        return
    # A lone word that makes no Thai syllables may be UTF-8 as well, and then it is taken for that.
    if found is not Encoding.WINDOWS_874:
        assert found is Encoding.UTF_8
        data.decode("utf-8")


@pytest.mark.parametrize("good", ["บางนา", "é"])
def test_broken_utf_8_names_the_line(good: str) -> None:
    rows = f"1,{good},x,y\r\n" * 20
    data = (HEADER + rows).encode() + b"2,\xe0\xb8,x,y\r\n" + rows.encode()
    with pytest.raises(MalformedInput, match="Line 22 is not utf-8"):
        detect(data)


def test_lines_are_counted_whatever_ends_them() -> None:
    data = "a\rb\r\nc\nสถานี\n".encode() + b"\xff"
    with pytest.raises(MalformedInput, match="Line 5 "):
        check_text(io.BytesIO(data), Encoding.UTF_8)


@pytest.mark.parametrize("codec", ["utf-8", "cp874"])
def test_nul_is_refused_with_its_line(codec: str) -> None:
    with pytest.raises(MalformedInput, match="Line 3 has a NUL"):
        detect((THAI + "2,\0,x,y\n").encode(codec))


def test_a_workbook_is_told_from_a_csv() -> None:
    with pytest.raises(MalformedInput, match="workbook"):
        detect(b"PK\x03\x04\x14\x00\x06\x00")


def test_utf_32_is_refused_by_name() -> None:
    with pytest.raises(MalformedInput, match="UTF-32"):
        detect(THAI.encode("utf-32"))


def test_a_named_encoding_is_checked() -> None:
    with pytest.raises(MalformedInput, match="Line 2 is not windows-874"):
        check_text(io.BytesIO(b"a\n\xff\n"), Encoding.WINDOWS_874)


def test_utf_16_without_a_mark_wants_its_byte_order() -> None:
    with pytest.raises(MalformedInput, match="utf-16-le or utf-16-be"):
        check_text(io.BytesIO(THAI.encode("utf-16-le")), Encoding.UTF_16)


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("UTF8", Encoding.UTF_8),
        ("windows_874", Encoding.WINDOWS_874),
        ("TIS-620", Encoding.WINDOWS_874),
        ("latin-1", Encoding.WINDOWS_1252),
        ("UTF-16LE", Encoding.UTF_16_LE),
    ],
)
def test_names_are_forgiven_their_spelling(name: str, encoding: Encoding) -> None:
    assert parse_encoding(name) is encoding


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match="windows-874"):
        parse_encoding("klingon")
