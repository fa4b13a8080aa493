"""The tables as far as the operator reads and writes them; their shape stands in `sql/`."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, MetaData, String, Table, Text

METADATA = MetaData()

accounts = Table("accounts", METADATA, Column("id", String), Column("email", String))

tenants = Table("tenants", METADATA, Column("id", String))

collaborators = Table(
    "collaborators",
    METADATA,
    Column("accountId", String),
    Column("appId", String),
    Column("tenantId", String),
    Column("permission", String),
)

settings = Table(
    "tenant_release_settings",
    METADATA,
    Column("id", String),
    Column("tenantId", String),
    Column("setupComplete", Boolean),
    Column("setupCompletedAt", DateTime),
    Column("setupCompletedByAccountId", String),
    Column("githubConnected", Boolean),
    Column("targetPlatformsConfigured", Boolean),
    Column("platformCredentialsConfigured", Boolean),
    Column("cicdConfigured", Boolean),
    Column("slackConfigured", Boolean),
    Column("selectedTargets", Text),
    Column("selectedPlatforms", Text),
)

integrations = Table(
    "tenant_integrations",
    METADATA,
    Column("id", String),
    Column("tenantId", String),
    Column("integrationType", String),
    Column("isEnabled", Boolean),
    Column("isRequired", Boolean),
    Column("config", Text),
    Column("configuredByAccountId", String),
    Column("lastVerifiedAt", DateTime),
    Column("verificationStatus", String),
)

claims = Table(
    "tenant_release_claims",
    METADATA,
    Column("tenantId", String),
    Column("resourceUid", String),
    Column("namespace", String),
    Column("name", String),
    Column("resourceCreatedAt", DateTime),
    Column("generation", BigInteger),
    Column("integrationTypes", Text),
)
