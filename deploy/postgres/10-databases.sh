#!/usr/bin/env bash
# Roles and databases, once, when the data folder is empty (the postgres image runs what lies in docker-entrypoint-initdb.d).
# Three databases, because the two schemas of Temporal cannot share one; nobody but its owner can connect to any of them.
set -euo pipefail

psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
  --set temporal_password="$TEMPORAL_DB_PASSWORD" --set owner_password="$PCA_OWNER_PASSWORD" --set app_password="$PCA_DB_PASSWORD" <<'SQL'
CREATE ROLE temporal LOGIN PASSWORD :'temporal_password';
CREATE ROLE pca_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE pca_app LOGIN PASSWORD :'app_password';

CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
CREATE DATABASE pca OWNER pca_owner;

REVOKE CONNECT ON DATABASE temporal, temporal_visibility, pca FROM PUBLIC;
GRANT CONNECT ON DATABASE pca TO pca_app;
SQL

# The worker is not the owner: it can neither change the schema nor truncate a table. What it may do on a table that the owner
# makes later is granted here; the append-only tables take UPDATE and DELETE back in their own migration.
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname pca <<'SQL'
ALTER SCHEMA public OWNER TO pca_owner;
GRANT USAGE ON SCHEMA public TO pca_app;
ALTER DEFAULT PRIVILEGES FOR ROLE pca_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO pca_app;
ALTER DEFAULT PRIVILEGES FOR ROLE pca_owner GRANT USAGE ON SEQUENCES TO pca_app;
ALTER DEFAULT PRIVILEGES FOR ROLE pca_owner GRANT USAGE ON SCHEMAS TO pca_app;
SQL
