"""Pictures: lossless, checked, made of tiles that are stored once in a family."""
