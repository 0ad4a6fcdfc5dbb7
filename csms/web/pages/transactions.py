"""Transactions: the list, one of them with its chart, and the forms that end one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from csms import db
from csms.domain.api_token import Role
from csms.domain.transaction import TransactionStatus
from csms.repositories.pages import find_listing
from csms.repositories.transaction_story import TransactionStories
from csms.web.api.transactions import TransactionQuery, read_id
from csms.web.pages.base import PageHandler
from csms.web.pages.flags import FLAGS, NOT_ACCEPTED
from csms.web.pages.local_times import LocalTime, duration

CHARTS = (
    ("Power and state of charge", ("Power.Active.Import", "SoC")),
    ("Energy", ("Energy.Active.Import.Register",)),
    ("Current", ("Current.Import", "Current.Offered")),
)


class ListQuery(TransactionQuery):
    """Which transactions, newest first unless told otherwise."""

    since: LocalTime | None = Field(None, alias="from")
    until: LocalTime | None = Field(None, alias="to")
    stoppedFrom: LocalTime | None = None
    stoppedTo: LocalTime | None = None
    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1


class TransactionsPage(PageHandler):
    """All of them, a page at a time."""

    async def get(self) -> None:
        """Show the list."""
        query = self.read_query(ListQuery)
        listing = await find_listing(
            self.services.deps.transactions.collection,
            query.matching(),
            sort_field="startTimestamp",
            order=query.order,
            page=query.page,
        )
        self.show(
            "transactions.html",
            query=query,
            listing=listing,
            statuses=list(TransactionStatus),
            flags=sorted({*FLAGS, *([query.flag] if query.flag else [])}),
            energies=await TransactionStories(self.services.database).energies(listing.items),
            lasted=lambda one: lasted(one, self.services.deps.clock()),
        )


class TransactionPage(PageHandler):
    """One of them."""

    async def get(self, transaction_id: str) -> None:
        """Show it."""
        transactions = self.services.deps.transactions
        transaction = await transactions.get_up_to_date(read_id(transaction_id))
        stories = TransactionStories(self.services.database)
        story = await stories.tell(transaction)
        energies = await stories.energies([transaction])
        is_active = transaction["status"] == TransactionStatus.ACTIVE
        is_connected = bool((story.charge_point or {}).get("ocppSessionId"))
        self.show(
            "transaction.html",
            one=transaction,
            story=story,
            energy=energies.get(transaction["_id"]),
            lasted=lasted(transaction, self.services.deps.clock()),
            charts=CHARTS,
            flags=FLAGS,
            not_accepted=NOT_ACCEPTED.get(transaction.get("authorizationStatus") or ""),
            may_stop=self.may("operator") and is_active and is_connected,
            may_close=self.may("operator") and is_active,
        )


class StopTransactionPage(PageHandler):
    """The form that asks the charge point to end one."""

    role = Role.OPERATOR
    template = "transaction_stop.html"

    async def get(self, transaction_id: str) -> None:
        """Show it."""
        transaction = await self.services.deps.transactions.get(read_id(transaction_id))
        self.show(self.template, one=transaction)


class CloseTransactionPage(StopTransactionPage):
    """The form that ends one in the record alone."""

    template = "transaction_close.html"


def lasted(transaction: db.Document, now: datetime) -> str:
    """How long a transaction took, or has taken so far; empty where that is not known."""
    began = transaction.get("startTimestamp")
    ended = transaction.get("stopTimestamp")
    if ended is None and transaction["status"] == TransactionStatus.ACTIVE:
        ended = now
    return "" if began is None or ended is None else duration(ended - began)
