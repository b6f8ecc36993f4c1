"""A stand-in on loopback for the outside systems the site talks to, with its own ledger."""
