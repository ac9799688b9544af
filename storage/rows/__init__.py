"""Between the types of `footage.trajectory` and the rows of the store, checked in both directions."""
