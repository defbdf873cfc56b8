"""Every message of the engine as a pydantic model: what people and systems send, what histories hold. Imports nothing of ours."""
