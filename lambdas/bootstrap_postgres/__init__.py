"""The function that turns a new RDS for PostgreSQL instance into one that no password opens."""
