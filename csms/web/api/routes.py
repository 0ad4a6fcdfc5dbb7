"""The route table of the admin REST: one line per resource."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tornado.routing import URLSpec

from csms.web.api.alarms import (
    AcknowledgeAlarmHandler,
    AlarmHandler,
    AlarmsHandler,
    CloseAlarmHandler,
)
from csms.web.api.audit import AuditHandler
from csms.web.api.base import ApiHandler
from csms.web.api.boot_notifications import BootNotificationsHandler
from csms.web.api.certificates import (
    CertificateHandler,
    CertificatesHandler,
    RevokeCertificateHandler,
)
from csms.web.api.charge_points import (
    ChargePointHandler,
    ChargePointsHandler,
    ConnectorHandler,
    ResetProtocolTroubleHandler,
)
from csms.web.api.charging_profiles import ChargingProfilesHandler, CompositeScheduleHandler
from csms.web.api.commands import (
    CommandsHandler,
    RefreshConnectorsHandler,
    RemoteStartHandler,
    RemoteStopHandler,
    VerifyHandler,
)
from csms.web.api.files import (
    FileHandler,
    FilesHandler,
    GetDiagnosticsHandler,
    GetLogHandler,
    UpdateFirmwareHandler,
)
from csms.web.api.heartbeats import HeartbeatsHandler
from csms.web.api.id_tags import IdTagHandler, IdTagsHandler
from csms.web.api.imports import IdTagImportHandler, ImportHandler
from csms.web.api.jobs import JobHandler, JobsHandler
from csms.web.api.local_list import LocalListHandler
from csms.web.api.meter_values import MeterValuesHandler
from csms.web.api.nodes import NodesHandler
from csms.web.api.quirks import QuirksHandler
from csms.web.api.rejected_connections import RejectedConnectionsHandler
from csms.web.api.reservations import ReservationsHandler
from csms.web.api.security_events import SecurityEventsHandler
from csms.web.api.tokens import TokenHandler, TokensHandler
from csms.web.api.transactions import (
    CloseTransactionHandler,
    TransactionHandler,
    TransactionsHandler,
)
from csms.web.api.users import OwnPasswordHandler, UserHandler, UsersHandler
from csms.web.services import Services


@dataclass(frozen=True)
class Route:
    """A path, with `{name}` for each id in it, and its handler."""

    path: str
    handler: type[ApiHandler]

    @property
    def parameters(self) -> list[str]:
        """The names of the ids in the path."""
        return re.findall(r"{(\w+)}", self.path)

    def url(self, services: Services) -> URLSpec:
        """The route as Tornado has it."""
        pattern = re.sub(r"{\w+}", "([^/]+)", self.path)
        return URLSpec(pattern, self.handler, {"services": services}, name=self.path)


_CHARGE_POINT = "/admin/charge-points/{id}"

ROUTES: tuple[Route, ...] = (
    Route("/admin/charge-points", ChargePointsHandler),
    # Before the ids: no charge point may be called "import".
    Route("/admin/charge-points/import", ImportHandler),
    Route(_CHARGE_POINT, ChargePointHandler),
    Route(_CHARGE_POINT + "/connectors/{connectorId}", ConnectorHandler),
    Route(_CHARGE_POINT + "/remote-start", RemoteStartHandler),
    Route(_CHARGE_POINT + "/remote-stop", RemoteStopHandler),
    Route(_CHARGE_POINT + "/refresh-connectors", RefreshConnectorsHandler),
    Route(_CHARGE_POINT + "/verify", VerifyHandler),
    Route(_CHARGE_POINT + "/reset-protocol-trouble", ResetProtocolTroubleHandler),
    Route(_CHARGE_POINT + "/composite-schedule", CompositeScheduleHandler),
    Route(_CHARGE_POINT + "/local-list", LocalListHandler),
    Route(_CHARGE_POINT + "/update-firmware", UpdateFirmwareHandler),
    Route(_CHARGE_POINT + "/get-diagnostics", GetDiagnosticsHandler),
    Route(_CHARGE_POINT + "/get-log", GetLogHandler),
    Route(_CHARGE_POINT + "/commands", CommandsHandler),
    Route("/admin/transactions", TransactionsHandler),
    Route("/admin/transactions/{transactionId}", TransactionHandler),
    Route("/admin/transactions/{transactionId}/close", CloseTransactionHandler),
    Route("/admin/reservations", ReservationsHandler),
    Route("/admin/charging-profiles", ChargingProfilesHandler),
    Route("/admin/certificates", CertificatesHandler),
    Route("/admin/certificates/{id}", CertificateHandler),
    Route("/admin/certificates/{id}/revoke", RevokeCertificateHandler),
    Route("/admin/jobs", JobsHandler),
    Route("/admin/jobs/{id}", JobHandler),
    Route("/admin/files", FilesHandler),
    Route("/admin/files/{id}", FileHandler),
    Route("/admin/id-tags", IdTagsHandler),
    # Before the ids: an id tag of this name is found in capital letters.
    Route("/admin/id-tags/import", IdTagImportHandler),
    Route("/admin/id-tags/{idTag}", IdTagHandler),
    Route("/admin/meter-values", MeterValuesHandler),
    Route("/admin/heartbeats", HeartbeatsHandler),
    Route("/admin/boot-notifications", BootNotificationsHandler),
    Route("/admin/security-events", SecurityEventsHandler),
    Route("/admin/rejected-connections", RejectedConnectionsHandler),
    Route("/admin/alarms", AlarmsHandler),
    Route("/admin/alarms/{id}", AlarmHandler),
    Route("/admin/alarms/{id}/acknowledge", AcknowledgeAlarmHandler),
    Route("/admin/alarms/{id}/close", CloseAlarmHandler),
    Route("/admin/audit", AuditHandler),
    Route("/admin/nodes", NodesHandler),
    Route("/admin/quirks", QuirksHandler),
    Route("/admin/users", UsersHandler),
    Route("/admin/users/me/password", OwnPasswordHandler),
    Route("/admin/users/{name}", UserHandler),
    Route("/admin/tokens", TokensHandler),
    Route("/admin/tokens/{id}", TokenHandler),
)
