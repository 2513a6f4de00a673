"""Judges that were not written here: how they are asked, and what is accepted of them."""
