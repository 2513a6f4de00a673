"""What the database functions have in common: connection, SQL, secrets, errors, retries, log."""
