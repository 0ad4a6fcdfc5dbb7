"""Secrets that are known by their value: found in any text, also encoded or cut off.

A charge point that was given a key may repeat it anywhere: in an error's description, in a vendor's
data, in a message that cannot be read.
"""

from __future__ import annotations

import base64
import html
import json
import re
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote

import orjson

from csms.domain.configuration import MASK

MIN_LENGTH = 6
"""A shorter value would be found in texts that have nothing to do with it."""

BEGINNING = 8
"""So much of a secret is masked where the rest is cut off."""

SURELY = 16
"""So much of a secret is none by chance: the least that an authorization key has."""

MAX_DEPTH = 30
_DECIDING = frozenset(
    "idtag parentidtag chargepointserialnumber chargeboxserialnumber meterserialnumber timestamp"
    " vendorid messageid".split()
)
"""Properties of a Call that decide what is answered. A key that is a serial too is no secret."""

REMEMBERED_SECONDS = 3600.0
MAX_VALUES = 32
MAX_CHARGE_POINTS = 1_000
MAX_VALUE = 2_000

_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){8,}")
_SKIPPED = (0, 2, 3)
"""Characters of Base64 that hold bits of what stands before, by the number of bytes there."""

Span = tuple[int, int]


class SecretValues:
    """Some secrets, and what they look like in every usual encoding."""

    def __init__(self, values: Iterable[str]) -> None:
        self.forms = frozenset(form for value in values for form in _forms(value))
        self._beginnings = frozenset(form[:SURELY] for form in self.forms if len(form) >= SURELY)

    def mask(self, text: str) -> str:
        """A text without these secrets."""
        return self._mask(text, 0)

    def _mask(self, text: str, least: int) -> str:
        folded = _folded(text)
        spans = [span for form in self.forms for span in _places(folded, form)]
        spans = [span for span in spans if span[1] - span[0] >= least]
        return _without(text, spans) if spans else text

    def masked_surely(self, payload: dict[str, Any]) -> dict[str, Any]:
        """A Call's payload without what can only be one of them; mostly this very payload.

        What decides how the Call is served stays, for it may just look like one.
        """
        try:
            text = orjson.dumps(payload).decode().lower()
        except orjson.JSONEncodeError:
            # Nested too deep, or an integer of any size.
            text = None
        if text is not None and not any(beginning in text for beginning in self._beginnings):
            return payload
        return {name: self._surely(name, item, MAX_DEPTH) for name, item in payload.items()}

    def _surely(self, name: str, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return value if name.casefold() in _DECIDING else self._mask(value, SURELY)
        if depth <= 0:
            return value
        if isinstance(value, dict):
            return {n: self._surely(n, item, depth - 1) for n, item in value.items()}
        if isinstance(value, list):
            return [self._surely(name, item, depth - 1) for item in value]
        return value

    def masked(self, value: Any) -> Any:
        """A payload without them; it must not be nested deep."""
        if isinstance(value, str):
            return self.mask(value)
        if isinstance(value, dict):
            return {self.mask(name): self.masked(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.masked(item) for item in value]
        if isinstance(value, int) and not isinstance(value, bool):
            text = str(value) if abs(value) < 10**40 else ""
            return value if self.mask(text) == text else MASK
        return value


class KnownSecrets:
    """What charge points were given within the last hour, by charge point; in memory alone."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` counts seconds."""
        self._clock = clock
        self.until: OrderedDict[str, dict[str, float]] = OrderedDict()
        """Until when they are remembered, by charge point and value; mostly empty."""
        self._values: dict[str, SecretValues] = {}
        self._all = Counter[str]()
        """Every form of every secret, and how many charge points have it."""
        self._by_beginning: dict[str, set[str]] = {}

    def remember(self, charge_point_id: str, values: Iterable[str]) -> None:
        """Mask these values in what the charge point says from now on."""
        known = dict(self.until.get(charge_point_id, {}))
        for value in values:
            if MIN_LENGTH <= len(value) <= MAX_VALUE:
                known.pop(value, None)
                known[value] = self._clock() + REMEMBERED_SECONDS
        self._set(charge_point_id, dict(list(known.items())[-MAX_VALUES:]))
        while len(self.until) > MAX_CHARGE_POINTS:
            self._set(next(iter(self.until)), {})

    def of(self, charge_point_id: str) -> SecretValues | None:
        """The secrets of a charge point; None if there are none, as there mostly are not."""
        known = self.until.get(charge_point_id)
        if known is None:
            return None
        now = self._clock()
        if next(iter(known.values())) <= now:
            self._set(charge_point_id, {v: until for v, until in known.items() if until > now})
        return self._values.get(charge_point_id)

    def mask(self, charge_point_id: str, text: str) -> str:
        """A text without the secrets of a charge point."""
        secrets = self.of(charge_point_id)
        return text if secrets is None else secrets.mask(text)

    def mask_any(self, text: str, least: int = 0) -> str:
        """A text without secrets of any charge point, where `least` characters of one are in it."""
        if not self._by_beginning or len(text) < BEGINNING:
            return text
        folded = _folded(text)
        found = {folded[i : i + BEGINNING] for i in range(len(folded) - BEGINNING + 1)}
        forms = {form for one in found for form in self._by_beginning.get(one, ())}
        spans = [span for form in forms for span in _places(folded, form)]
        spans = [span for span in spans if span[1] - span[0] >= least]
        return _without(text, spans) if spans else text

    def mask_surely(self, text: str) -> str:
        """A text without what can only be a secret of some charge point."""
        return self.mask_any(text, SURELY)

    def _set(self, charge_point_id: str, known: dict[str, float]) -> None:
        self.until.pop(charge_point_id, None)
        before = self._values.pop(charge_point_id, None)
        if known:
            self.until[charge_point_id] = known
            self._values[charge_point_id] = SecretValues(known)
            self._index(self._values[charge_point_id].forms)
        if before is not None:
            self._unindex(before.forms)

    def _index(self, forms: Iterable[str]) -> None:
        for form in forms:
            self._all[form] += 1
            if len(form) >= BEGINNING:
                self._by_beginning.setdefault(form[:BEGINNING], set()).add(form)

    def _unindex(self, forms: Iterable[str]) -> None:
        for form in forms:
            self._all[form] -= 1
            if not self._all[form]:
                del self._all[form]
                same = self._by_beginning.get(form[:BEGINNING], set())
                same.discard(form)
                if not same:
                    self._by_beginning.pop(form[:BEGINNING], None)


def _forms(value: str) -> set[str]:
    """What a secret may look like, in lower case."""
    forms = {value, quote(value, safe=""), html.escape(value)}
    for is_ascii in (True, False):
        escaped = json.dumps(value, ensure_ascii=is_ascii)[1:-1]
        forms |= {escaped, json.dumps(escaped)[1:-1]}
    raws = [value.encode("utf-8", "surrogatepass")]
    if _HEX.fullmatch(value):
        raws.append(bytes.fromhex(value))
        forms.add(raws[1].decode("utf-8", "ignore"))
    for raw in raws:
        forms |= {raw.hex(separator) for separator in ":- "} | {raw.hex()}
        for before in range(3):
            forms |= _in_base64(raw, before)
    return {folded for form in forms if len(folded := _folded(form)) >= MIN_LENGTH}


def _in_base64(raw: bytes, before: int) -> set[str]:
    """What bytes look like in Base64 behind `before` others, without what these have a part in."""
    forms = set()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        coded = encode(b"\0" * before + raw).decode().rstrip("=")
        end = len(coded) - ((before + len(raw)) % 3 != 0)
        forms.add(coded[_SKIPPED[before] : end])
    return forms


def _folded(text: str) -> str:
    """A text in lower case, each character in its place."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(low if len(low := char.lower()) == 1 else char for char in text)


def _places(folded: str, form: str) -> list[Span]:
    """Where a form is, or its beginning."""
    beginning = form[:BEGINNING]
    places = []
    start = folded.find(beginning)
    while start >= 0:
        end = start + len(beginning)
        if folded.startswith(form, start):
            end = start + len(form)
        else:
            for char in form[BEGINNING:]:
                if end >= len(folded) or folded[end] != char:
                    break
                end += 1
        places.append((start, end))
        start = folded.find(beginning, end)
    return places


def _without(text: str, spans: list[Span]) -> str:
    parts, end = [], 0
    for start, stop in sorted(spans):
        if start >= end:
            parts += [text[end:start], MASK]
        end = max(end, stop)
    return "".join((*parts, text[end:]))
