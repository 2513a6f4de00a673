"""One module per command of `python -m local`; each has `run(paths, arguments) -> status`."""
