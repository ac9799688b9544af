"""Guests. The distribution's packages come in; bootable guests and their saved states go out."""
