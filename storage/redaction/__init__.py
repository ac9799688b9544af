"""Redaction: taking a secret out of a family, and proving that its bytes are gone."""
