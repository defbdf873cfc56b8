#!/bin/sh
# The two schemas of the Temporal server, made or brought up to date; run again, it changes nothing.
# Never `setup-schema` on a database that has one: it would write the version back to 0.0. So: update first, and set up only
# where the answer is that there is no schema yet.
set -eu

update() {
  temporal-sql-tool --plugin postgres12 --ep "$SQL_HOST" -p "$SQL_PORT" -u "$SQL_USER" --db "$1" \
    update-schema -d "/etc/temporal/schema/postgresql/v12/$2/versioned"
}

bring_up_to_date() {
  if answer=$(update "$1" "$2" 2>&1); then
    echo "$1: up to date"
    return
  fi
  case $answer in
    *schema_version*'does not exist'*) ;;
    *)
      printf '%s: cannot be updated\n%s\n' "$1" "$answer" >&2
      exit 1
      ;;
  esac
  temporal-sql-tool --plugin postgres12 --ep "$SQL_HOST" -p "$SQL_PORT" -u "$SQL_USER" --db "$1" setup-schema -v 0.0
  update "$1" "$2"
  echo "$1: set up"
}

bring_up_to_date temporal temporal
bring_up_to_date temporal_visibility visibility
