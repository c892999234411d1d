"""What the generated OpenAPI document says beyond the serializers: the problem document of every refusal."""

from __future__ import annotations

from typing import Any

PROBLEM = {
    "type": "object",
    "description": "Problem details (RFC 9457); `errors` lists every fault, not only the first.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:cadence:problem:booking-refused"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "JSON Pointer to the value at fault."},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                    "session": {"type": "string"},
                    "resource": {"type": "string"},
                    "time": {"type": "string"},
                },
            },
        },
    },
}
REFUSALS = {
    "400": "A value cannot be used.",
    "401": "No key, or one that is not known, has expired or was revoked.",
    "403": "The key lacks the scope.",
    "404": "There is no such thing at the key's sites.",
    "409": "Rules stand in the way of the booking; each is listed.",
}


def add_problems(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """A drf-spectacular postprocessing hook."""
    result["components"]["schemas"]["Problem"] = PROBLEM
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path in result["paths"].values():
        for method, operation in path.items():
            for status in refusals_of(method, operation):
                operation["responses"][status] = {"description": REFUSALS[status], "content": content}
    return result


def refusals_of(method: str, operation: dict[str, Any]) -> list[str]:
    has_input = method != "get" or "parameters" in operation
    statuses = ["400"] * has_input + ["401", "403", "404"]
    return statuses + ["409"] * (method == "post")
