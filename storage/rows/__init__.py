"""Between the types of `footage.trajectory` and the rows of the store, checked in both directions."""

from footage.moved import attributes_of

__getattr__ = attributes_of("footage.storage.rows.to_rows")
