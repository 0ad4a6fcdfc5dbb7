"""The route table of the admin pages: one line per page."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tornado.routing import URLSpec

from csms.web.docs import FileHandler
from csms.web.pages import single_sign_on
from csms.web.pages.access import (
    AccessPage,
    AccountPage,
    NewTokenPage,
    NewUserPage,
    UserPage,
)
from csms.web.pages.alarms import AlarmsPage
from csms.web.pages.base import WEB, PageHandler
from csms.web.pages.certificates import CertificatesPage
from csms.web.pages.charge_point import (
    ChargePointPage,
    CommandPage,
    ConnectorPage,
    EditChargePointPage,
)
from csms.web.pages.charge_points import (
    AddChargePointPage,
    ChargePointsPage,
    ExportHandler,
    ImportPage,
)
from csms.web.pages.commands import AuditPage, CommandDetailPage, CommandsPage
from csms.web.pages.id_tags import (
    AddIdTagPage,
    EditIdTagPage,
    ExportIdTagsHandler,
    IdTagsPage,
    ImportIdTagsPage,
)
from csms.web.pages.live import LiveHandler
from csms.web.pages.meter_series import MeterSeriesHandler
from csms.web.pages.meter_values import MeterValuesPage
from csms.web.pages.nodes import NodesPage
from csms.web.pages.overview import OverviewPage
from csms.web.pages.sign_in import LanguageHandler, SignInHandler, SignOutHandler
from csms.web.pages.transactions import (
    CloseTransactionPage,
    StopTransactionPage,
    TransactionPage,
    TransactionsPage,
)
from csms.web.pages.turned_away import TurnedAwayPage
from csms.web.services import Services
from csms.web.sign_on_guard import PATH as SINGLE_SIGN_ON

PAGES: tuple[tuple[str, type[PageHandler]], ...] = (
    ("/", OverviewPage),
    ("/charge-points", ChargePointsPage),
    ("/add-charge-point", AddChargePointPage),
    ("/import-charge-points", ImportPage),
    ("/charge-points.csv", ExportHandler),
    ("/charge-points/([^/]+)", ChargePointPage),
    ("/charge-points/([^/]+)/edit", EditChargePointPage),
    ("/charge-points/([^/]+)/connectors/([^/]+)", ConnectorPage),
    ("/charge-points/([^/]+)/command/([^/]+)", CommandPage),
    ("/alarms", AlarmsPage),
    ("/turned-away", TurnedAwayPage),
    ("/commands", CommandsPage),
    ("/commands/([0-9a-f]{32})", CommandDetailPage),
    ("/audit", AuditPage),
    ("/certificates", CertificatesPage),
    ("/access", AccessPage),
    ("/access/new-token", NewTokenPage),
    ("/access/new-user", NewUserPage),
    ("/access/users/([^/]+)", UserPage),
    ("/account", AccountPage),
    ("/nodes", NodesPage),
    ("/live", LiveHandler),
    ("/meter-values", MeterValuesPage),
    ("/meter-values/series", MeterSeriesHandler),
    ("/transactions", TransactionsPage),
    ("/transactions/([^/]+)", TransactionPage),
    ("/transactions/([^/]+)/stop", StopTransactionPage),
    ("/transactions/([^/]+)/close", CloseTransactionPage),
    ("/id-tags", IdTagsPage),
    ("/add-id-tag", AddIdTagPage),
    ("/import-id-tags", ImportIdTagsPage),
    ("/id-tags.csv", ExportIdTagsHandler),
    ("/id-tags/([^/]+)/edit", EditIdTagPage),
    ("/sign-in", SignInHandler),
    (SINGLE_SIGN_ON, single_sign_on.SingleSignOnHandler),
    (SINGLE_SIGN_ON + "/callback", single_sign_on.SingleSignOnCallbackHandler),
    ("/sign-out", SignOutHandler),
    ("/language", LanguageHandler),
)

SETTINGS: dict[str, Any] = {
    "compress_response": True,
    "xsrf_cookie_version": 2,
    "autoescape": "visible_escape",
}


def _charts() -> Path:
    # Only its files are needed: Chart.js with what it needs for times.
    spec = find_spec("chartkick")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / "django" / "static" / "chartkick"


def routes(services: Services) -> list[URLSpec]:
    """The pages, and the files that they need."""
    arguments = {"services": services}
    return [
        *(URLSpec(path, handler, arguments) for path, handler in PAGES),
        URLSpec("/static/admin/(.*)", FileHandler, {"path": str(WEB / "static" / "admin")}),
        URLSpec("/static/charts/(.*)", FileHandler, {"path": str(_charts())}),
    ]
