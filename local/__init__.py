"""This machine as an AWS account: what the `local` environment runs on."""
