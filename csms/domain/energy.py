"""The energy of a transaction: from its registers, or from its readings where one is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from csms.domain.sampled_value import encode_samples

METER_STOP_BELOW_START = "meterStopBelowStart"
ENERGY_FROM_LAST_READING = "energyFromLastReading"

ROUNDING = 1
"""Wh by which a register may be below the start, where a meter rounds to whole Wh."""


BEGIN, END = "Transaction.Begin", "Transaction.End"


class Registers(NamedTuple):
    """The energy register at the begin and the end of a transaction, by its readings; Wh."""

    first: float | None = None
    last: float | None = None


NO_REGISTERS = Registers()


class Energy(NamedTuple):
    """What a transaction's energy comes to, Wh.

    `assumed_start` and `assumed_stop` are the readings that stand in for registers that were not
    sent or cannot be right.
    """

    wh: float | None
    flags: tuple[str, ...]
    assumed_start: float | None
    assumed_stop: float | None


def start_register(transaction: Mapping[str, Any]) -> float | None:
    """The register that a transaction began at, or the reading that stands in for it; Wh."""
    start: float | None = transaction.get("meterStart")
    return transaction.get("assumedMeterStart") if start is None else start


def energy_of(
    transaction: Mapping[str, Any], meter_stop: int | None, own: Registers = NO_REGISTERS
) -> Energy:
    """The energy of a transaction that ends at a register; never negative.

    `own` are the readings that came with the stop. They go before `lastMeter`, the last reading
    in the record, which must be up to date.
    """
    start = start_register(transaction)
    assumed_start = transaction.get("assumedMeterStart")
    if start is None:
        start = assumed_start = own.first
    flags: list[str] = []
    if meter_stop is not None and start is not None:
        if meter_stop >= start - ROUNDING:
            return Energy(max(0, meter_stop - start), (), assumed_start, None)
        flags.append(METER_STOP_BELOW_START)
    last = transaction.get("lastMeter") if own.last is None else own.last
    if start is not None and last is not None and last >= start:
        flags.append(ENERGY_FROM_LAST_READING)
        return Energy(last - start, tuple(flags), assumed_start, last)
    # A meter that was exchanged on the way: what had been counted until then.
    so_far = transaction.get("energyWh")
    if so_far is not None:
        flags.append(ENERGY_FROM_LAST_READING)
    return Energy(so_far, tuple(flags), assumed_start, None)


def registers_of(meter_values: Iterable[Mapping[str, Any]]) -> Registers:
    """The registers in the `transactionData` of a stop.

    Those of the context `Transaction.Begin` and `Transaction.End` go before the first and the
    last of the others.
    """
    found = [
        (sample.get("context"), register)
        for meter_value in meter_values
        for sample in meter_value["sampledValue"]
        if (register := encode_samples([sample])[1]) is not None and register >= 0
    ]
    begins = [register for context, register in found if context == BEGIN]
    ends = [register for context, register in found if context == END]
    # A single reading is the first or the last, but not both.
    between = [register for context, register in found if context not in (BEGIN, END)]
    if not begins:
        begins = between if len(between) > 1 or ends else []
    if not ends:
        ends = between
    return Registers(begins[0] if begins else None, ends[-1] if ends else None)
