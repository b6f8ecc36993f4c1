"""Settings by environment: `local` for a developer's machine, `test`, and `production`."""
