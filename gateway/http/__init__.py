"""The HTTP door: a small router of coroutines on twisted.web, bodies checked by pydantic, problems as RFC 9457."""
