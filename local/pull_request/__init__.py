"""What a pull request changes, in words: resources, access, budget and verdicts, for GitHub."""
