"""Linear's GraphQL schema, put together again from the types that its SDK was generated from."""

from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLField,
    GraphQLFloat,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
    GraphQLUnionType,
)

from tests.conformance.typescript import TypeScript

Json = Any
_BUILT_IN = {each.name: each for each in (GraphQLBoolean, GraphQLFloat, GraphQLID, GraphQLInt, GraphQLString)}


class LinearSchema:
    """Types by name, made when they are first referred to."""

    def __init__(self, types: TypeScript) -> None:
        self._types = types
        self._made: dict[str, Any] = {}

    def schema(self) -> GraphQLSchema:
        """Give the whole of it; what changes something is left out."""
        return GraphQLSchema(query=self._named("Query", is_input=False))

    def _named(self, name: str, *, is_input: bool) -> Any:
        if name not in self._made:
            self._made[name] = self._make(name, self._types.schema(name), is_input=is_input)
        return self._made[name]

    def _make(self, name: str, declared: Json, *, is_input: bool) -> Any:
        if "enum" in declared:
            return GraphQLEnumType(name, {value: value for value in declared["enum"]})
        if "anyOf" in declared and not is_input:
            members = [each["$ref"] for each in declared["anyOf"]]
            return GraphQLUnionType(name, lambda: [self._named(each, is_input=False) for each in members])
        own = declared["allOf"][-1] if "allOf" in declared else declared
        fields = {field: each for field, each in own["properties"].items() if field != "__typename"}
        if is_input:
            return GraphQLInputObjectType(
                name,
                lambda: {
                    field: GraphQLInputField(self._type(each, is_input=True))
                    for field, each in fields.items()
                },
            )
        return GraphQLObjectType(
            name,
            lambda: {
                field: GraphQLField(self._type(each, is_input=False), self._arguments(name, field))
                for field, each in fields.items()
            },
        )

    def _arguments(self, owner: str, field: str) -> dict[str, GraphQLArgument]:
        name = f"{owner}{field[0].upper()}{field[1:]}Args"
        declared = self._types.schema(name) if self._types.declares(name) else {"properties": {}}
        given = declared["properties"].items()
        return {argument: GraphQLArgument(self._type(each, is_input=True)) for argument, each in given}

    def _type(self, said: Json, *, is_input: bool) -> Any:
        options = said.get("anyOf", ())
        if {"type": "null"} in options:
            (only,) = (each for each in options if each != {"type": "null"})
            return self._bare(only, is_input=is_input)
        return GraphQLNonNull(self._bare(said, is_input=is_input))

    def _bare(self, said: Json, *, is_input: bool) -> Any:
        if said.get("type") == "array":
            return GraphQLList(self._type(said["items"], is_input=is_input))
        if said.get("of") == {"$ref": "Scalars"}:
            name = said["part"]
            return self._made.setdefault(name, _BUILT_IN.get(name) or GraphQLScalarType(name))
        return self._named(said["$ref"], is_input=is_input)
