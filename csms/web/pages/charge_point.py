"""One charge point: how far it is, its connectors, commands, messages and charts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field
from tornado.web import HTTPError

from csms import db
from csms.actions.boot_notification import SERIAL_MISSING
from csms.domain.api_token import Role
from csms.domain.charge_point import is_bare
from csms.domain.connector import ConnectorType, as_known_now
from csms.domain.identity_proof import lacks_serial
from csms.domain.installed_certificate import CertificateState, CertificateView
from csms.domain.onboarding import onboarding, waits_for_boot
from csms.domain.protocol_trouble import trouble_of
from csms.repositories.charge_point_state import ChargePointState, MessageFilter
from csms.web.api.alarms import view
from csms.web.pages.alarms import facts_of
from csms.web.pages.base import PageHandler
from csms.web.pages.certificates import REASONS, STATES, views
from csms.web.pages.command_forms import (
    FIRST_ACTIONS,
    RESOURCES,
    VERIFY,
    CommandForm,
    command_form,
)
from csms.web.pages.commands import beside_answer
from csms.web.pages.trouble import deviations, findings
from csms.web.public_address import address_for_charge_points

MOST_ALARMS = 10
SPANS = {"1h": 1, "6h": 6, "24h": 24, "7d": 168}
CHARTS = (
    ("Power", "Power.Active.Import"),
    ("Energy", "Energy.Active.Import.Register"),
    ("Current", "Current.Import"),
    ("State of charge", "SoC"),
)
CONFIGURATION_KEYS = (
    "AllowOfflineTxForUnknownId", "AuthorizationCacheEnabled", "AuthorizationKey",
    "AuthorizeRemoteTxRequests", "ClockAlignedDataInterval", "ConnectionTimeOut",
    "ConnectorPhaseRotation", "HeartbeatInterval", "LightIntensity", "LocalAuthListEnabled",
    "LocalAuthorizeOffline", "LocalPreAuthorize", "MeterValuesAlignedData",
    "MeterValuesSampledData", "MeterValueSampleInterval", "MinimumStatusDuration",
    "NumberOfConnectors", "ResetRetries", "SecurityProfile", "StopTransactionOnEVSideDisconnect",
    "StopTransactionOnInvalidId", "StopTxnAlignedData", "StopTxnSampledData",
    "SupportedFeatureProfiles", "TransactionMessageAttempts", "TransactionMessageRetryInterval",
    "UnlockConnectorOnEVSideDisconnect", "WebSocketPingInterval",
)  # fmt: skip


class PageQuery(BaseModel):
    """What of it to show."""

    span: Literal["1h", "6h", "24h", "7d"] = "1h"
    action: Annotated[str, Field(max_length=100)] | None = None
    direction: Literal["in", "out"] | None = None
    failed: bool = False


class _OneHandler(PageHandler):
    """What the pages of one charge point share."""

    async def record(self, charge_point_id: str) -> db.Document:
        return await self.services.deps.charge_points.get(charge_point_id)

    async def certificates(self, charge_point_id: str) -> list[CertificateView]:
        records = await self.state.certificates(charge_point_id)
        return views(records, self.services.deps.clock())

    @property
    def state(self) -> ChargePointState:
        return ChargePointState(self.services.database)

    def sendable(
        self, record: db.Document, actions: Sequence[tuple[str, str]]
    ) -> Sequence[tuple[str, str]]:
        """Of these commands, those that the charge point may be sent now."""
        if not waits_for_boot(record):
            return actions
        sendable = {VERIFY, *self.services.commands.before_boot}
        return [(action, title) for action, title in actions if action in sendable]


class ChargePointPage(_OneHandler):
    """Everything about it."""

    async def get(self, charge_point_id: str) -> None:
        """Show it."""
        query = self.read_query(PageQuery)
        record = await self.record(charge_point_id)
        state = self.state
        last_boot = await state.last_boot(charge_point_id)
        rejection = await state.last_rejection(record.get("chargePointIdentity"))
        trouble = trouble_of(record)
        wanted = MessageFilter(query.action, query.direction, query.failed)
        since = self.services.deps.clock() - timedelta(hours=SPANS[query.span])
        self.show(
            "charge_point.html",
            record=record,
            query=query,
            steps=onboarding(record, last_boot, rejection),
            connectors=as_known_now(record),
            trouble=trouble,
            alarms=[view(alarm) for alarm in await self._alarms(charge_point_id)],
            facts_of=facts_of,
            others={},
            is_bare=is_bare(record),
            lacks_serial=self._lacks_serial(record, last_boot),
            findings=list(findings(trouble)),
            deviations=deviations(trouble),
            messages=await state.messages(charge_point_id, wanted),
            commands=await state.commands(charge_point_id),
            certificates=views(
                await state.certificates(charge_point_id), self.services.deps.clock()
            ),
            states_of_certificates=STATES,
            reasons_of_certificates=REASONS,
            beside_answer=beside_answer,
            transactions=await state.transactions(charge_point_id),
            active=await state.active_transactions(charge_point_id),
            waits_for_boot=waits_for_boot(record),
            first_actions=self.sendable(record, FIRST_ACTIONS),
            more_actions=self.sendable(record, self._more()),
            actions=sorted(self._logged_actions()),
            charts=CHARTS,
            spans=SPANS,
            since=since,
            ocpp_url=self._ocpp_url(record),
        )

    async def _alarms(self, charge_point_id: str) -> list[db.Document]:
        return await self.services.alarm_records.open_ones(MOST_ALARMS, charge_point_id)

    def _lacks_serial(self, record: db.Document, last_boot: db.Document | None) -> bool:
        """Whether its latest boot was rejected for want of the serial, and still would be."""
        if last_boot is None or last_boot.get("reason") != SERIAL_MISSING:
            return False
        return lacks_serial(record, None, False)

    def _more(self) -> list[tuple[str, str]]:
        first = {action for action, _ in FIRST_ACTIONS}
        own = [(action, title) for action, (title, _) in RESOURCES.items() if action not in first]
        return own + [(a, a) for a in self.services.commands.actions if a not in first]

    def _logged_actions(self) -> set[str]:
        inbound = {"BootNotification", "Authorize", "StartTransaction", "StopTransaction"}
        inbound |= {"StatusNotification", "DataTransfer", "FirmwareStatusNotification"}
        inbound |= {"DiagnosticsStatusNotification", "SecurityEventNotification"}
        return inbound | {action for action, _ in FIRST_ACTIONS if action[0].isupper()}

    def _ocpp_url(self, record: db.Document) -> str:
        address = address_for_charge_points(self.services, self.request)
        identity = record.get("chargePointIdentity") or "{chargePointIdentity}"
        return f"{address.replace('http', 'ws', 1)}/ocpp/1.6/{identity}"


class EditChargePointPage(_OneHandler):
    """The form to change its record."""

    role = Role.OPERATOR

    async def get(self, charge_point_id: str) -> None:
        """Show it."""
        record = await self.record(charge_point_id)
        latest = await self.certificates(charge_point_id)
        is_certified = any(one.state == CertificateState.GOOD for one in latest)
        self.show("charge_point_form.html", record=record, new=False, is_certified=is_certified)


class ConnectorPage(_OneHandler):
    """The form to set a connector's type."""

    role = Role.OPERATOR

    async def get(self, charge_point_id: str, connector_id: str) -> None:
        """Show it."""
        record = await self.record(charge_point_id)
        known = {str(one["connectorId"]): one for one in record.get("connectors") or ()}
        if connector_id not in known:
            raise HTTPError(HTTPStatus.NOT_FOUND)
        self.show(
            "connector_form.html",
            record=record,
            connector=known[connector_id],
            types=list(ConnectorType),
        )


class CommandPage(_OneHandler):
    """The form of one command; the answer is shown in it."""

    role = Role.OPERATOR

    async def get(self, charge_point_id: str, action: str) -> None:
        """Show it."""
        if action not in RESOURCES and action not in self.services.commands.actions:
            raise HTTPError(HTTPStatus.NOT_FOUND)
        record = await self.record(charge_point_id)
        sendable = self.sendable(record, [(action, action)])
        self.show(
            "command_form.html",
            record=record,
            form=await self._form(record, action),
            waits_for_boot=not sendable,
            may_give_credential=action in self.services.commands.credential_givers,
        )

    async def _form(self, record: db.Document, action: str) -> CommandForm:
        charge_point_id = record["_id"]
        connectors = [str(one["connectorId"]) for one in record.get("connectors") or ()]
        whole = self.locale.translate("the whole charge point")
        choices: dict[str, Any] = {
            "connectorId": [(one, one) for one in connectors],
            "transactionId": [
                (str(one["_id"]), f"{one['_id']} ({one.get('connectorId')}, {one.get('idTag')})")
                for one in await self.state.active_transactions(charge_point_id)
            ],
            "reservationId": [
                (str(one["reservationId"]), f"{one['reservationId']} ({one.get('idTag')})")
                for one in await self.state.reservations(charge_point_id)
            ],
            "fileId": await self.state.firmware_files(),
        }
        if action not in ("RemoteStartTransaction", "UnlockConnector"):
            choices["connectorId"] = [("0", whole), *choices["connectorId"]]
        if action == "ReserveNow":
            del choices["reservationId"]
        suggestions = {"idTag": await self.state.id_tags(), "key": CONFIGURATION_KEYS}
        return command_form(action, choices, suggestions)
