"""/openapi.json, made from the route table and the very types that check bodies, so that it cannot drift."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import TypeAdapter
from pydantic_core import to_json

from gateway.http.auth import Scope
from gateway.http.fields import Id, MessageId, Msisdn
from gateway.http.problems import TITLES, status_of
from gateway.http.routing import Call, Reply, Route

OK = 200
VERSION = "3.1.0"
TITLE = "Firstcharge gateway"
SCHEMA_REF = "#/components/schemas/{model}"

PROBLEM_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "description": "RFC 9457 problem document",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "field": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "detail"],
                "properties": {"field": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}

_Use = tuple[int, str]
"""Which schema of which route: its number, and "body", "query" or "answer STATUS"."""


class OpenApi:
    """Builds the document once, when it is first asked for."""

    def __init__(self, version: str) -> None:
        self._routes: Sequence[Route] = ()
        self._version = version
        self._document: bytes | None = None

    def describe(self, routes: Sequence[Route]) -> None:
        """What the document will be about."""
        self._routes = tuple(routes)

    async def show(self, call: Call) -> Reply:  # noqa: ARG002 - a route's handler
        """The document."""
        if self._document is None:
            self._document = to_json(openapi(self._routes, self._version))
        return Reply(body=self._document)

    def routes(self) -> list[Route]:
        """Its own route, which describes itself as well."""
        return [
            Route(
                method="GET",
                path="/openapi.json",
                handler=self.show,
                summary="This description",
                scopes=None,
                answers={200: dict[str, object]},
            )
        ]


def openapi(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document of a route table."""
    schemas, definitions = _schemas(routes)
    paths: dict[str, dict[str, Any]] = {}
    for number, route in enumerate(routes):
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(number, route, schemas, definitions)
    return {
        "openapi": VERSION,
        "info": {"title": TITLE, "version": version},
        "paths": paths,
        "components": {
            "schemas": {**definitions, "Problem": PROBLEM_SCHEMA},
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "firstcharge"},
            },
        },
    }


def _schemas(routes: Sequence[Route]) -> tuple[dict[_Use, Any], dict[str, Any]]:
    """Every schema in use, and the shared definitions they refer to."""
    asked: list[tuple[_Use, Literal["validation", "serialization"], TypeAdapter[Any]]] = []
    for number, route in enumerate(routes):
        if route.body is not None:
            asked.append(((number, "body"), "validation", TypeAdapter(route.body)))
        if route.query is not None:
            asked.append(((number, "query"), "validation", TypeAdapter(route.query)))
        asked += [
            ((number, f"answer {status}"), "serialization", TypeAdapter(document))
            for status, document in route.answers.items()
            if document is not None
        ]
    schemas, definitions = TypeAdapter.json_schemas(asked, ref_template=SCHEMA_REF)
    return {use: schema for (use, _), schema in schemas.items()}, definitions.get("$defs", {})


def _operation(
    number: int, route: Route, schemas: Mapping[_Use, Any], definitions: Mapping[str, Any]
) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{route.method.lower()} {route.path}",
        "summary": route.summary,
        "parameters": [
            *_path_parameters(route),
            *_query_parameters(number, schemas, definitions),
            *_header_parameters(route),
        ],
        "responses": {**_answers(number, route, schemas), **_problems(route)},
    }
    if route.body is not None or route.stream:
        schema = schemas.get((number, "body"), {"type": "string"})
        operation["requestBody"] = {"required": not route.stream, "content": {route.content_type: {"schema": schema}}}
    if route.scopes is not None:
        wanted = sorted(route.scopes or frozenset(Scope))
        operation["description"] = f"Needs a key with one of the scopes {', '.join(wanted)}."
        operation["security"] = [{"key": []}, *([{"cookie": []}] if route.cookie else [])]
    return operation


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    names = [segment[1:-1] for segment in route.path.split("/") if segment.startswith("{")]
    types: Mapping[str, Any] = {"msisdn": Msisdn, "message_id": MessageId}
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": _PERIOD if name == "period" else TypeAdapter(types.get(name, Id)).json_schema(),
        }
        for name in names
    ]


_PERIOD: Mapping[str, Any] = {"type": "string", "pattern": "^(19[7-9][0-9]|2[01][0-9]{2})-(0[1-9]|1[0-2])$"}


def _query_parameters(
    number: int, schemas: Mapping[_Use, Any], definitions: Mapping[str, Any]
) -> list[dict[str, Any]]:
    schema = schemas.get((number, "query"), {})
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rsplit("/", 1)[1]]
    required = schema.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": _without_null(one)}
        for name, one in schema.get("properties", {}).items()
    ]


def _without_null(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A parameter cannot be null, only absent."""
    kinds = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    return kinds[0] if len(kinds) == 1 else schema


def _header_parameters(route: Route) -> list[dict[str, Any]]:
    if not route.signed:
        return []
    schema = {"type": "string", "examples": ["t=1741000000,v1=5f…"]}
    return [{"name": "Firstcharge-Signature", "in": "header", "required": True, "schema": schema}]


def _answers(number: int, route: Route, schemas: Mapping[_Use, Any]) -> dict[str, Any]:
    repeats = len(route.answers) > 1
    return {
        str(status): {
            "description": "an earlier request repeated" if repeats and status == OK else "done",
            "content": {
                kind: {"schema": schemas.get((number, f"answer {status}"), {"type": "string"})}
                for kind in (route.produces, *route.also_produces)
            },
        }
        for status in route.answers
    }


def _problems(route: Route) -> dict[str, Any]:
    codes: dict[int, list[str]] = {400: ["INVALID"], 500: ["INTERNAL"], 503: ["UNAVAILABLE"]}
    if route.scopes is not None:
        codes |= {401: ["UNAUTHORIZED"], 403: ["FORBIDDEN"], 429: ["RATE_LIMITED"]}
    if route.signed:
        codes[401] = ["UNAUTHORIZED"]
    if route.body is not None or route.stream:
        codes |= {413: ["TOO_LARGE"], 415: ["NOT_JSON"]}
    for code in route.refusals:
        codes.setdefault(status_of(code), []).append(code)
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        str(status): {"description": f"{TITLES[status]}: {', '.join(names)}", "content": content}
        for status, names in sorted(codes.items())
    }
