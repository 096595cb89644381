"""The embedded servers: start, restart, locks, lost libraries."""
