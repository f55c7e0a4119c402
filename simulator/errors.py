"""Every error of the simulator under one root; a Problem carries its HTTP status and its code."""

from typing import Any, ClassVar


class SimulatorError(Exception):
    """The root of everything this package raises on purpose."""


class ConfigurationInvalid(SimulatorError):
    """A configuration file or variable holds something we do not know or cannot use."""


class PortTaken(SimulatorError):
    """Another process listens on a port we were told to use."""

    def __init__(self, what: str, port: int) -> None:
        super().__init__(f"port {port} ({what}) is taken by another process: stop it, or choose another port")
        self.port = port


class Problem(SimulatorError):
    """What a caller of our HTTP did wrong, or what kept us from serving it (RFC 9457)."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "INTERNAL"
    title: ClassVar[str] = "Something went wrong here"

    def __init__(self, detail: str, *, field: str | None = None, errors: list[dict[str, str]] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.errors = errors

    def document(self) -> dict[str, Any]:
        """The body of the answer, application/problem+json."""
        found: dict[str, Any] = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }
        if self.field is not None:
            found["field"] = self.field
        if self.errors is not None:
            found["errors"] = self.errors
        return found


class RequestInvalid(Problem):
    """The body or the query is not what this call takes."""

    status = 400
    code = "INVALID"
    title = "Invalid request"


class OriginRefused(Problem):
    """A page of another site, or another name for this host, asked."""

    status = 403
    code = "FORBIDDEN_ORIGIN"
    title = "Only this computer's own pages may ask"


class PathUnknown(Problem):
    """There is nothing at this path."""

    status = 404
    code = "NOT_FOUND"
    title = "Nothing here"


class MethodRefused(Problem):
    """The path is there, the method is not."""

    status = 405
    code = "METHOD_NOT_ALLOWED"
    title = "This path has other methods"

    def __init__(self, detail: str, *, allowed: str) -> None:
        super().__init__(detail)
        self.allowed = allowed


class NoOpenDialogue(Problem):
    """The handset has no USSD dialogue that could be answered."""

    status = 409
    code = "NO_OPEN_DIALOGUE"
    title = "No open dialogue"


class BodyTooLarge(Problem):
    """The request is larger than the simulator reads."""

    status = 413
    code = "TOO_LARGE"
    title = "Body too large"


class NotJson(Problem):
    """The body is of another media type than application/json."""

    status = 415
    code = "NOT_JSON"
    title = "Not JSON"


class TooBusy(Problem):
    """More of this is open than the simulator keeps."""

    status = 429
    code = "TOO_MANY"
    title = "Too many at once"


class GatewayUnreachable(Problem):
    """The gateway did not answer, so there is nothing to pass through."""

    status = 502
    code = "GATEWAY_UNREACHABLE"
    title = "The gateway does not answer"


class Stopping(Problem):
    """The simulator is going down while a request is served."""

    status = 503
    code = "STOPPING"
    title = "Stopping"
