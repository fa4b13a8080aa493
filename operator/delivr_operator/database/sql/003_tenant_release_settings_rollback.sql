-- Takes back what 003_tenant_release_settings.sql made. tenant_integrations is not here: where it stood before, it
-- and its rows stay. `delivr-operator migrate down` knows from its record what stood before: it puts an older
-- tenant_integrations back to its older shape, drops one that `migrate up` made, and keeps a table of these two
-- that stood before as well.

DROP TABLE IF EXISTS tenant_release_claims;

DROP TABLE IF EXISTS tenant_release_settings;
