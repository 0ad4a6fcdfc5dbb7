"""Secrets in text that is no JSON: however it is broken, they are not shown."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from csms.domain.secret_text import mask_text

SECRET = "0123456789abcdef"
MASK = '"********"'


@pytest.mark.parametrize(
    "text",
    [
        f'[3,"1",{{"configurationKey":[{{"key":"AuthorizationKey","value":"{SECRET}"}},{{"ke',
        f'[3,"1",{{"configurationKey":[{{"key":"AuthorizationKey","value":"{SECRET}',
        f'{{"value":"{SECRET}","key":"Authorization_Key"',
        f'{{"key":"AuthorizationKey"\n:"{SECRET}"',
        f'"AuthorizationKey":\n"{SECRET}"',
        f'{{"AuthorizationKey","{SECRET}"}}',
        f'{{"AuthorizationKey":["{SECRET}"]',
        f'{{"password":{{"a":"{SECRET}"}}',
        f'{{"pass\\u0077ord":"{SECRET}"',
        f'{{"key":"Auth\\u006frizationKey","value":"{SECRET}"',
        f'{{"data":"{{\\"password\\":\\"{SECRET}\\"}}',
        f"{{password:'{SECRET}",
        f"password={SECRET};x",
        f"Auth Token: Bearer {SECRET}",
        f'{{"location":"ftp://user:{SECRET}@host/x"',
        f'[2,"1","X",{{"value":"{SECRET}"' + " " * 500 + '"key":"AuthorizationKey"',
    ],
)
def test_a_secret_is_hidden(text: str) -> None:
    masked = mask_text(text, 400)
    assert SECRET not in masked
    assert len(masked) <= 400


def test_names_and_harmless_values_stay() -> None:
    text = (
        '[3,"1",{"configurationKey":[{"key":"AuthorizationKey","readonly":false,"value":"s"},'
        '{"key":"HeartbeatInterval","readonly":tr'
    )
    assert mask_text(text, 1000) == (
        f'[{MASK},{MASK},{{"configurationKey":[{{"key":"AuthorizationKey","readonly":false,'
        f'"value":{MASK}}},{{"key":"HeartbeatInterval","readonly":{MASK}'
    )


def test_a_text_without_secrets_is_only_cut() -> None:
    text = '[2,"1","MeterValues",{"meterValue":[{"value":"1750"'
    assert mask_text(text, 1000) == text
    assert mask_text(text, 10) == text[:10]


PIECES = st.lists(
    st.sampled_from([*"{}[]:=,;'\" \n\\", "key", '"value":', "x1", "key:"]), max_size=30
).map("".join)


@settings(max_examples=500)
@given(PIECES, PIECES)
@example("", ":")
@example("'", "':")
@example('"key":"', "")
def test_a_secret_is_hidden_in_any_surroundings(before: str, after: str) -> None:
    assert SECRET not in mask_text(f'{before}"password":"{SECRET}"{after}', 10_000)
