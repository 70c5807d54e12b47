"""The public test kit: what the project's own tests use, for the tests of others too."""
