"""Writes the pages of docs/reference that say what the code says, so that they cannot say anything else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import yaml

from delivr_operator.__main__ import main
from delivr_operator.metrics import Metrics
from delivr_operator.reasons import CAVEATS, SENTENCES
from delivr_operator.settings import DatabaseSettings, ProbeSettings, Settings

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "reference"
MADE = "<!-- Made by `make docs` from {}: change it there. -->\n"


def pages() -> Mapping[str, str]:
    """Every made page, by its name."""
    makers: dict[str, Callable[[], Iterator[str]]] = {
        "fields.md": _fields,
        "settings.md": _settings,
        "messages.md": _messages,
        "metrics.md": _metrics,
        "commands.md": _commands,
    }
    return {name: "\n".join(make()) + "\n" for name, make in makers.items()}


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|").strip()


def _fields() -> Iterator[str]:
    yield MADE.format("the CRD")
    yield "# Every field of a ReleaseSetup\n"
    yield "[resource.md](resource.md) is the page to begin with; this one leaves nothing out. A field"
    yield "in **bold** is required"
    yield "where the object around it stands. Lists say how many members they may have.\n"
    path = ROOT / "crds" / "releasesetups.release.delivr.live.yaml"
    (version,) = yaml.safe_load(path.read_text())["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]["properties"]
    for part, title in (("spec", "## What a tenant writes"), ("status", "## What the operator writes")):
        yield f"{title}\n"
        yield "| field | type | meaning and rules |"
        yield "| --- | --- | --- |"
        yield from _rows_of(schema[part], part, required=False, top=True)
        yield ""
    yield "## Columns of `kubectl get`\n"
    yield "| column | shown | meaning |"
    yield "| --- | --- | --- |"
    for column in version["additionalPrinterColumns"]:
        shown = "with `--output=wide`" if column.get("priority") else "always"
        yield f"| {column['name']} | {shown} | {_cell(column['description'])} |"


def _rows_of(schema: Mapping[str, Any], path: str, *, required: bool, top: bool = False) -> Iterator[str]:
    if not top:
        name = f"**`{path}`**" if required else f"`{path}`"
        yield f"| {name} | {_kind(schema)} | {_cell(_meaning(schema))} |"
    inner, place = (schema["items"], f"{path}[]") if "items" in schema else (schema, path)
    for name, one in inner.get("properties", {}).items():
        yield from _rows_of(one, f"{place}.{name}", required=name in inner.get("required", ()))


def _kind(schema: Mapping[str, Any]) -> str:
    if "items" in schema:
        low, high = schema.get("minItems", 0), schema.get("maxItems", "")
        return f"list of {_kind(schema['items'])}" + (f", {low} to {high}" if high else "")
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    words = str(schema.get("format") or schema["type"])
    high = schema.get("maxLength")
    return f"{words}, up to {high}" if high and schema["type"] == "string" else words


def _meaning(schema: Mapping[str, Any]) -> str:
    said = [schema.get("description", schema.get("items", {}).get("description", ""))]
    if "default" in schema and not isinstance(schema["default"], dict):
        said.append(f"Default: `{_written(schema['default'])}`.")
    said += [
        f"It {rule['message']}."
        for rule in schema.get("x-kubernetes-validations", ())
        if rule["message"].startswith(("must", "may", "cannot"))
    ]
    return " ".join(said)


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _settings() -> Iterator[str]:
    yield MADE.format("`settings.py`, `manifests/base/settings.env` and `manifests/base/deployment.yaml`")
    yield "# Every setting\n"
    yield "Settings are environment variables. An empty one counts as not set. A wrong one stops the"
    yield "operator at start, and its name"
    yield "is said. Durations are such as `90s`, `30m` or `1h30m`; lists have commas between their members.\n"
    yield "| variable | default | read by | meaning |"
    yield "| --- | --- | --- | --- |"
    said = _comments()
    for name, field in Settings.model_fields.items():
        variable = name.upper()
        yield f"| `{variable}` | {_default(field)} | {_readers(name)} | {_cell(said[variable])} |"
    yield ""
    yield "`KUBECONFIG` and the variables of a pod say where the cluster is, as for every client of"
    yield "Kubernetes."


def _messages() -> Iterator[str]:
    yield MADE.format("`reasons.py`")
    yield "# What is said of an integration, and what to do\n"
    yield "Messages are made of these sentences, after the integration's name; what follows them names the"
    yield "part that is meant and what the provider answered. `delivr-operator status` shows them, and so do"
    yield "`.status.integrations[*].message`, events and, where it is the cause, `Ready`."
    yield "[reasons.md](reasons.md) explains each reason, [verdicts.md](verdicts.md) says which answer leads"
    yield "to it.\n"
    yield "| reason | GitHub, Slack, ... |"
    yield "| --- | --- |"
    for reason in sorted(SENTENCES, key=str):
        yield f"| `{reason.value}` | {_cell(SENTENCES[reason])} |"
    yield '\nBehind `Note:` stands what a "yes" leaves open:\n'
    yield "| caveat | note |"
    yield "| --- | --- |"
    for caveat in sorted(CAVEATS, key=str):
        yield f"| `{caveat.value}` | {_cell(CAVEATS[caveat])} |"


def _default(field: Any) -> str:
    if field.is_required():
        return "must be set"
    value = field.default
    if value is None or value == ():
        return "not set"
    if isinstance(value, timedelta):
        return (
            f"`{int(value.total_seconds())}s`"
            if not _in_milliseconds(field)
            else f"`{value // timedelta(milliseconds=1)}`"
        )
    if isinstance(value, tuple):
        return f"`{','.join(value)}`"
    return f"`{_written(value)}`"


def _in_milliseconds(field: Any) -> bool:
    return any(
        "milliseconds" in getattr(getattr(one, "func", None), "__name__", "") for one in field.metadata
    )


def _readers(name: str) -> str:
    readers = ["`run`"]
    readers += ["`check`"] if name in ProbeSettings.model_fields else []
    readers += (
        ["`migrate`", "`status --tenant`", "`rotate-key`"] if name in DatabaseSettings.model_fields else []
    )
    return ", ".join(readers)


def _comments() -> Mapping[str, str]:
    """What the manifests say of each variable: a comment is about all lines up to the next comment."""
    found: dict[str, str] = {}
    comment, fresh = "", True
    for line in (ROOT / "manifests" / "base" / "settings.env").read_text().splitlines():
        if line.startswith("#"):
            comment = line[2:] if fresh else f"{comment} {line[2:]}"
            fresh = False
        else:
            fresh = True
            if "=" in line:
                found[line.partition("=")[0]] = comment
    header = (ROOT / "manifests" / "base" / "deployment.yaml").read_text()
    for names, text in re.findall(r"^#   ([A-Z_]+(?:, [A-Z_]+)*) +(.+)$", header, re.MULTILINE):
        found |= dict.fromkeys(names.split(", "), text)
    return found


def _metrics() -> Iterator[str]:
    yield MADE.format("`metrics.py`, `series.py` and `manifests/monitoring/alerts.yaml`")
    yield "# Every metric and alert\n"
    yield "`/metrics` on the health port. A name, its labels and their values keep their meaning; new"
    yield "ones are announced in the"
    yield "changelog. No label holds anything from outside: types, verdicts and reasons are closed"
    yield "lists, hosts that tenants chose"
    yield "are all called `tenant`. Series with `exported_namespace` and `name` are there for each"
    yield "ReleaseSetup, go with it, and are"
    yield "left out by `METRICS_PER_RESOURCE=false`.\n"
    yield "| metric | kind | labels | meaning |"
    yield "| --- | --- | --- | --- |"
    metrics = Metrics(per_resource=True, queue_depth=int)
    metrics.follow_quotas(dict)
    labels = {
        name: collector._labelnames  # noqa: SLF001 - what describe() leaves out
        for collector, names in metrics.registry._collector_to_names.items()  # noqa: SLF001
        if hasattr(collector, "_labelnames")
        for name in names
    }
    for family in sorted(metrics.registry.collect(), key=lambda one: one.name):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        own = labels.get(family.name) or getattr(family, "_labelnames", None) or ()
        words = ", ".join(f"`{one}`" for one in own)
        yield f"| `{name}` | {family.type} | {words} | {_cell(family.documentation)} |"
    yield "\n## Alerts\n"
    yield "| alert | severity | after | fires while |"
    yield "| --- | --- | --- | --- |"
    (group,) = yaml.safe_load((ROOT / "manifests" / "monitoring" / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]:
        severity, patience = rule["labels"]["severity"], rule.get("for", "at once")
        yield f"| `{rule['alert']}` | {severity} | {patience} | `{_cell(rule['expr'])}` |"


def _commands() -> Iterator[str]:
    yield MADE.format("the commands' own help")
    yield "# Every command\n"
    yield "Exit codes are the same throughout: 0 done, or yes; 1 refused, or no, and the message says"
    yield "what to do; 2 cannot tell, or"
    yield "wrong usage. Errors go to standard error, in one line each."
    for name, command in sorted(main.commands.items()):
        context = click.Context(
            command,
            info_name=f"delivr-operator {name}",
            terminal_width=100,
            max_content_width=100,
            help_option_names=["-h", "--help"],
        )
        yield f"\n## {name}\n\n```text"
        yield command.get_help(context).rstrip()
        yield "```"


def write() -> None:
    """The folder holds every page as it should be."""
    for name, text in pages().items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    write()
