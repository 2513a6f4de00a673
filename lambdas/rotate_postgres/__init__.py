"""The function that changes the password of a pair of logins while nobody notices."""
