"""Who is calling: OpenID Connect tokens, browser sessions, API keys. Each ends in a `Caller` (`api/caller.py`)."""
