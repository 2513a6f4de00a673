"""This machine as an AWS account: the API on loopback and the real parts behind it."""
