"""The resources of `/v1`, one module each; every module has a `router`."""
