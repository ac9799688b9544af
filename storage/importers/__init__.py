"""Importers: runs that other tools recorded, made runs of ours."""
