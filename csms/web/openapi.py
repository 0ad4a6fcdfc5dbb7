"""`/openapi.json`: made from the route table, the endpoints' declarations and their models."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, Field
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from csms import __version__
from csms.domain.api_token import scope_needed
from csms.domain.charge_point import NewChargePoint
from csms.domain.command import Outcome
from csms.web.api.base import Endpoint, endpoint_of
from csms.web.api.routes import ROUTES, Route
from csms.web.health import OpenHandler
from csms.web.problems import PROBLEM_JSON

_METHODS = ("get", "post", "patch", "delete")
_REF = "#/components/schemas/{model}"
_ALWAYS = (401, 403, 422, 503)

_EXAMPLES: dict[type[BaseModel], dict[str, Any]] = {
    NewChargePoint: {
        "id": "CP_BKK_001",
        "name": "สถานีทดสอบบางนา",
        "stationName": "Devonix Test Site",
        "location": "บางนา, กรุงเทพมหานคร",
        "serialNumber": "SN-AUTEL-23-001234",
        "chargePointIdentity": "ChargeStationOne-001",
        "protocol": "OCPP16",
        "brand": "Autel MaxiCharger AC",
        "powerRating": 22.0,
        "connectorCount": 2,
        "isWhitelisted": True,
    }
}


class ProblemField(BaseModel):
    """A field at fault."""

    field: str
    message: str


class ProblemView(BaseModel):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[ProblemField] = []
    commandId: str | None = Field(None, description="of a command: its record")
    outcome: Outcome | None = Field(
        None, description="of a command: whether it was sent (sentNoAnswer, callError) or notSent"
    )


@cache
def document() -> dict[str, Any]:
    """The OpenAPI 3.1 description of the admin REST."""
    declared = [
        (route, method, found)
        for route in ROUTES
        for method in _METHODS
        if (found := endpoint_of(route.handler, method)) is not None
    ]
    inputs = {model for _, _, found in declared for model in (found.body, found.query) if model}
    outputs = {found.returns for _, _, found in declared if found.returns} | {ProblemView}
    references, schemas = models_json_schema(
        [
            *((model, "validation") for model in sorted(inputs, key=lambda m: m.__name__)),
            *((model, "serialization") for model in sorted(outputs, key=lambda m: m.__name__)),
        ],
        ref_template=_REF,
        schema_generator=GenerateJsonSchema,
    )
    paths: dict[str, Any] = {}
    for route, method, found in declared:
        operation = _operation(route, method, found, references, schemas["$defs"])
        paths.setdefault(route.path, {})[method] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "csms admin REST",
            "version": __version__,
            "description": "Whitelist charge points, command them, and query what they metered.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas["$defs"],
        },
    }


def _operation(
    route: Route,
    method: str,
    found: Endpoint,
    references: dict[Any, dict[str, Any]],
    definitions: dict[str, Any],
) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": found.summary,
        "description": f"Needs the role `{found.role}`, or the scope `{scope_needed(found.role)}`.",
        "tags": [route.path.split("/")[2]],
        "operationId": f"{method}{route.handler.__name__.removesuffix('Handler')}",
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in route.parameters
        ],
        "responses": _responses(found, references),
    }
    if found.query is not None:
        name = references[(found.query, "validation")]["$ref"].rpartition("/")[2]
        operation["parameters"] += _query_parameters(definitions[name])
    if found.body is not None:
        content: dict[str, Any] = {"schema": references[(found.body, "validation")]}
        if found.body in _EXAMPLES:
            content["example"] = _EXAMPLES[found.body]
        operation["requestBody"] = {
            "required": not found.body_optional,
            "content": {"application/json": content},
        }
    elif found.request_media != "application/json":
        operation["requestBody"] = {
            "required": True,
            "content": {found.request_media: {"schema": {"type": "string"}}},
        }
    return operation


def _query_parameters(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "query", "required": False, "schema": definition}
        for name, definition in schema["properties"].items()
    ]


def _responses(found: Endpoint, references: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    good: dict[str, Any] = {"description": HTTPStatus(found.status).phrase}
    if found.returns is not None:
        schema = references[(found.returns, "serialization")]
        good["content"] = {
            media: {"schema": schema if media == "application/json" else {"type": "string"}}
            for media in found.media
        }
    problem = {PROBLEM_JSON: {"schema": references[(ProblemView, "serialization")]}}
    responses = {str(found.status): good}
    for status in sorted({*_ALWAYS, *found.errors, *((400, 413, 415) if found.body else ())}):
        responses[str(status)] = {"description": HTTPStatus(status).phrase, "content": problem}
    return responses


class OpenApiHandler(OpenHandler):
    """Serves the description."""

    async def get(self) -> None:
        """Write it as JSON."""
        self.finish(document())
