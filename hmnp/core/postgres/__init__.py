"""Django's PostgreSQL backend, less careful with a connection that answered a moment ago."""
