"""Whatever the pages say, they can say in Thai."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from types import ModuleType

import pytest
from ocpp.v16.enums import Location, Reason

from csms.actions import sign_certificate
from csms.domain.alarm import ALARM_TEXTS, Severity
from csms.domain.certificate import OTHER_NAME
from csms.domain.id_tag import Status
from csms.domain.onboarding import REFUSED_BOOTS, REMEDIES
from csms.domain.proof import OBJECTIONS
from csms.domain.transaction import TransactionStatus
from csms.ocppj.quirks import QUIRKS
from csms.web.pages import (
    alarms,
    certificates,
    commands,
    flags,
    import_texts,
    meter_series,
    meter_values,
    texts,
    transactions,
    trouble,
    turned_away,
)
from csms.web.pages.base import NAVIGATION, WEB

# "text" or 'text', as an argument of _() or t(), also one of two with `if` or `?` between.
_CALL = re.compile(r"""\b_\(((?:"[^"\n]*"|'[^'\n]*'))\)""")
_SCRIPT_CALL = re.compile(r"""\bt\("([^"\n]*)"[),]""")


def thai() -> dict[str, str]:
    with (WEB / "locale" / "th.csv").open(encoding="utf-8", newline="") as file:
        return {row[0]: row[1] for row in csv.reader(file) if row}


def placeholders(text: str) -> list[str]:
    return sorted(set(re.findall(r"{\d*}", text)))


def of_templates() -> set[str]:
    found = set()
    for template in (WEB / "templates").glob("*.html"):
        found |= {text[1:-1] for text in _CALL.findall(template.read_text())}
    return found


def of_scripts() -> set[str]:
    found = set()
    for script in (WEB / "static" / "admin").glob("*.js"):
        found |= set(_SCRIPT_CALL.findall(script.read_text()))
    return found


def of_module(module: ModuleType) -> list[str]:
    """The texts that are constants of a module, alone or as the values of a table."""
    constants = [value for name, value in vars(module).items() if name.isupper()]
    said = [value for value in constants if isinstance(value, str)]
    for table in constants:
        if isinstance(table, Mapping):
            said += [text for text in table.values() if isinstance(text, str)]
    return said


def test_scripts_find_their_texts_in_the_page() -> None:
    assert of_scripts() - set(texts.SCRIPT_TEXTS) - set(texts.ANSWERS) == set()


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(of_templates(), id="templates"),
        pytest.param(texts.SCRIPT_TEXTS, id="scripts"),
        pytest.param(texts.ANSWERS, id="answers"),
        pytest.param(import_texts.IMPORT_ANSWERS, id="imports"),
        pytest.param([title for _, title, _ in NAVIGATION], id="navigation"),
        pytest.param([*flags.FLAGS.values(), *flags.NOT_ACCEPTED.values()], id="flags"),
        pytest.param(flags.NOT_ACCEPTED, id="authorization"),
        pytest.param(Status.__args__, id="id tags"),
        pytest.param(meter_series.MEASURANDS.values(), id="measurands"),
        pytest.param([location.value for location in Location], id="locations"),
        pytest.param(meter_values.SPANS.values(), id="times"),
        pytest.param([title for title, _ in transactions.CHARTS], id="charts"),
        pytest.param([reason.value for reason in Reason], id="reasons"),
        pytest.param([*turned_away.MEANINGS, *turned_away.MEANINGS.values()], id="turned away"),
        pytest.param(
            [
                *REMEDIES.values(),
                turned_away.CAME_WITHOUT_TLS,
                turned_away.REFUSES_OUR_CERTIFICATE,
            ],
            id="what to do",
        ),
        pytest.param(
            [
                *(text.title for text in ALARM_TEXTS.values()),
                *(text.remedy for text in ALARM_TEXTS.values()),
                *Severity,
                *alarms.FACT_TITLES.values(),
                *alarms.EVIDENCE.values(),
            ],
            id="alarms",
        ),
        pytest.param(list(TransactionStatus), id="states"),
        pytest.param([*of_module(trouble), *REFUSED_BOOTS.values()], id="trouble"),
        pytest.param([q.tolerated for q in QUIRKS] + [q.handled for q in QUIRKS], id="quirks"),
        pytest.param(commands.OUTCOMES.values(), id="outcomes"),
        pytest.param([*certificates.STATES.values(), *certificates.REASONS.values()], id="ends"),
        pytest.param(
            [
                *OBJECTIONS,
                OTHER_NAME,
                sign_certificate.ENDED,
                sign_certificate.NO_AUTHORITY,
                sign_certificate.TOO_OFTEN,
            ],
            id="certificates",
        ),
    ],
)
def test_there_is_a_thai_text(said: Iterable[str]) -> None:
    known = thai()
    assert [text for text in said if text not in known] == []


def test_values_stand_in_both_languages() -> None:
    odd = {text: said for text, said in thai().items() if placeholders(text) != placeholders(said)}
    assert odd == {}
