#!/bin/sh
# The namespace and its search attributes; run again, it changes nothing. The list is that of schemas/search_attributes.py
# (tests/project/test_compose.py compares them). At most 10 of type Keyword and 3 of each other type fit a SQL visibility store.
set -eu

patiently() {
  # A namespace just made is seen by every part of the server after some seconds only.
  attempts=30
  until "$@"; do
    attempts=$((attempts - 1))
    [ "$attempts" -gt 0 ] || { echo "gave up: $*" >&2; exit 1; }
    sleep 2
  done
}

patiently temporal operator cluster health
if ! temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1; then
  patiently temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$TEMPORAL_RETENTION" \
    --description "Programme cooperation agreements"
fi

while read -r name type; do
  [ -n "$name" ] || continue
  patiently temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" --name "$name" --type "$type"
done <<'ATTRIBUTES'
PcaRef Keyword
PcaStage Keyword
PcaStatus Keyword
PcaTrack Keyword
PcaCountry Keyword
PcaPartner Keyword
PcaOwner Keyword
PcaWaitingOn Keyword
PcaDueAt Datetime
PcaStageSince Datetime
PcaEscalation Int
PcaOverdue Bool
ATTRIBUTES
