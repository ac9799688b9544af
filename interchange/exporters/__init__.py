"""Exporters: runs as files that open elsewhere."""
