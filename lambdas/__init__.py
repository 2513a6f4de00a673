"""Code that runs in AWS Lambda. It ships alone and imports none of the project's other folders."""
