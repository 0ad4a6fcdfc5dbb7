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

from csms.domain.configuration import MASK

MIN_LENGTH = 6
"""A shorter value would be found in texts that have nothing to do with it."""

BEGINNING = 8
"""So much of a secret is masked where the rest is cut off."""

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

    def mask(self, text: str) -> str:
        """A text without these secrets."""
        folded = _folded(text)
        spans = [span for form in self.forms for span in _places(folded, form)]
        return _without(text, spans) if spans else text

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
        self._until: OrderedDict[str, dict[str, float]] = OrderedDict()
        self._values: dict[str, SecretValues] = {}
        self._all = Counter[str]()
        """Every form of every secret, and how many charge points have it."""
        self._by_beginning: dict[str, set[str]] = {}

    def remember(self, charge_point_id: str, values: Iterable[str]) -> None:
        """Mask these values in what the charge point says from now on."""
        known = dict(self._until.get(charge_point_id, {}))
        for value in values:
            if MIN_LENGTH <= len(value) <= MAX_VALUE:
                known.pop(value, None)
                known[value] = self._clock() + REMEMBERED_SECONDS
        self._set(charge_point_id, dict(list(known.items())[-MAX_VALUES:]))
        while len(self._until) > MAX_CHARGE_POINTS:
            self._set(next(iter(self._until)), {})

    def of(self, charge_point_id: str) -> SecretValues | None:
        """The secrets of a charge point; None if there are none, as there mostly are not."""
        known = self._until.get(charge_point_id)
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

    def mask_any(self, text: str) -> str:
        """A text without the secrets of any charge point: for logs."""
        if not self._by_beginning or len(text) < BEGINNING:
            return text
        folded = _folded(text)
        found = {folded[i : i + BEGINNING] for i in range(len(folded) - BEGINNING + 1)}
        forms = {form for one in found for form in self._by_beginning.get(one, ())}
        spans = [span for form in forms for span in _places(folded, form)]
        return _without(text, spans) if spans else text

    def _set(self, charge_point_id: str, known: dict[str, float]) -> None:
        self._until.pop(charge_point_id, None)
        before = self._values.pop(charge_point_id, None)
        if known:
            self._until[charge_point_id] = known
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
