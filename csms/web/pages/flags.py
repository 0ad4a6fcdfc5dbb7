"""What was flagged, in words: why it matters, and what to make of it."""

from __future__ import annotations

FLAGS = {
    "clockSkew": (
        "The charge point's clock was more than five minutes off. Its times are kept as it told"
        " them; check that it sets its clock by Heartbeat."
    ),
    "late": (
        "It was sent later than it happened, because the charge point was off line. The times are"
        " the charge point's."
    ),
    "unreadableTimestamp": (
        "A time could not be read. The time at which the message arrived stands in its place."
    ),
    "meterStopBelowStart": (
        "The meter stood lower at the end than at the start, so the energy is not known. The"
        " meter may have been exchanged or reset."
    ),
    "missingMeterStart": (
        "The charge point did not send its register at the start. The last reading known stands in"
        " for it, if there is one."
    ),
    "unreadableMeterStart": (
        "The register at the start was no number. The last reading known stands in for it, if there"
        " is one."
    ),
    "unknownReason": "The reason of the stop is none that OCPP lists. It is kept as it was sent.",
    "missingMeterStop": (
        "The charge point did not send its register at the end. The last reading known stands in"
        " for it, if there is one."
    ),
    "unreadableMeterStop": (
        "The register at the end was no number. The last reading known stands in for it, if there"
        " is one."
    ),
    "energyFromLastReading": (
        "The energy is that of the last meter value, because the register at the end is not known"
        " or cannot be right."
    ),
    "missingConnector": "The charge point did not say which connector it was.",
    "matchedWithoutId": (
        "The charge point did not know the transaction's id. This was the only transaction that"
        " its message fits."
    ),
    "leftBehind": (
        "The charge point has started anew and reported the connector as available: it has"
        " forgotten this transaction. It no longer counts against the limit of the id tag, and ends"
        " when another one begins there."
    ),
    "stopCorrected": (
        "The charge point ended it twice: it charged on after the first stop. The later one counts;"
        " the earlier is kept."
    ),
    "stopBeforeStart": (
        "It ended before it began, by the charge point's clock. The clock was set in between."
    ),
    "unknownTransaction": (
        "The charge point spoke of a transaction that it never started here. Its start may have"
        " been lost, or told to another central system."
    ),
    "abandoned": (
        "No stop ever came: another transaction began on the connector, or readings ceased. The"
        " energy is that of the last meter value."
    ),
    "closedByOperator": (
        "An operator ended it in the record; the charge point sent no stop. The energy is that of"
        " the last meter value."
    ),
    "unknownReservation": (
        "It was started for a reservation that is not on record for this charge point."
    ),
    "foreignReservation": "It was started for a reservation that was made for another id tag.",
    "unknownMeasurand": (
        "Meter values of a kind that OCPP does not know were sent. They are kept as they came."
    ),
    "unknownUnit": "Meter values in a unit that OCPP does not know were sent, and not converted.",
    "unreadableValue": "A meter value was no number. Its text is kept, and no chart shows it.",
    "registerWentBackwards": (
        "The energy meter went backwards between two readings. The meter may have been exchanged,"
        " or readings came late."
    ),
}
"""By flag; of transactions and of meter values."""

NOT_ACCEPTED = {
    "Blocked": "The id tag is blocked. The charge point was told so, and started all the same.",
    "Expired": "The id tag had expired. The charge point was told so, and started all the same.",
    "Invalid": "The id tag is not known. The charge point was told so, and started all the same.",
    "ConcurrentTx": (
        "The id tag was in use for as many transactions as it may have at once. The charge point"
        " was told so, and started all the same."
    ),
}
"""By the status that a start was answered with."""
