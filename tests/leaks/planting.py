"""Rows of the verdict matrix in which the provider says, wherever it can, what nobody may repeat."""

import secrets
from dataclasses import replace

from tests.verdict_matrix.row import Cause, Fault, Row


def canary() -> str:
    """Return a text that stands nowhere else."""
    return f"c4nary{secrets.token_hex(8)}"


def planted(row: Row, text: str) -> Row:
    """Return the row with `text` in headers, cookies and body of every answer, and in where it redirects."""
    causes: list[Cause] = [
        _planted(cause, text) if isinstance(cause, Fault) else cause for cause in row.causes
    ]
    if not any(isinstance(cause, Fault) for cause in causes):
        causes.append(Fault("NONE", {"plant": text}))
    return replace(row, causes=tuple(causes))


def _planted(fault: Fault, text: str) -> Fault:
    fields = {**fault.fields, "plant": text}
    if "location" in fields:
        fields["location"] = f"{fields['location']}/{text}?code={text}"
    return Fault(fault.kind, fields)
