"""Descriptions out of the types of vendors' SDKs, where no package holds a specification that is current."""

import re
from collections.abc import Mapping
from typing import Any

from tests.conformance.closed_schema import ClosedSchema
from tests.conformance.description import Operation, Parameter, matched
from tests.conformance.typescript import TypeScript

Json = Any
_URL = re.compile(r"^export type (\w*Get\w*)Data = \{$.*?^    url: '([^']+)';$", re.MULTILINE | re.DOTALL)
_JSON = "application/json"


class AppleTypes:
    """App Store Connect: types generated, operation by operation, from Apple's own specification."""

    def __init__(self, types: TypeScript) -> None:
        self._types = types
        self._templates = [(found[2].strip("/").split("/"), found[1]) for found in _URL.finditer(types.text)]

    def find(self, method: str, path: str) -> tuple[Operation, Mapping[str, str]] | None:
        """Give the operation and what stands in its path; only what reads is looked up."""
        for template, name in self._templates if method == "GET" else ():
            values = matched(template, path.strip("/").split("/"))
            if values is not None:
                return self._operation(name), values
        return None

    def _operation(self, name: str) -> Operation:
        asked = self._types.schema(f"{name}Data")["properties"].get(
            "query", {"properties": {}, "required": []}
        )
        query = {
            field: Parameter(
                self._types.closed_schema(schema),
                schema.get("type", "string"),
                required=field in asked["required"],
                in_commas=schema.get("type") == "array",
            )
            for field, schema in asked["properties"].items()
        }
        answers = {
            status: {_JSON: self._types.closed_schema(schema)}
            for part in ("Responses", "Errors")
            for status, schema in self._types.schema(name + part)["properties"].items()
        }
        return Operation(query, None, answers)


class Answers:
    """Answers alone: which declaration describes each path's, and each error's."""

    def __init__(self, of_paths: Mapping[str, ClosedSchema], of_errors: ClosedSchema | None) -> None:
        self._templates = [(template.strip("/").split("/"), schema) for template, schema in of_paths.items()]
        self._errors: Mapping[str, ClosedSchema | None] = {} if of_errors is None else {_JSON: of_errors}

    def find(self, _: str, path: str) -> tuple[Operation, Mapping[str, str]] | None:
        """Give the operation, which says nothing of its query."""
        for template, schema in self._templates:
            values = matched(template, path.strip("/").split("/"))
            if values is not None:
                answers = {"2XX": {_JSON: schema}, "4XX": self._errors, "5XX": self._errors, "3XX": {}}
                answers["0XX"] = answers["2XX"]  # Slack's refusals, told by the same declaration
                return Operation({}, None, answers), values
        return None


def graph_answers(types: TypeScript) -> Answers:
    """Microsoft Graph: an entity beside its `@odata` annotations, a list of them, or an error."""

    def entity(name: str) -> Json:
        note = {"type": "object", "properties": {"@odata.context": {"type": "string"}}}
        return {"allOf": [note, {"$ref": name}]}

    problem = types.schema("PublicError")
    told = {"type": "object", "properties": {name: {"type": "string"} for name in ("request-id", "date")}}
    inner = {"innerError": {"allOf": [{"$ref": "PublicInnerError"}, told]}}
    more = {"@odata.context": {"type": "string"}, "@odata.nextLink": {"type": "string"}, "@odata.count": {}}
    page = {"value": {"type": "array", "items": {"$ref": "Channel"}}, **more}
    return Answers(
        {
            "/teams/{team}": types.closed_schema(entity("Team")),
            "/teams/{team}/channels": types.closed_schema(
                {"type": "object", "properties": page, "required": ["value"]}
            ),
            "/teams/{team}/channels/{channel}": types.closed_schema(entity("Channel")),
        },
        types.closed_schema(
            {"properties": {"error": {**problem, "properties": problem["properties"] | inner}}}
        ),
    )


def gitlab_answers(types: TypeScript) -> Answers:
    """GitLab: the fields that are there have these names and types; the simulator gives a part of them."""
    return Answers(
        {
            "/personal_access_tokens/self": types.closed("PersonalAccessTokenSchema", partial=True),
            "/user": types.closed("ExpandedUserSchema", partial=True),
            "/projects/{project}": types.closed("ProjectSchema", partial=True),
            "/projects/{project}/members/all/{user}": types.closed("MemberSchema", partial=True),
        },
        None,
    )


def slack_answers(types: Mapping[str, TypeScript]) -> Answers:
    """Slack: each method's answer, with or without an error, is one declaration."""
    return Answers({f"/{method}": one.closed(one_name(method)) for method, one in types.items()}, None)


def one_name(method: str) -> str:
    """Give the declaration of a method's answer, such as AuthTestResponse for auth.test."""
    return "".join(part.title() for part in method.split(".")) + "Response"
