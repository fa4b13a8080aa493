-- The per-category tables that today's Delivr reads, as far as facts about them are known; written from facts, not
-- copied. Load after base_tables.sql. Times have no default, as their ORM leaves them.

CREATE TABLE tenant_scm_integrations (
  id                 VARCHAR(255) NOT NULL PRIMARY KEY,
  tenantId           CHAR(36) BINARY NOT NULL,
  scmType            ENUM('GITHUB','GITLAB','BITBUCKET') NOT NULL,
  displayName        VARCHAR(255) NOT NULL,
  owner              VARCHAR(255) NOT NULL,
  repo               VARCHAR(255) NOT NULL,
  repositoryUrl      VARCHAR(512) NOT NULL,
  defaultBranch      VARCHAR(255) NULL,
  accessToken        TEXT NULL,
  webhookSecret      TEXT NULL,
  isActive           TINYINT(1) NOT NULL DEFAULT 1,
  verificationStatus ENUM('PENDING','VALID','INVALID','EXPIRED') NOT NULL DEFAULT 'PENDING',
  lastVerifiedAt     DATETIME NULL,
  verificationError  TEXT NULL,
  createdByAccountId VARCHAR(255) NOT NULL,
  createdAt          DATETIME NOT NULL,
  updatedAt          DATETIME NOT NULL,
  KEY tenantId (tenantId),
  FOREIGN KEY (tenantId) REFERENCES tenants (id) ON DELETE CASCADE,
  FOREIGN KEY (createdByAccountId) REFERENCES accounts (id)
) ENGINE=InnoDB;

CREATE TABLE tenant_ci_cd_integrations (
  id                 VARCHAR(255) NOT NULL PRIMARY KEY,
  tenantId           CHAR(36) BINARY NOT NULL,
  providerType       ENUM('JENKINS','GITHUB_ACTIONS','CIRCLE_CI','GITLAB_CI') NOT NULL,
  displayName        VARCHAR(255) NOT NULL,
  hostUrl            VARCHAR(512) NOT NULL,
  authType           ENUM('BASIC','BEARER','HEADER') NOT NULL,
  username           VARCHAR(255) NULL,
  apiToken           TEXT NULL,
  providerConfig     JSON NULL,
  verificationStatus ENUM('PENDING','VALID','INVALID','EXPIRED') NOT NULL DEFAULT 'PENDING',
  lastVerifiedAt     DATETIME NULL,
  createdByAccountId VARCHAR(255) NOT NULL,
  createdAt          DATETIME NOT NULL,
  updatedAt          DATETIME NOT NULL,
  UNIQUE KEY one_a_provider (tenantId, providerType),
  FOREIGN KEY (tenantId) REFERENCES tenants (id) ON DELETE CASCADE,
  FOREIGN KEY (createdByAccountId) REFERENCES accounts (id)
) ENGINE=InnoDB;

CREATE TABLE tenant_ci_cd_workflows (
  id                  VARCHAR(255) NOT NULL PRIMARY KEY,
  tenantId            CHAR(36) BINARY NOT NULL,
  integrationId       VARCHAR(255) NOT NULL,
  providerType        ENUM('JENKINS','GITHUB_ACTIONS','CIRCLE_CI','GITLAB_CI') NOT NULL,
  displayName         VARCHAR(255) NOT NULL,
  workflowUrl         VARCHAR(1024) NOT NULL,
  providerIdentifiers JSON NULL,
  platform            VARCHAR(50) NOT NULL,
  workflowType        ENUM('PRE_REGRESSION_BUILD','REGRESSION_BUILD','TEST_FLIGHT_BUILD','AAB_BUILD','AUTOMATION_BUILD','CUSTOM') NOT NULL,
  createdByAccountId  VARCHAR(255) NOT NULL,
  createdAt           DATETIME NOT NULL,
  updatedAt           DATETIME NOT NULL,
  FOREIGN KEY (integrationId) REFERENCES tenant_ci_cd_integrations (id) ON DELETE CASCADE
) ENGINE=InnoDB;

CREATE TABLE tenant_comm_integrations (
  id                 VARCHAR(255) NOT NULL PRIMARY KEY,
  tenantId           CHAR(36) BINARY NOT NULL,
  communicationType  ENUM('SLACK') NOT NULL,
  slackBotToken      TEXT NULL,
  slackBotUserId     VARCHAR(255) NULL,
  slackWorkspaceId   VARCHAR(255) NULL,
  slackWorkspaceName VARCHAR(255) NULL,
  verificationStatus VARCHAR(50) NULL,
  createdByAccountId VARCHAR(255) NULL,
  createdAt          DATETIME NOT NULL,
  updatedAt          DATETIME NOT NULL,
  KEY tenantId (tenantId)
) ENGINE=InnoDB;

CREATE TABLE store_integrations (
  id                 CHAR(36) NOT NULL PRIMARY KEY,
  tenantId           CHAR(36) NOT NULL,
  storeType          ENUM('APP_STORE','PLAY_STORE','TESTFLIGHT','MICROSOFT_STORE','FIREBASE') NOT NULL,
  platform           ENUM('ANDROID','IOS') NOT NULL,
  displayName        VARCHAR(255) NOT NULL,
  appIdentifier      VARCHAR(255) NOT NULL,
  targetAppId        VARCHAR(255) NULL,
  status             ENUM('PENDING','VERIFIED','REVOKED') NOT NULL DEFAULT 'PENDING',
  lastVerifiedAt     DATETIME NULL,
  createdByAccountId VARCHAR(255) NOT NULL,
  createdAt          DATETIME NOT NULL,
  updatedAt          DATETIME NOT NULL,
  KEY tenantId (tenantId)
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_bin;

CREATE TABLE store_credentials (
  id               CHAR(36) NOT NULL PRIMARY KEY,
  integrationId    CHAR(36) NOT NULL,
  credentialType   ENUM('APPLE_API_KEY','GOOGLE_SERVICE_ACCOUNT') NOT NULL,
  encryptedPayload LONGBLOB NOT NULL,
  encryptionScheme VARCHAR(50) NOT NULL,
  rotatedAt        DATETIME NULL,
  createdAt        DATETIME NOT NULL,
  updatedAt        DATETIME NOT NULL,
  KEY integrationId (integrationId)
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_bin;

CREATE TABLE project_management_integrations (
  id                 VARCHAR(255) NOT NULL PRIMARY KEY,
  tenantId           CHAR(36) BINARY NOT NULL,
  name               VARCHAR(255) NOT NULL,
  providerType       ENUM('JIRA','LINEAR','ASANA') NOT NULL,
  config             JSON NOT NULL,
  isEnabled          TINYINT(1) NOT NULL DEFAULT 1,
  verificationStatus ENUM('PENDING','VALID','INVALID','EXPIRED') NOT NULL DEFAULT 'PENDING',
  lastVerifiedAt     DATETIME NULL,
  createdByAccountId VARCHAR(255) NULL,
  createdAt          DATETIME NOT NULL,
  updatedAt          DATETIME NOT NULL,
  UNIQUE KEY one_a_name (tenantId, name)
) ENGINE=InnoDB;

CREATE TABLE tenant_test_management_integrations (
  id                    VARCHAR(255) NOT NULL PRIMARY KEY,
  tenant_id             CHAR(36) BINARY NOT NULL,
  name                  VARCHAR(255) NOT NULL,
  provider_type         ENUM('testrail','checkmate') NOT NULL,
  config                JSON NOT NULL,
  created_by_account_id VARCHAR(255) NULL,
  created_at            DATETIME NOT NULL,
  updated_at            DATETIME NOT NULL,
  UNIQUE KEY one_a_name (tenant_id, name)
) ENGINE=InnoDB;
