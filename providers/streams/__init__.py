"""The framings of streamed replies. Bytes come in, piece by piece; events go out, and the other way round."""
