"""The key that signs what people say in tests: a record made by the fixture `record_database` knows it."""

from datetime import UTC, datetime

from worker.signing import Signer, new_key

SIGNER = Signer.of(new_key())
SINCE = datetime(2020, 1, 1, tzinfo=UTC)
"""From when on its signatures count."""
