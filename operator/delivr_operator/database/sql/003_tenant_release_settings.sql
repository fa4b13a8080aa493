-- The tables of the Release Management setup, as setup_database_design_plan.md has them, and the operator's own
-- record of whose rows they are.
--
-- This file is valid as it stands where tenants.id is latin1_bin and accounts.id is latin1_swedish_ci, which is
-- what a database with the default latin1 has. Anywhere else a foreign key needs the character set and collation
-- of the column it refers to, and Delivr lets the database's default decide those. So `delivr-operator migrate up`
-- puts what it finds on tenants.id in place of
--     CHARACTER SET latin1 COLLATE latin1_bin
-- and what it finds on accounts.id in place of
--     CHARACTER SET latin1 COLLATE latin1_swedish_ci
-- and changes nothing else. (The plan leaves the second one unsaid: DEFAULT CHARSET=latin1 means the same.)
-- A tenant_integrations that stands already is left alone here; `migrate up` brings it to this shape.

CREATE TABLE IF NOT EXISTS tenant_release_settings (
  id VARCHAR(255) PRIMARY KEY,
  tenantId CHAR(36) CHARACTER SET latin1 COLLATE latin1_bin NOT NULL,

  -- Setup status
  setupComplete BOOLEAN DEFAULT FALSE,
  setupCompletedAt DATETIME NULL,
  setupCompletedByAccountId VARCHAR(255) CHARACTER SET latin1 COLLATE latin1_swedish_ci NULL,

  -- Setup steps completion tracking
  githubConnected BOOLEAN DEFAULT FALSE,
  targetPlatformsConfigured BOOLEAN DEFAULT FALSE,
  platformCredentialsConfigured BOOLEAN DEFAULT FALSE,
  cicdConfigured BOOLEAN DEFAULT FALSE,
  slackConfigured BOOLEAN DEFAULT FALSE,

  -- Configuration metadata
  selectedTargets JSON NULL,
  selectedPlatforms JSON NULL,

  -- Timestamps
  createdAt DATETIME DEFAULT CURRENT_TIMESTAMP,
  updatedAt DATETIME DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,

  -- Indexes
  UNIQUE KEY unique_tenant_release_settings (tenantId),
  INDEX idx_tenant_setup_status (tenantId, setupComplete),

  -- Foreign Keys
  FOREIGN KEY (tenantId) REFERENCES tenants(id) ON DELETE CASCADE,
  FOREIGN KEY (setupCompletedByAccountId) REFERENCES accounts(id) ON DELETE SET NULL
) ENGINE=InnoDB DEFAULT CHARSET=latin1;

CREATE TABLE IF NOT EXISTS tenant_integrations (
  id VARCHAR(255) PRIMARY KEY,
  tenantId CHAR(36) CHARACTER SET latin1 COLLATE latin1_bin NOT NULL,

  -- Integration type
  integrationType ENUM(
    'GITHUB',
    'GITLAB',
    'BITBUCKET',
    'JENKINS',
    'GITHUB_ACTIONS',
    'SLACK',
    'TEAMS',
    'JIRA',
    'LINEAR',
    'APP_STORE_CONNECT',
    'PLAY_STORE',
    'CODE_SIGNING',
    'FIREBASE',
    'TEST_RAIL'
  ) NOT NULL,

  -- Status flags
  isEnabled BOOLEAN DEFAULT FALSE,
  isRequired BOOLEAN DEFAULT FALSE,

  -- Configuration: every credential in it is sealed, field by field
  config JSON NOT NULL,

  -- Verification tracking
  configuredByAccountId VARCHAR(255) CHARACTER SET latin1 COLLATE latin1_swedish_ci NOT NULL,
  lastVerifiedAt DATETIME NULL,
  verificationStatus ENUM('NOT_VERIFIED', 'VALID', 'INVALID', 'EXPIRED') DEFAULT 'NOT_VERIFIED',

  -- Timestamps
  createdAt DATETIME DEFAULT CURRENT_TIMESTAMP,
  updatedAt DATETIME DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,

  -- Indexes
  UNIQUE KEY unique_tenant_integration (tenantId, integrationType),
  INDEX idx_tenant_integrations_tenant (tenantId),
  INDEX idx_tenant_integrations_type (integrationType),
  INDEX idx_tenant_integrations_enabled (tenantId, isEnabled),

  -- Foreign Keys
  FOREIGN KEY (tenantId) REFERENCES tenants(id) ON DELETE CASCADE,
  FOREIGN KEY (configuredByAccountId) REFERENCES accounts(id) ON DELETE RESTRICT
) ENGINE=InnoDB DEFAULT CHARSET=latin1;

-- Which ReleaseSetup, at which generation, a tenant's rows come from, and which types it wrote. Its row is the lock
-- under which the rows are written, and what lets the database itself refuse a writer that saw an older generation.
CREATE TABLE IF NOT EXISTS tenant_release_claims (
  tenantId CHAR(36) CHARACTER SET latin1 COLLATE latin1_bin NOT NULL PRIMARY KEY,
  resourceUid VARCHAR(64) NOT NULL,
  namespace VARCHAR(63) NOT NULL,
  name VARCHAR(253) NOT NULL,
  resourceCreatedAt DATETIME NOT NULL,
  generation BIGINT NOT NULL,
  integrationTypes JSON NOT NULL,
  updatedAt DATETIME DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,

  FOREIGN KEY (tenantId) REFERENCES tenants(id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=latin1;
