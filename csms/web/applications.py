"""What is served at each address: the routes of charge points, of people and of metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from tornado.web import Application, RequestHandler

from csms.connections.admission import Admission
from csms.connections.sockets import Sockets
from csms.domain.job import mask_location
from csms.listeners import Serves
from csms.trusted_proxies import TrustedProxies
from csms.web import docs
from csms.web.api.base import ProblemHandler
from csms.web.api.routes import ROUTES
from csms.web.crl import CRL_PATH, RevocationListHandler
from csms.web.files import FILES_PATH, FileLinkHandler
from csms.web.health import HealthHandler, MetricsHandler, OwnMetricsHandler, ReadyHandler
from csms.web.ocpp_handshake import AsksForUpgrade
from csms.web.ocpp_socket import OcppSocket, SocketAtAdminPort
from csms.web.openapi import OpenApiHandler
from csms.web.pages import routes as pages
from csms.web.pages.base import NoPageHandler
from csms.web.prefix import OCPP_PATH, PrefixedApplication
from csms.web.services import Services

log = structlog.get_logger(__name__)

Routes = list[Any]


class Applications:
    """Makes the application for an address."""

    def __init__(
        self,
        services: Services,
        admission: Admission,
        sockets: Sockets,
        is_ours: Callable[[bytes], bool],
    ) -> None:
        """`is_ours` tells the certificates that the local authority has issued."""
        self._settings = services.deps.settings
        self._services = services
        self._ocpp = {
            "admission": admission,
            "sockets": sockets,
            "settings": self._settings,
            "is_ours": is_ours,
        }

    def serving(self, serves: Serves) -> Application:
        """The application that serves this, and nothing else."""
        if serves is Serves.METRICS:
            return Application(
                [("/metrics", OwnMetricsHandler, {"services": self._services})],
                default_handler_class=ProblemHandler,
                default_handler_args={"services": self._services},
                log_function=_log_request,
            )
        if serves is Serves.CHARGE_POINTS:
            routes = [*self._sockets(OcppSocket), *self._everywhere(), *self._files()]
            return self._application(routes, ProblemHandler)
        if serves is Serves.ADMIN:
            routes = [*self._sockets(SocketAtAdminPort), *self._everywhere(), *self._admin()]
            return self._application(routes, NoPageHandler, **pages.SETTINGS)
        routes = [
            *self._sockets(OcppSocket), *self._everywhere(), *self._files(), *self._admin(),
        ]  # fmt: skip
        return self._application(routes, NoPageHandler, **pages.SETTINGS)

    def _application(
        self, routes: Routes, elsewhere: type[RequestHandler], **options: Any
    ) -> Application:
        return PrefixedApplication(
            self._settings.path_prefix,
            TrustedProxies(self._settings.trust_proxy_headers),
            routes,
            default_handler_class=elsewhere,
            default_handler_args={"services": self._services},
            log_function=_log_request,
            **options,
        )

    def _sockets(self, handler: type[OcppSocket]) -> Routes:
        # On any other path an upgrade is turned away, and recorded.
        return [(OCPP_PATH, handler, self._ocpp), (AsksForUpgrade(), handler, self._ocpp)]

    def _everywhere(self) -> Routes:
        """What proxies ask for, whichever address they stand before."""
        services = {"services": self._services}
        return [
            ("/healthz", HealthHandler, services),
            ("/readyz", ReadyHandler, services),
            (CRL_PATH, RevocationListHandler, services),
        ]

    def _files(self) -> Routes:
        services = {"services": self._services}
        return [
            (FILES_PATH, FileLinkHandler, services),
            (CRL_PATH, RevocationListHandler, services),
        ]

    def _admin(self) -> Routes:
        services = {"services": self._services}
        return [
            *(route.url(self._services) for route in ROUTES),
            ("/metrics", MetricsHandler, services),
            ("/openapi.json", OpenApiHandler, services),
            *docs.routes(self._services),
            *pages.routes(self._services),
        ]


def _log_request(handler: RequestHandler) -> None:
    request = handler.request
    log.debug(
        "http",
        method=request.method,
        path=mask_location(request.path),
        status=int(handler.get_status()),
        seconds=round(request.request_time(), 4),
    )
