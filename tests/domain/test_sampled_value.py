"""Sampled values: defaults, units, flags, and BSON that says the same as the driver's own."""

from __future__ import annotations

from typing import Any

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.sampled_value import MANY, _template, encode_samples


def stored(*samples: dict[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    """The samples as they are stored, and their flags."""
    encoded, _, flags = encode_samples(samples)
    array = bson.decode(encoded)
    assert list(array) == [str(index) for index in range(len(samples))]
    # Not a byte differs from what the driver makes of them.
    assert bson.encode(array) == encoded
    return list(array.values()), flags


@pytest.mark.parametrize(
    ("sample", "value", "unit"),
    [
        ({"value": "0.0012", "unit": "kWh"}, 1.2, "Wh"),
        ({"value": "1.1", "unit": "kWh"}, 1100.0, "Wh"),
        ({"value": "11", "unit": "kW", "measurand": "Power.Active.Import"}, 11000.0, "W"),
        ({"value": "7360", "measurand": "Power.Active.Import"}, 7360.0, "W"),
        ({"value": "2", "unit": "kvar", "measurand": "Power.Reactive.Import"}, 2000.0, "var"),
        ({"value": "2", "unit": "kvarh", "measurand": "Energy.Reactive.Import.Register"},
         2000.0, "varh"),
        ({"value": "2", "unit": "kVA", "measurand": "Power.Offered"}, 2000.0, "VA"),
        ({"value": "16", "measurand": "Current.Import"}, 16.0, "A"),
        ({"value": "230.4", "measurand": "Voltage", "phase": "L1-N"}, 230.4, "V"),
        ({"value": "55", "measurand": "SoC"}, 55.0, "Percent"),
        ({"value": "25", "unit": "Celcius", "measurand": "Temperature"}, 25.0, "Celsius"),
        ({"value": "298.15", "unit": "K", "measurand": "Temperature"}, 25.0, "Celsius"),
        ({"value": "77", "unit": "Fahrenheit", "measurand": "Temperature"}, 25.0, "Celsius"),
        ({"value": "49.98", "measurand": "Frequency"}, 49.98, "Hz"),
        ({"value": "0.98", "measurand": "Power.Factor"}, 0.98, None),
    ],
)  # fmt: skip
def test_units_are_brought_to_one_kind(
    sample: dict[str, Any], value: float, unit: str | None
) -> None:
    [found], flags = stored(sample)
    assert (found["value"], found["unit"], found["raw"]) == (value, unit, sample["value"])
    assert flags == []


@pytest.mark.parametrize(
    ("sample", "flag"),
    [
        ({"value": "n/a"}, "unreadableValue"),
        ({"value": "NaN"}, "unreadableValue"),
        ({"value": "1e999999999"}, "unreadableValue"),
        ({"value": "1e999999999", "unit": "kWh"}, "unreadableValue"),
        ({"value": "-1e31", "unit": "K", "measurand": "Temperature"}, "unreadableValue"),
        ({"value": "nan", "unit": "Fahrenheit", "measurand": "Temperature"}, "unreadableValue"),
        ({"value": "1", "unit": "MWh"}, "unknownUnit"),
        ({"value": "1", "measurand": "Mood"}, "unknownMeasurand"),
    ],
)
def test_an_odd_sample_is_kept_and_flagged(sample: dict[str, Any], flag: str) -> None:
    [odd, other], flags = stored(sample, {"value": "5"})
    assert flags == [flag]
    assert odd["raw"] == sample["value"]
    assert other["value"] == 5.0


def test_signed_data_is_opaque() -> None:
    [signed], flags = stored({"value": "OCMF|{...}", "format": "SignedData"})
    assert flags == []
    assert signed["value"] is None
    assert signed["raw"] == "OCMF|{...}"


def test_flags_are_named_once() -> None:
    _, flags = stored({"value": "n/a", "unit": "MWh"}, {"value": "-", "measurand": "Mood"})
    assert flags == ["unknownMeasurand", "unknownUnit", "unreadableValue"]


@pytest.mark.parametrize(
    ("samples", "register"),
    [
        ([{"value": "3", "phase": "L1"}, {"value": "9"}, {"value": "8"}], 9.0),
        ([{"value": "?"}, {"value": "0.008", "unit": "kWh"}], 8.0),
        ([{"value": "-1"}, {"value": "8"}], 8.0),
        ([{"value": "-1"}], None),
        ([{"value": "3", "measurand": "Voltage"}], None),
        ([{"value": "3", "format": "SignedData"}], None),
    ],
)
def test_the_register_is_the_first_readable_total(
    samples: list[dict[str, Any]], register: float | None
) -> None:
    assert encode_samples(samples)[1] == register


def test_many_samples_keep_their_places() -> None:
    found, _ = stored(*({"value": str(number)} for number in range(1_000)))
    assert [sample["value"] for sample in found] == list(map(float, range(1_000)))


FIELDS = ("unit", "measurand", "phase", "context", "location", "format")


@given(
    st.lists(
        st.fixed_dictionaries(
            {"value": st.text() | st.floats().map(repr) | st.decimals().map(str)},
            optional={name: st.text() for name in FIELDS},
        )
    )
)
def test_whatever_is_sent_is_bson(samples: list[dict[str, Any]]) -> None:
    found, _ = stored(*samples)
    for sample, sent in zip(found, samples, strict=True):
        assert sample["raw"] == sent["value"]
        assert sample["measurand"] == (sent.get("measurand") or "Energy.Active.Import.Register")


def test_an_element_of_absurd_length_is_stored_all_the_same() -> None:
    samples = [{"value": str(number) if number % 3 else "?"} for number in range(MANY + 950)]
    found, flags = stored(*samples)
    assert [one["raw"] for one in found] == [sample["value"] for sample in samples]
    assert flags == ["unreadableValue"]
    # What is far behind is no kind of its own.
    before = _template.cache_info().currsize
    stored(*samples, *samples)
    assert _template.cache_info().currsize == before
