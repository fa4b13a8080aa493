"""PURE: how our values stand in the columns, to be written and to be compared."""

import json
from datetime import UTC, datetime
from typing import Any

from delivr_operator.database.reading import parsed_json
from delivr_operator.rows import Claim, DesiredIntegration, SettingsRow


def holder_columns(claim: Claim) -> dict[str, Any]:
    """Return how a claim is stored."""
    return {
        "resourceUid": claim.uid,
        "namespace": claim.namespace,
        "name": claim.name,
        "resourceCreatedAt": whole_second(claim.created_at),
        "generation": claim.generation,
        "integrationTypes": json.dumps(sorted(claim.types)),
    }


def settings_columns(row: SettingsRow) -> dict[str, Any]:
    """Return how a settings row is stored, less its id and tenant."""
    return {
        "setupComplete": row.setup_complete,
        "setupCompletedAt": whole_second(row.completed_at),
        "setupCompletedByAccountId": row.completed_by,
        "githubConnected": row.steps.github_connected,
        "targetPlatformsConfigured": row.steps.target_platforms_configured,
        "platformCredentialsConfigured": row.steps.platform_credentials_configured,
        "cicdConfigured": row.steps.cicd_configured,
        "slackConfigured": row.steps.slack_configured,
        "selectedTargets": json.dumps(row.targets),
        "selectedPlatforms": json.dumps(row.platforms),
    }


def flag_columns(row: DesiredIntegration) -> dict[str, Any]:
    """Return how an integration is stored beside its config."""
    return {
        "isEnabled": row.enabled,
        "isRequired": row.required,
        "configuredByAccountId": row.configured_by,
        "lastVerifiedAt": whole_second(row.last_verified_at),
        "verificationStatus": row.status.value,
    }


def comparable(name: str, value: Any) -> Any:
    """Return what two values of a column have in common where they mean the same."""
    return parsed_json(value) if name in ("selectedTargets", "selectedPlatforms") else value


def whole_second(moment: datetime | None) -> datetime | None:
    """Return the whole second in UTC: of fractions, MySQL rounds up and MariaDB cuts off."""
    return None if moment is None else moment.astimezone(UTC).replace(microsecond=0, tzinfo=None)
