"""Runs from elsewhere and to elsewhere. Files of other tools come in as runs of the store; runs go out as files."""
