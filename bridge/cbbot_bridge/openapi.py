"""The OpenAPI document, corrected where FastAPI says what HTTP cannot do.

An optional header or query parameter is described as "text or null"; on the wire there is no null, it
is absent or it is text.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

__all__ = ["without_null_parameters"]


def without_null_parameters(app: FastAPI) -> dict[str, Any]:
    """The document of ``app``, made once; for ``app.openapi``."""
    if app.openapi_schema is None:
        document = FastAPI.openapi(app)
        for operations in document["paths"].values():
            for operation in operations.values():
                for parameter in operation.get("parameters", ()):
                    parameter["schema"] = _not_null(parameter["schema"])
        app.openapi_schema = document
    return app.openapi_schema


def _not_null(schema: dict[str, Any]) -> dict[str, Any]:
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) != 1:
        return schema
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**choices[0], **rest}
