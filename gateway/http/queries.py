"""Query strings checked like bodies: every parameter named, none twice, unknown ones refused."""

from typing import Annotated, Any
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, StringConstraints, ValidationError, WithJsonSchema

from gateway.http.fields import parse_instant
from gateway.http.problems import Problem, invalid, malformed

PARAMETERS_MAX = 20


def _instant(value: object) -> Any:
    """An instant whose "+" was left unencoded arrives with a space; it cannot mean anything else."""
    return parse_instant(value.replace(" ", "+") if isinstance(value, str) else value)


QueryInstant = Annotated[Any, PlainValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
Cursor = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_:.-]{1,64}$")]


class Query(BaseModel):
    """Root of query models."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, populate_by_name=True)


class RangeQuery(Query):
    """`[from, to)` and where to go on."""

    start: QueryInstant | None = Field(None, alias="from")
    end: QueryInstant | None = Field(None, alias="to")
    cursor: Cursor | None = None


def read_query(model: type[BaseModel] | None, raw: bytes) -> Any:
    """The checked parameters; None for a route without.

    Raises:
        Problem: 400 naming every wrong or unknown parameter.
    """
    if not raw:
        if model is None:
            return None
        pairs: list[tuple[str, str]] = []
    else:
        pairs = _pairs(raw)
    if model is None:
        if pairs:
            raise invalid(pairs[0][0][:64], "this call takes no parameters")
        return None
    values = dict(pairs)
    if len(values) < len(pairs):
        raise Problem(400, "INVALID", "a parameter stands twice")
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise malformed(error) from None


def _pairs(raw: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=PARAMETERS_MAX)
    except ValueError:
        raise Problem(400, "INVALID", "the query string is malformed") from None
