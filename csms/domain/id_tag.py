"""Id tags: who may charge (OCPP 1.6, 7.27 and 7.28)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from csms.domain.text import COMPOSED, bare, fold_text
from csms.domain.times import rfc3339, to_utc

Status = Literal["Accepted", "Blocked", "Expired", "Invalid"]


def _no_control_characters(text: str) -> str:
    if any(ord(char) < 32 or ord(char) == 127 for char in text):
        raise ValueError("remove the control characters")
    return text


MAX_ID_TAG = 20
"""What the standard allows (7.28); only such an id tag can be sent to a charge point."""

IdToken = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_ID_TAG),
    AfterValidator(_no_control_characters),
    COMPOSED,
]

PresentedIdTag = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=500),
    AfterValidator(_no_control_characters),
    COMPOSED,
]
"""An id tag as charge points present it: some readers send more than the standard allows."""


def clean_id_tag(id_tag: str) -> str:
    """An id tag without control characters and outer blanks, which some readers add."""
    return bare(id_tag)


def fold(id_tag: str) -> str:
    """An id tag as it is compared: cleaned, in NFC, and without case (7.28, CiString20)."""
    return fold_text(clean_id_tag(id_tag))


class IdTagFields(BaseModel):
    """What may be said of an id tag."""

    model_config = ConfigDict(extra="forbid")

    status: Status = "Accepted"
    expiryDate: Annotated[AwareDatetime, AfterValidator(to_utc)] | None = Field(
        None, description="no date means no end"
    )
    parentIdTag: IdToken | None = Field(None, description="the group it belongs to")
    maxActiveTransactions: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(
        None, description="how many transactions it may have at once; null sets no limit"
    )
    note: Annotated[str, StringConstraints(max_length=500)] | None = None

    def document(self) -> dict[str, Any]:
        """The fields that were given, as they are stored."""
        fields = self.model_dump(exclude_unset=True, exclude={"idTag"})
        if "parentIdTag" in fields:
            parent = fields["parentIdTag"]
            fields["parentIdTagFolded"] = None if parent is None else fold(parent)
        return fields


class NewIdTag(IdTagFields):
    """An id tag to add."""

    idTag: PresentedIdTag

    @model_validator(mode="after")
    def _is_not_its_own_parent(self) -> NewIdTag:
        if self.parentIdTag is not None and fold(self.parentIdTag) == fold(self.idTag):
            raise ValueError("parentIdTag must be another id tag")
        return self


class IdTagPatch(IdTagFields):
    """Fields to change; what is left out stays, null clears."""


class IdTagView(BaseModel):
    """An id tag as REST shows it."""

    idTag: str
    status: str
    expiryDate: datetime | None = None
    parentIdTag: str | None = None
    maxActiveTransactions: int | None = None
    note: str | None = None
    isParent: bool = Field(
        False,
        description="whether it is the group of other id tags; then no charge point may start with"
        " it: Authorize answers `Invalid`",
    )
    childCount: int = Field(0, description="how many id tags have it as their `parentIdTag`")
    createdAt: datetime | None = None
    updatedAt: datetime | None = None


def view(record: Mapping[str, Any], children: int) -> IdTagView:
    """A record as REST shows it; `children` is how many id tags have it as their group."""
    return IdTagView.model_validate({**record, "isParent": children > 0, "childCount": children})


@dataclass(frozen=True, slots=True)
class IdTagInfo:
    """What a charge point is told about an id tag (7.27)."""

    status: str
    expiry_date: datetime | None = None
    parent_id_tag: str | None = None

    @property
    def without_slot(self) -> IdTagInfo:
        """The same of an id tag that has as many transactions as it may; for StartTransaction."""
        return replace(self, status="ConcurrentTx")

    def payload(self) -> dict[str, Any]:
        """As it is sent: optional fields only where there is something to say."""
        payload: dict[str, Any] = {"status": self.status}
        if self.expiry_date is not None:
            payload["expiryDate"] = rfc3339(self.expiry_date)
        if self.parent_id_tag is not None:
            payload["parentIdTag"] = self.parent_id_tag
        return payload


def authorize(
    record: Mapping[str, Any] | None,
    *,
    presented_is_parent: bool,
    unknown_status: str,
    now: datetime,
) -> IdTagInfo:
    """Decide on a presented id tag. The id of a group is never accepted as one."""
    if presented_is_parent:
        return IdTagInfo("Invalid")
    if record is None:
        return IdTagInfo(unknown_status)
    expiry = record.get("expiryDate")
    status = str(record.get("status") or "Accepted")
    if status == "Accepted" and expiry is not None and expiry.astimezone(UTC) <= now:
        status = "Expired"
    return IdTagInfo(status, expiry, record.get("parentIdTag"))
