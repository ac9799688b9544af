"""Printing for people and for programs. Values come in; lines, tables and JSON go out."""
