"""Judges what a stack would declare, before anything is made: `make policy ENV=...`."""
